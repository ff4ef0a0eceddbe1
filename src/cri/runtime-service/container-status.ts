import type { ContainerStatusRequest, ContainerStatusResponse } from '../../rpc/cri-api.ts';
import { containerStatus as statusMessage } from './container-message.ts';
import type { RuntimeServiceContext } from './context.ts';
import { runtimeOf } from './runtime-of.ts';

/** The status of a container. Throws `not-found`, which the kubelet takes for "gone". */
export function containerStatus(ctx: RuntimeServiceContext, request: ContainerStatusRequest): ContainerStatusResponse {
  const record = ctx.store.requireContainer(request.containerId);
  return {
    status: statusMessage(record),
    info: request.verbose
      ? {
          info: JSON.stringify({
            sandboxID: record.sandboxId,
            pid: record.finishedAt === undefined ? record.init?.pid : 0,
            runtime: runtimeOf(ctx, record.id).name,
            cgroupPath: record.cgroupPath,
          }),
        }
      : {},
  };
}
