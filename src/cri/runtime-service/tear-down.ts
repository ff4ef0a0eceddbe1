/**
 * Taking away what a sandbox or a container has, whichever of it was ever made: the same steps undo a failed creation, finish one that a crash cut
 * short, and end a removal. Each step is safe to repeat and the record goes last, so that a crash between any two leaves something to start from.
 */

import { faultPoint } from '../../linux/fault-point.ts';
import { rethrowAll } from '../rethrow-all.ts';
import { cgroupsPath, groupOf } from '../spec/cgroup-path.ts';
import { cgroupParentOf } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { unmountImageVolumes } from './image-volumes.ts';
import { releaseLog } from './keep-logs.ts';
import { networkAttachment } from './network-attachment.ts';
import { hideMountsAgain } from './pod-ids.ts';
import { deleteFromRuntime } from './record-exit.ts';

/**
 * Takes a container away for good, or undoes one that was never handed out. No monitor and no runtime process is at work on it any more; what still
 * runs inside is killed with the runtime's state.
 */
export async function destroyContainer(ctx: RuntimeServiceContext, id: string): Promise<void> {
  await deleteFromRuntime(ctx, id);
  faultPoint('cri/remove-container/runtime-state-deleted');
  await removeGroup(ctx, ctx.store.container(id)?.cgroupPath);
  faultPoint('cri/remove-container/runtime-deleted');
  ctx.node.unmount(ctx.paths.rootfs(id));
  faultPoint('cri/remove-container/rootfs-unmounted');
  unmountImageVolumes(ctx, id);
  faultPoint('cri/remove-container/image-volumes-unmounted');
  hideMountsAgain(ctx, id);
  ctx.node.removeTree(ctx.paths.containerBundle(id));
  faultPoint('cri/remove-container/bundle-removed');
  ctx.monitor.forget(id);
  faultPoint('cri/remove-container/exit-forgotten');
  ctx.images.release(id);
  const record = ctx.store.container(id);
  if (record !== undefined) releaseLog(ctx, record);
  ctx.store.deleteContainer(id);
  faultPoint('cri/remove-container/record-deleted');
  ctx.node.emptyTrash();
}

/** Takes away what a start that was cut short has left of a container which stays. Its monitor and runtime are not at work any more. Safe to repeat. */
export async function clearStart(ctx: RuntimeServiceContext, id: string): Promise<void> {
  await deleteFromRuntime(ctx, id);
  await removeGroup(ctx, ctx.store.container(id)?.cgroupPath);
  ctx.monitor.clear(id, ctx.paths.containerBundle(id));
}

/** A runtime that was killed between making the group and writing its state down knows nothing of the group afterwards. */
async function removeGroup(ctx: RuntimeServiceContext, path: string | undefined): Promise<void> {
  // records of older programs may lack the path
  if (path?.startsWith('/') === true) await ctx.node.removeCgroup(path);
}

/** The same for a sandbox's infra container. Safe to repeat. */
export async function removeInfraGroup(ctx: RuntimeServiceContext, id: string): Promise<void> {
  const record = ctx.store.sandbox(id);
  await removeGroup(ctx, groupOf(cgroupsPath(record === undefined ? '' : cgroupParentOf(record), id)));
}

/**
 * Takes what the runtime has of an object without a record, and the group that its specification names. Safe to repeat: must come before the bundle goes.
 */
export async function clearFromRuntime(ctx: RuntimeServiceContext, id: string, bundle: string): Promise<void> {
  await deleteFromRuntime(ctx, id);
  await removeGroup(ctx, groupInBundle(ctx, bundle));
}

function groupInBundle(ctx: RuntimeServiceContext, bundle: string): string | undefined {
  try {
    const spec = JSON.parse(ctx.node.readFile(`${bundle}/config.json`)) as { linux?: { cgroupsPath?: string } };
    const path = spec.linux?.cgroupsPath;
    return path === undefined ? undefined : groupOf(path);
  } catch {
    // not there, or cut off while it was written: then no runtime was started with it
    return undefined;
  }
}

/** Disconnects the pod's network; nothing happens on the host network. */
export async function detachNetwork(ctx: RuntimeServiceContext, id: string, signal?: AbortSignal): Promise<void> {
  const record = ctx.store.sandbox(id);
  if (record?.netnsPath === undefined) return;
  await ctx.network.remove(networkAttachment({ ...record, netnsPath: record.netnsPath }), signal);
}

/** Gives back what a stopped sandbox no longer needs: the namespace and the shared memory. */
export function releaseNode(ctx: RuntimeServiceContext, id: string): void {
  const record = ctx.store.sandbox(id);
  if (record === undefined) return;
  if (record.netnsPath !== undefined) ctx.node.removeNetns(record.netnsPath);
  faultPoint('cri/stop-pod-sandbox/netns-removed');
  if (record.usernsPath !== undefined) ctx.node.removeUserns(record.usernsPath);
  for (const path of Object.values(record.pinned ?? {})) ctx.node.removeNetns(path);
  if (record.ownShm) ctx.node.unmount(ctx.paths.shm(id));
}

/** Takes the files and at last the record of a released sandbox away. */
export function destroySandboxFiles(ctx: RuntimeServiceContext, id: string): void {
  ctx.node.removeTree(ctx.paths.sandboxBundle(id));
  faultPoint('cri/remove-pod-sandbox/bundle-removed');
  ctx.monitor.forget(id);
  faultPoint('cri/remove-pod-sandbox/exit-forgotten');
  ctx.store.deleteSandbox(id);
  faultPoint('cri/remove-pod-sandbox/record-deleted');
}

/**
 * Undoes a sandbox that was never handed out, and of which no monitor or runtime process is at work any more. When a step fails the others are done all the same, and the record stays as a NOTREADY sandbox,
 * which the kubelet stops and removes as any other; the failures are thrown together. The signal ends the waiting for network plugins, as a failure.
 */
export async function undoSandbox(ctx: RuntimeServiceContext, id: string, signal?: AbortSignal): Promise<void> {
  const failures: unknown[] = [];
  const attempt = async (step: () => void | Promise<void>): Promise<void> => {
    try {
      await step();
    } catch (error) {
      failures.push(error);
    }
  };
  await attempt(() => deleteFromRuntime(ctx, id));
  await attempt(() => removeInfraGroup(ctx, id));
  faultPoint('cri/undo-sandbox/runtime-deleted');
  await attempt(() => detachNetwork(ctx, id, signal));
  faultPoint('cri/undo-sandbox/network-deleted');
  await attempt(() => releaseNode(ctx, id));
  faultPoint('cri/undo-sandbox/node-released');
  if (failures.length === 0) await attempt(() => destroySandboxFiles(ctx, id));
  if (failures.length > 0) await attempt(() => void ctx.store.markSandbox(id, { notReadyAt: ctx.node.now() }));
  rethrowAll(failures);
}
