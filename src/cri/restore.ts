import { readdirSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';
import { isWholeId } from '../base/ids.ts';
import { deadlineSignal } from '../base/signals.ts';
import { faultPoint } from '../linux/fault-point.ts';
import { clearCheckpoints } from './checkpoint/checkpoint-directory.ts';
import type { ContainerExit, ProcessIdentity } from './oci/ports.ts';
import { decideRestore, type Observed, type RestoreAction } from './restore-decision.ts';
import type { RuntimeServiceContext } from './runtime-service/context.ts';
import { unmountImageVolumes } from './runtime-service/image-volumes.ts';
import { hideMountsAgain } from './runtime-service/pod-ids.ts';
import { endContainer, recordExit } from './runtime-service/record-exit.ts';
import { removeContainerById } from './runtime-service/remove-container.ts';
import { removeSandboxById } from './runtime-service/remove-pod-sandbox.ts';
import { clearFromRuntime, clearStart, destroyContainer, undoSandbox } from './runtime-service/tear-down.ts';
import { type ContainerRecord, isUnstarted } from './store/container-record.ts';
import type { RecordFiles } from './store/record-files.ts';
import type { SandboxRecord } from './store/sandbox-record.ts';

/**
 * How long all that was half made may hold up the start while plugins of others take its network away: they may need a service of this node that runs in a pod. What is late stays
 * as a NOTREADY sandbox, which the kubelet stops and removes.
 */
const NETWORK_MS = 10_000;

/**
 * Takes up what is on disk and brings it in line with what is there (see restore-decision.ts). Called once, before the socket is served and after the
 * exit watch was begun. No single object stops the start: what fails is logged, and the kubelet's next call on that object tries again. Only records that
 * cannot be read do, for what they name may be running (see record-files.ts).
 */
export async function restore(ctx: RuntimeServiceContext, files: RecordFiles): Promise<void> {
  const started = ctx.clock.monotonic();
  const { sandboxes, containers, unreadable, orphanFolders } = files.readAll();
  for (const sentence of unreadable) ctx.log.error(`unreadable record ${sentence}; what it named is cleaned up`);
  ctx.store.load(sandboxes, containers);
  // of a start that was cut short
  ctx.node.keepNullDevice();
  faultPoint('cri/restore/loaded');
  const observed = await observe(ctx, sandboxes, containers, orphanFolders);
  faultPoint('cri/restore/observed');
  const { actions, holds } = decideRestore(sandboxes, containers, observed);
  for (const { imageId, containerId } of holds) {
    try {
      ctx.images.hold(imageId, containerId);
    } catch (error) {
      ctx.log.warn(
        { container: containerId, image: imageId, err: error },
        'the image of a container is not here any more',
      );
    }
  }
  // A create that was cut short may have its monitor or runtime still at work on it: one look at the process table for all of them.
  const unreaped = await reap(
    ctx,
    actions.filter(a => LEAVES_NOTHING.has(a.kind)).map(a => a.id),
  );
  faultPoint('cri/restore/reaped');
  const network = deadlineSignal(NETWORK_MS, 'the network of sandboxes that were half made', undefined, ctx.clock);
  for (const action of actions) {
    if (unreaped.has(action.id)) {
      // The record stays for the next start; that of a sandbox is shown, so that the kubelet's stop and removal try before.
      if (action.kind === 'undo-sandbox') ctx.store.markSandbox(action.id, { notReadyAt: ctx.node.now() });
      continue;
    }
    ctx.log.info({ id: action.id, action: action.kind }, action.because);
    try {
      await apply(ctx, action, network.signal);
      faultPoint('cri/restore/step-done');
    } catch (error) {
      ctx.log.error({ id: action.id, action: action.kind, err: error }, 'restore step failed');
    }
  }
  network.release();
  // A monitor may write its file after the removal that would have taken it away.
  for (const id of idsIn(ctx.paths.exitDir))
    if (ctx.store.container(id) === undefined && ctx.store.sandbox(id) === undefined) ctx.monitor.forget(id);
  try {
    clearCheckpoints(ctx.paths);
  } catch (error) {
    ctx.log.error({ err: error }, 'what a checkpoint has left cannot be removed');
  }
  ctx.node.emptyTrash();
  faultPoint('cri/restore/restored');
  ctx.log.info(
    {
      sandboxes: ctx.store.allSandboxes().length,
      containers: ctx.store.allContainers().length,
      actions: actions.length,
      ms: Math.round(ctx.clock.monotonic() - started),
    },
    'restored',
  );
}

/** Ends what is at work on these. Returns those of which something does not end (uninterruptible sleep): no step of theirs can be done now. */
async function reap(ctx: RuntimeServiceContext, ids: readonly string[]): Promise<ReadonlySet<string>> {
  try {
    await ctx.monitor.reapAll(ids);
    return new Set();
  } catch (error) {
    ctx.log.warn({ err: error }, 'not everything that was at work could be ended at once; trying one by one');
  }
  const unreaped = new Set<string>();
  for (const id of ids) {
    try {
      await ctx.monitor.reapAll([id]);
    } catch (error) {
      unreaped.add(id);
      ctx.log.error({ id, err: error }, 'what is at work on it does not end; it is left as it is');
    }
  }
  return unreaped;
}

/** After these nothing of the object may run. */
const LEAVES_NOTHING: ReadonlySet<RestoreAction['kind']> = new Set([
  'undo-container',
  'undo-start',
  'undo-sandbox',
  'clear-container-leftovers',
  'clear-sandbox-leftovers',
]);

async function observe(
  ctx: RuntimeServiceContext,
  sandboxes: readonly SandboxRecord[],
  containers: readonly ContainerRecord[],
  orphanFolders: readonly string[],
): Promise<Observed> {
  const { node, paths, monitor } = ctx;
  const exits = new Map<string, ContainerExit>();
  const alive = new Set<string>();
  const monitored = new Set<string>();
  const begun = containers.filter(c => isUnstarted(c) && monitor.hasTraces(paths.containerBundle(c.id))).map(c => c.id);
  const look = (
    id: string,
    bundle: string,
    process: { bootId: string; init: ProcessIdentity | undefined; monitor: ProcessIdentity | undefined },
  ): void => {
    if (process.bootId !== node.bootId) return;
    // The monitor writes the exit file and then leaves: looked at in this order, one that is gone without a file left none.
    if (process.init !== undefined && node.isAlive(process.init)) alive.add(id);
    if (process.monitor !== undefined && node.isAlive(process.monitor)) monitored.add(id);
    try {
      const exit = monitor.readExit(id, bundle);
      if (exit !== undefined) exits.set(id, exit);
    } catch (error) {
      ctx.log.error({ id, err: error }, 'the exit file cannot be read');
    }
  };
  for (const s of sandboxes) {
    look(s.id, paths.sandboxBundle(s.id), { bootId: s.bootId, init: s.infra, monitor: s.monitor });
    if (s.pinned !== undefined && s.bootId === node.bootId && pinsOf(s).every(node.isNamespace)) alive.add(s.id);
  }
  for (const c of containers)
    look(c.id, paths.containerBundle(c.id), { bootId: c.bootId, init: c.init, monitor: c.monitor });
  return {
    bootId: node.bootId,
    nowNs: node.now(),
    exits,
    alive,
    monitored,
    begun: new Set(begun),
    runtimeStates: await runtimeStates(ctx),
    sandboxBundles: idsIn(paths.sandboxStates),
    containerBundles: [...new Set([...idsIn(paths.containerStates), ...idsIn(paths.idmappedDir)])],
    netns: [...new Set([...idsIn(paths.netnsDir), ...idsIn(paths.usernsDir)])],
    writableLayers: orphanFolders,
  };
}

/** What a sandbox without a pause process lives by. */
function pinsOf({ netnsPath, pinned = {} }: SandboxRecord): readonly string[] {
  return [...(netnsPath === undefined ? [] : [netnsPath]), ...Object.values(pinned)];
}

async function runtimeStates(ctx: RuntimeServiceContext): Promise<ReadonlyMap<string, string>> {
  const lists = await Promise.all(
    ctx.runtimes.handlers.map(async ({ name, runtime }) => {
      try {
        return [...(await runtime.list())];
      } catch (error) {
        ctx.log.error(
          { handler: name, err: error },
          'a runtime cannot list its containers; what only it knows of is not cleaned up',
        );
        return [];
      }
    }),
  );
  return new Map(lists.flat());
}

function idsIn(directory: string): string[] {
  try {
    return readdirSync(directory).filter(isWholeId).sort();
  } catch (error) {
    if (errnoName(error) === 'ENOENT') return [];
    throw error;
  }
}

async function apply(ctx: RuntimeServiceContext, action: RestoreAction, networkSignal: AbortSignal): Promise<void> {
  const { id } = action;
  switch (action.kind) {
    case 'undo-container':
      return destroyContainer(ctx, id);
    case 'remove-container':
      return removeContainerById(ctx, id);
    case 'undo-start':
      await clearStart(ctx, id);
      return;
    case 'mark-started':
      if (ctx.store.container(id)?.finishedAt !== undefined) return;
      ctx.store.markContainer(id, { startedAt: ctx.node.now() });
      return;
    case 'mark-exited': {
      // Between the look and now the exit watch may have told the true end: the first one counts.
      recordExit(ctx, id);
      const record = ctx.store.container(id);
      if (record === undefined || record.finishedAt !== undefined) return;
      if (action.kill && record.init !== undefined) ctx.node.signal(record.init, 9);
      const { exitCode, finishedAt, reason, message } = action;
      endContainer(ctx, record, { exitCode, finishedAt, reason, message });
      return;
    }
    case 'undo-sandbox':
      return undoSandbox(ctx, id, networkSignal);
    case 'remove-sandbox':
      return removeSandboxById(ctx, id);
    case 'mark-not-ready':
      ctx.store.markSandbox(id, { notReadyAt: ctx.node.now() });
      return;
    case 'clear-container-leftovers': {
      const bundle = ctx.paths.containerBundle(id);
      await clearFromRuntime(ctx, id, bundle);
      ctx.node.unmount(ctx.paths.rootfs(id));
      unmountImageVolumes(ctx, id);
      hideMountsAgain(ctx, id);
      ctx.node.removeTree(bundle);
      ctx.monitor.forget(id);
      ctx.store.deleteContainer(id);
      return;
    }
    case 'clear-sandbox-leftovers': {
      const bundle = ctx.paths.sandboxBundle(id);
      await clearFromRuntime(ctx, id, bundle);
      for (const path of [ctx.paths.netns(id), ctx.paths.ipcns(id), ctx.paths.utsns(id)]) ctx.node.removeNetns(path);
      ctx.node.removeUserns(ctx.paths.userns(id));
      ctx.node.unmount(ctx.paths.shm(id));
      ctx.node.removeTree(bundle);
      ctx.monitor.forget(id);
      return;
    }
  }
}
