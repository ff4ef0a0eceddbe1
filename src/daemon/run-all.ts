import { setMaxListeners } from 'node:events';
import { errorMessage } from '../base/errors.ts';
import type { Component } from './component.ts';
import type { Logger } from './logger.ts';

/** Told how far the components are. */
export interface Progress {
  /** These are not ready yet; never empty. */
  starting(names: readonly string[]): void;
  /** These have not ended yet after they were told to; never empty. */
  stopping(names: readonly string[]): void;
}

/**
 * Runs components side by side in one process. Resolves when `signal` has aborted and all have ended; the first failure stops the others
 * and is thrown with the component's name. `ready` is called once all are ready.
 */
export async function runAll(
  components: readonly Component[],
  signal: AbortSignal,
  ready: () => void,
  log: Logger,
  progress?: Progress,
): Promise<void> {
  const stop = new AbortController();
  // Whatever a daemon does listens to this one: that there are many is no leak, which Node would warn of from eleven on.
  setMaxListeners(0, stop.signal);
  const onAbort = (): void => stop.abort(signal.reason);
  if (signal.aborted) onAbort();
  else signal.addEventListener('abort', onAbort, { once: true });
  const waiting = new Set(components.map(c => c.name));
  const running = new Set(components);
  const tellStopping = (): void => {
    if (running.size > 0) progress?.stopping([...running].map(({ name }) => name));
  };
  stop.signal.addEventListener('abort', tellStopping, { once: true });
  let failure: Error | undefined;
  const runOne = async (component: Component): Promise<void> => {
    try {
      await component.run(stop.signal, () => {
        if (!waiting.delete(component.name)) return;
        log.info({ component: component.name, waitingFor: [...waiting] }, 'component is ready');
        if (waiting.size === 0) ready();
        else progress?.starting([...waiting]);
      });
      if (!stop.signal.aborted) throw new Error('ended without being asked to');
    } catch (error) {
      if (stop.signal.aborted && failure === undefined && signal.aborted) {
        log.warn({ component: component.name, err: error }, 'component failed while stopping');
        return;
      }
      failure ??= new Error(`${component.name}: ${errorMessage(error)}`, { cause: error });
      stop.abort(failure);
    } finally {
      running.delete(component);
      if (stop.signal.aborted) tellStopping();
    }
  };
  if (waiting.size > 0) progress?.starting([...waiting]);
  await Promise.all(components.map(runOne));
  signal.removeEventListener('abort', onAbort);
  if (failure !== undefined) throw failure;
}
