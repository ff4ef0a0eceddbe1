import { failedPrecondition } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { ReopenContainerLogRequest, ReopenContainerLogResponse } from '../../rpc/cri-api.ts';
import { type ContainerRecord, containerState } from '../store/container-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { keepLog } from './keep-logs.ts';
import { waitForEnd } from './kill-container.ts';

/**
 * Makes a running container log into a new file at its log path, after the old one was renamed. Resolves when the new file is there. Throws
 * `not-found`, and `failed-precondition` when it does not run or ends
 * meanwhile.
 */
export async function reopenContainerLog(
  ctx: RuntimeServiceContext,
  request: ReopenContainerLogRequest,
  signal?: AbortSignal,
): Promise<ReopenContainerLogResponse> {
  const record = ctx.store.requireContainer(request.containerId);
  if (containerState(record) !== 'running') throw failedPrecondition(`container ${record.id} is not running`);
  if (record.logPath !== '') await reopen(ctx, record, signal);
  keepLog(ctx, record);
  faultPoint('cri/reopen-container-log/reopened');
  return {};
}

/** A monitor whose container ends does not come to it any more, and nobody would tell. */
async function reopen(
  ctx: RuntimeServiceContext,
  { id, logPath }: ContainerRecord,
  signal?: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const either = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
  const ended = waitForEnd(ctx, id, done.signal).then(() => {
    throw failedPrecondition(`container ${id} is not running`);
  });
  try {
    await Promise.race([ctx.monitor.reopenLog(ctx.paths.containerBundle(id), logPath, either), ended]);
  } finally {
    done.abort();
  }
}
