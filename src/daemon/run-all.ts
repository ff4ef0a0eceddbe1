import { setMaxListeners } from 'node:events';
import { errorMessage } from '../base/errors.ts';
import type { Component } from './component.ts';
import type { Logger } from './logger.ts';

/**
 * Runs components side by side in one process. Resolves when `signal` has aborted and all have ended; the first failure stops the others
 * and is thrown with the component's name. `ready` is called once all are ready.
 */
export async function runAll(
  components: readonly Component[],
  signal: AbortSignal,
  ready: () => void,
  log: Logger,
): Promise<void> {
  const stop = new AbortController();
  // Whatever a daemon does listens to this one: that there are many is no leak, which Node would warn of from eleven on.
  setMaxListeners(0, stop.signal);
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const waiting = new Set(components.map(c => c.name));
  let failure: Error | undefined;
  const runOne = async (component: Component): Promise<void> => {
    try {
      await component.run(stop.signal, () => {
        if (!waiting.delete(component.name)) return;
        log.info({ component: component.name, waitingFor: [...waiting] }, 'component is ready');
        if (waiting.size === 0) ready();
      });
      if (!stop.signal.aborted) throw new Error('ended without being asked to');
    } catch (error) {
      if (stop.signal.aborted && failure === undefined && signal.aborted) {
        log.warn({ component: component.name, err: error }, 'component failed while stopping');
        return;
      }
      failure ??= new Error(`${component.name}: ${errorMessage(error)}`, { cause: error });
      stop.abort(failure);
    }
  };
  await Promise.all(components.map(runOne));
  signal.removeEventListener('abort', onAbort);
  if (failure !== undefined) throw failure;
}
