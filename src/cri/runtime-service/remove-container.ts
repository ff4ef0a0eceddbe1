import { faultPoint } from '../../linux/fault-point.ts';
import { ContainerEventType, type RemoveContainerRequest, type RemoveContainerResponse } from '../../rpc/cri-api.ts';
import type { RuntimeServiceContext } from './context.ts';
import { killContainer } from './kill-container.ts';
import { publishEvent } from './publish-event.ts';
import { destroyContainer } from './tear-down.ts';

/**
 * Removes a container, killing it when it runs; its log stays (it is the kubelet's). Safe to repeat; no error when there is none. A removal that a
 * crash cut short is finished by the next call or at the next start.
 */
export async function removeContainer(
  ctx: RuntimeServiceContext,
  request: RemoveContainerRequest,
  signal?: AbortSignal,
): Promise<RemoveContainerResponse> {
  const record = ctx.store.findContainer(request.containerId);
  if (record !== undefined) await removeContainerById(ctx, record.id, signal);
  return {};
}

/** Removes the container with this whole id; several callers share one removal. */
export function removeContainerById(ctx: RuntimeServiceContext, id: string, signal?: AbortSignal): Promise<void> {
  return ctx.joins.run(`remove-container:${id}`, () => ctx.queue.run(id, () => remove(ctx, id)), signal);
}

async function remove(ctx: RuntimeServiceContext, id: string): Promise<void> {
  await killContainer(ctx, id);
  const record = ctx.store.markContainer(id, { removedAt: ctx.node.now() });
  if (record === undefined) return;
  faultPoint('cri/remove-container/marked');
  await destroyContainer(ctx, id);
  publishEvent(ctx, ContainerEventType.CONTAINER_DELETED_EVENT, record.sandboxId, id);
}
