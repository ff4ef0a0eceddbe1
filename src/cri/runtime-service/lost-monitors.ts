import { errorMessage } from '../../base/errors.ts';
import { containerState } from '../store/container-record.ts';
import { sandboxState } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { recordLost } from './record-exit.ts';

/** Ends the containers and sandboxes whose monitor died without telling how they ended. One short file of /proc is read per monitor. */
export function recordLostMonitors(ctx: RuntimeServiceContext): void {
  const isLost = (monitor: { pid: number; startTime: number } | undefined): boolean =>
    monitor !== undefined && !ctx.node.isAlive(monitor);
  const live = [
    ...ctx.store.allContainers().filter(c => containerState(c) === 'created' || containerState(c) === 'running'),
    ...ctx.store.allSandboxes().filter(s => sandboxState(s) === 'ready'),
  ];
  for (const { id, monitor } of live) {
    if (!isLost(monitor)) continue;
    try {
      recordLost(ctx, id);
    } catch (error) {
      ctx.log.error({ id }, `the end of a container without a monitor could not be recorded: ${errorMessage(error)}`);
    }
  }
}
