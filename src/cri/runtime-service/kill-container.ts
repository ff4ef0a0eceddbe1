import { errorCode, GantryError } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import type { ProcessIdentity } from '../oci/ports.ts';
import { type ContainerRecord, containerState, exitReason, isUnstarted } from '../store/container-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { endContainer, recordExit, recordLost } from './record-exit.ts';

/** SIGKILL cannot be refused; a process that outlives it this long hangs in the kernel (a dead disk, an NFS server that is gone). */
const KILL_PATIENCE_MS = 10_000;

/** A monitor that dies while somebody waits for its container leaves no event; so long may that go unseen. */
const MONITOR_LOOK_MS = 1_000;

/** 128 + SIGKILL. What was never started is told as if its process had been killed while it waited to begin. */
const KILLED_EXIT_CODE = 137;

interface LiveProcess {
  readonly init: ProcessIdentity | undefined;
  readonly monitor: ProcessIdentity | undefined;
  /** Killed as a whole; undefined when the end of init ends all. */
  readonly cgroupPath: string | undefined;
}

/**
 * Kills a container, or a sandbox's infra container, and resolves when its end is recorded. Safe to repeat; an ended or unknown one is fine.
 * Throws `deadline-exceeded` when the kernel does not let the process go.
 */
export async function killContainer(ctx: RuntimeServiceContext, id: string, signal?: AbortSignal): Promise<void> {
  // A start at work has no process yet that could be killed: it comes to its end first.
  if (ctx.starting.has(id) && unstarted(ctx, id) !== undefined) await ctx.joins.idle(`start-container:${id}`);
  const never = unstarted(ctx, id);
  if (never !== undefined) {
    endContainer(ctx, never, {
      exitCode: KILLED_EXIT_CODE,
      finishedAt: ctx.node.now(),
      reason: exitReason(KILLED_EXIT_CODE, false),
      message: '',
    });
    return;
  }
  const live = liveProcess(ctx, id);
  if (live === undefined) return;
  if (live.init !== undefined) ctx.node.signal(live.init, 9);
  if (live.cgroupPath !== undefined) ctx.node.killCgroup(live.cgroupPath);
  faultPoint('cri/stop-container/killed');
  const deadline = deadlineSignal(KILL_PATIENCE_MS, `the end of container ${id} after SIGKILL`, signal, ctx.clock);
  try {
    await waitForEnd(ctx, id, deadline.signal);
  } catch (error) {
    if (errorCode(error) !== 'deadline-exceeded') throw error;
    if (live.init !== undefined && ctx.node.isAlive(live.init))
      throw new GantryError(
        'deadline-exceeded',
        `container ${id}: process ${live.init.pid} is still there ${KILL_PATIENCE_MS / 1000} s after SIGKILL; the kernel holds it (see /proc/${live.init.pid}/stack)`,
        { cause: error },
      );
    recordLost(ctx, id);
  } finally {
    deadline.release();
  }
}

function unstarted(ctx: RuntimeServiceContext, id: string): ContainerRecord | undefined {
  const container = ctx.store.container(id);
  return container !== undefined && isUnstarted(container) ? container : undefined;
}

/** Resolves when the end of a container or infra container is recorded; at once when it is already, or there is none. */
export async function waitForEnd(ctx: RuntimeServiceContext, id: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    // The exit may have come while nobody listened, and a dead monitor will never tell: look before waiting.
    recordExit(ctx, id);
    const live = liveProcess(ctx, id);
    if (live === undefined) return;
    if (live.monitor !== undefined && !ctx.node.isAlive(live.monitor)) return recordLost(ctx, id);
    const lookAgain = ctx.clock.after(MONITOR_LOOK_MS, () => ctx.exits.announce(id));
    try {
      await ctx.exits.next(id, signal);
    } finally {
      lookAgain();
    }
  }
}

function liveProcess(ctx: RuntimeServiceContext, id: string): LiveProcess | undefined {
  const container = ctx.store.container(id);
  if (container !== undefined) {
    const state = containerState(container);
    if (state === 'creating' || container.finishedAt !== undefined) return undefined;
    // Start times are comparable within one boot only: after a reboot the pair may name another process.
    if (container.bootId !== ctx.node.bootId) return undefined;
    const shared = !container.ownPidNamespace && container.cgroupPath !== '';
    return {
      init: container.init,
      monitor: container.monitor,
      cgroupPath: shared ? container.cgroupPath : undefined,
    };
  }
  const sandbox = ctx.store.sandbox(id);
  if (sandbox?.infra === undefined || sandbox.bootId !== ctx.node.bootId) return undefined;
  if (sandbox.infraEndedAt !== undefined) return undefined;
  return { init: sandbox.infra, monitor: sandbox.monitor, cgroupPath: undefined };
}
