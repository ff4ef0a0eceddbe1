import { stat } from 'node:fs/promises';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, isNotFound } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';
import { ContainerState } from '../../rpc/cri-api.ts';
import type { LogRotationPolicy } from '../decide/plan-log-rotation.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { rotateLog } from './rotate-log.ts';

export interface LogRotationOptions {
  readonly policy: LogRotationPolicy;
  readonly runtime: Pick<ContainerRuntime, 'listContainers' | 'containerStatus' | 'reopenContainerLog'>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'warn' | 'info'>;
}

/**
 * Rotates the logs of running containers that have grown to `maxBytes`: a look at each every `intervalMs`, since a watch would wake for every line that any of
 * them writes. Returns when the signal aborts. What cannot be rotated is told and tried again in the next round.
 */
export async function rotateLogs(options: LogRotationOptions, signal: AbortSignal): Promise<void> {
  const { policy, clock, log } = options;
  while (!signal.aborted) {
    try {
      await rotateOnce(options, signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ because: errorMessage(error) }, 'the logs of containers could not be looked at');
    }
    await sleep(policy.intervalMs, signal, clock).catch(() => undefined);
  }
}

/** One round: as many logs at the same time as there are workers. */
export async function rotateOnce(options: LogRotationOptions, signal: AbortSignal): Promise<void> {
  const { policy, runtime, log } = options;
  const containers = await runtime.listContainers(undefined, signal);
  // what does not run writes nothing more: an empty new log would hide the last one
  const ids = containers.filter(c => c.state === ContainerState.CONTAINER_RUNNING).map(c => c.id);
  const work = async (): Promise<void> => {
    for (let id = ids.shift(); id !== undefined; id = ids.shift()) {
      try {
        await rotateContainerLog(options, id, signal);
      } catch (error) {
        if (signal.aborted) return;
        log.warn({ container: id, because: errorMessage(error) }, 'the log of a container could not be rotated');
      }
    }
  };
  await Promise.all(Array.from({ length: policy.workers }, work));
}

async function rotateContainerLog(options: LogRotationOptions, id: string, signal: AbortSignal): Promise<void> {
  const { policy, runtime, clock, log } = options;
  const path = (await runtime.containerStatus(id, signal))?.logPath ?? '';
  if (path === '') return;
  const reopen = (): Promise<void> => runtime.reopenContainerLog(id, signal);
  let bytes = await sizeOf(path);
  if (bytes === undefined) {
    // a rotation that was cut short after its rename, or somebody removed it
    await reopen();
    bytes = await sizeOf(path);
  }
  if (bytes === undefined || bytes < policy.maxBytes) return;
  await rotateLog(path, policy.maxFiles, new Date(clock.now()), reopen, signal);
  log.info({ container: id, bytes }, 'rotated the log of a container');
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
