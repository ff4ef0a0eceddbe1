import type { PodSandboxStatusRequest, PodSandboxStatusResponse } from '../../rpc/cri-api.ts';
import { containerState } from '../store/container-record.ts';
import { containerStatus } from './container-message.ts';
import type { RuntimeServiceContext } from './context.ts';
import { runtimeOf } from './runtime-of.ts';
import { sandboxStatus } from './sandbox-message.ts';

/** A sandbox with the statuses of its containers, as one moment saw them. Throws `not-found`, which the kubelet takes for "gone". */
export function podSandboxStatus(
  ctx: RuntimeServiceContext,
  request: PodSandboxStatusRequest,
): PodSandboxStatusResponse {
  const record = ctx.store.requireSandbox(request.podSandboxId);
  return {
    status: sandboxStatus(record),
    containersStatuses: ctx.store
      .containersOf(record.id)
      .filter(c => containerState(c) !== 'creating')
      .map(containerStatus),
    timestamp: ctx.node.now(),
    info: request.verbose
      ? {
          info: JSON.stringify({
            pid: record.infra?.pid,
            netns: record.netnsPath,
            hostname: record.hostname,
            runtime: runtimeOf(ctx, record.id).name,
            released: record.releasedAt !== undefined,
          }),
        }
      : {},
  };
}
