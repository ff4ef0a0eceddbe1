import { faultPoint } from '../../linux/fault-point.ts';
import { ContainerEventType, type RemovePodSandboxRequest, type RemovePodSandboxResponse } from '../../rpc/cri-api.ts';
import { rethrowAll } from '../rethrow-all.ts';
import type { RuntimeServiceContext } from './context.ts';
import { publishEvent } from './publish-event.ts';
import { removeContainerById } from './remove-container.ts';
import { releaseSandbox } from './stop-pod-sandbox.ts';
import { destroySandboxFiles } from './tear-down.ts';

/**
 * Removes a sandbox, ready or not, with its containers, running or not. Safe to repeat; no error when there is none. A removal that a crash cut short
 * is finished by the next call or at the next start.
 */
export async function removePodSandbox(
  ctx: RuntimeServiceContext,
  request: RemovePodSandboxRequest,
  signal?: AbortSignal,
): Promise<RemovePodSandboxResponse> {
  const record = ctx.store.findSandbox(request.podSandboxId);
  if (record !== undefined) await removeSandboxById(ctx, record.id, signal);
  return {};
}

/** Removes the sandbox with this whole id; several callers share one removal. */
export function removeSandboxById(ctx: RuntimeServiceContext, id: string, signal?: AbortSignal): Promise<void> {
  return ctx.joins.run(`remove-pod-sandbox:${id}`, () => remove(ctx, id), signal);
}

async function remove(ctx: RuntimeServiceContext, id: string): Promise<void> {
  if (ctx.store.sandbox(id) === undefined) return;
  await releaseSandbox(ctx, id);
  ctx.store.markSandbox(id, { removedAt: ctx.node.now() });
  faultPoint('cri/remove-pod-sandbox/marked');
  const results = await Promise.allSettled(ctx.store.containersOf(id).map(c => removeContainerById(ctx, c.id)));
  rethrowAll(results.flatMap(r => (r.status === 'rejected' ? [r.reason] : [])));
  faultPoint('cri/remove-pod-sandbox/containers-removed');
  destroySandboxFiles(ctx, id);
  publishEvent(ctx, ContainerEventType.CONTAINER_DELETED_EVENT, id, id);
}
