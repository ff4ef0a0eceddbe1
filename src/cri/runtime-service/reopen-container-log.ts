import { failedPrecondition } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { ReopenContainerLogRequest, ReopenContainerLogResponse } from '../../rpc/cri-api.ts';
import { containerState } from '../store/container-record.ts';
import type { RuntimeServiceContext } from './context.ts';

/**
 * Makes a running container log into a new file at its log path, after the old one was renamed. Resolves when the new file is there. Throws
 * `not-found`, and `failed-precondition` when it does not run.
 */
export async function reopenContainerLog(
  ctx: RuntimeServiceContext,
  request: ReopenContainerLogRequest,
  signal?: AbortSignal,
): Promise<ReopenContainerLogResponse> {
  const record = ctx.store.requireContainer(request.containerId);
  if (containerState(record) !== 'running') throw failedPrecondition(`container ${record.id} is not running`);
  if (record.logPath !== '') await ctx.monitor.reopenLog(ctx.paths.containerBundle(record.id), record.logPath, signal);
  faultPoint('cri/reopen-container-log/reopened');
  return {};
}
