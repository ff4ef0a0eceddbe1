import { faultPoint } from '../../linux/fault-point.ts';
import type { StopPodSandboxRequest, StopPodSandboxResponse } from '../../rpc/cri-api.ts';
import { rethrowAll } from '../rethrow-all.ts';
import type { RuntimeServiceContext } from './context.ts';
import { killContainer } from './kill-container.ts';
import { deleteFromRuntime, endInfra } from './record-exit.ts';
import { detachNetwork, releaseNode, removeInfraGroup } from './tear-down.ts';

/**
 * Ends everything in a sandbox at once (the kubelet has given the containers their grace before) and gives its network, namespaces and mounts
 * back. Safe to repeat; a call after a crash goes on where the last one was cut short. No error when there is no such sandbox.
 */
export async function stopPodSandbox(
  ctx: RuntimeServiceContext,
  request: StopPodSandboxRequest,
  signal?: AbortSignal,
): Promise<StopPodSandboxResponse> {
  const record = ctx.store.findSandbox(request.podSandboxId);
  if (record !== undefined) await releaseSandbox(ctx, record.id, signal);
  return {};
}

/** Stops the sandbox with this whole id; several callers share one stop. */
export function releaseSandbox(ctx: RuntimeServiceContext, id: string, signal?: AbortSignal): Promise<void> {
  return ctx.joins.run(`stop-pod-sandbox:${id}`, () => release(ctx, id), signal);
}

async function release(ctx: RuntimeServiceContext, id: string): Promise<void> {
  const record = ctx.store.sandbox(id);
  if (record === undefined || record.releasedAt !== undefined) return;
  // From here on no container is made or started in it; those at work come to their end first.
  if (record.notReadyAt === undefined) ctx.store.markSandbox(id, { notReadyAt: ctx.node.now() });
  faultPoint('cri/stop-pod-sandbox/marked');
  await ctx.joins.idle(`create-container:${id}/`);
  await everyOne(ctx.store.containersOf(id).map(c => killContainer(ctx, c.id)));
  faultPoint('cri/stop-pod-sandbox/containers-stopped');
  await everyOne([
    detachNetwork(ctx, id).then(() => faultPoint('cri/stop-pod-sandbox/network-deleted')),
    endInfraContainer(ctx, id),
  ]);
  releaseNode(ctx, id);
  faultPoint('cri/stop-pod-sandbox/node-released');
  ctx.store.markSandbox(id, { releasedAt: ctx.node.now() });
  faultPoint('cri/stop-pod-sandbox/released');
}

async function endInfraContainer(ctx: RuntimeServiceContext, id: string): Promise<void> {
  await killContainer(ctx, id);
  faultPoint('cri/stop-pod-sandbox/infra-killed');
  await deleteFromRuntime(ctx, id);
  faultPoint('cri/stop-pod-sandbox/infra-deleted');
  await removeInfraGroup(ctx, id);
  // without a pause process nobody else tells of the end
  if (ctx.store.sandbox(id)?.pinned !== undefined) endInfra(ctx, id);
  faultPoint('cri/stop-pod-sandbox/infra-stopped');
}

/** Waits for all; every one is tried whatever happens to the others. */
async function everyOne(work: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(work);
  rethrowAll(results.flatMap(r => (r.status === 'rejected' ? [r.reason] : [])));
}
