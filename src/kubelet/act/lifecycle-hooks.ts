import type { Container, LifecycleHandler } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { GantryError } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import { httpGet } from '../probes/http-get.ts';
import { httpTarget } from '../probes/probe-target.ts';
import { type ProbedContainer, runProbe } from '../probes/run-probe.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';

export interface HookTools {
  readonly runtime: Pick<ContainerRuntime, 'execSync'>;
  readonly clock: Clock;
}

/** A hook that nobody limits: upstream lets postStart take as long as it takes, and gives a request of one a minute. */
const NO_LIMIT = 0;
const HTTP_MS = 60_000;

/** How a hook failed, in upstream's words; undefined where it succeeded. `limitSeconds` 0: none. Rejects only when the signal aborts. */
export async function runHook(
  handler: LifecycleHandler,
  container: ProbedContainer,
  limitSeconds: number,
  tools: HookTools,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (handler.exec !== undefined) {
    const { result, output } = await runProbe({ exec: handler.exec }, container, limitSeconds, tools.runtime, signal);
    signal.throwIfAborted();
    return result === 'success' ? undefined : output.trim() || 'command exited with a failure';
  }
  if (handler.httpGet !== undefined) {
    const target = httpTarget(handler.httpGet, container.spec, container.podIP);
    if ('error' in target) return target.error;
    const { result, output } = await httpGet(target, limitSeconds === NO_LIMIT ? HTTP_MS : limitSeconds * 1000, signal);
    signal.throwIfAborted();
    return result === 'success' ? undefined : output;
  }
  if (handler.sleep !== undefined) {
    const seconds = limitSeconds === NO_LIMIT ? handler.sleep.seconds : Math.min(handler.sleep.seconds, limitSeconds);
    await sleep(seconds * 1000, signal, tools.clock);
    return undefined;
  }
  return 'cannot run handler: invalid handler';
}

/** A container whose postStart failed: it was started, and has to end. */
export function postStartFailure(container: Container, message: string): GantryError {
  return new GantryError('failed-precondition', `PostStartHook of ${container.name} failed: ${message}`, {
    reason: 'PostStartHookError',
  });
}
