import { errorMessage } from '../../base/errors.ts';
import { type ContainerRecord, containerState } from '../store/container-record.ts';
import type { RuntimeServiceContext } from './context.ts';

/** Looks after the logs of all running containers. Two files are looked at per container, some 10 µs. */
export function keepLogs(ctx: RuntimeServiceContext): void {
  for (const container of ctx.store.allContainers())
    if (containerState(container) === 'running') keepLog(ctx, container);
}

/** Looks after one log (see oci/kept-log.ts). Never throws: a container runs whatever becomes of its log. Safe to repeat. */
export function keepLog(ctx: RuntimeServiceContext, { id, logPath }: ContainerRecord): void {
  try {
    if (logPath !== '') ctx.monitor.keepLog(logPath);
  } catch (error) {
    ctx.log.warn({ container: id }, `the log may lose lines when it is begun anew: ${errorMessage(error)}`);
  }
}

/** Lets go of the log of a container that has ended. Never throws. Safe to repeat. */
export function releaseLog(ctx: RuntimeServiceContext, { id, logPath }: ContainerRecord): void {
  try {
    if (logPath !== '') ctx.monitor.releaseLog(logPath);
  } catch (error) {
    ctx.log.warn({ container: id }, `a second link to the log is left: ${errorMessage(error)}`);
  }
}
