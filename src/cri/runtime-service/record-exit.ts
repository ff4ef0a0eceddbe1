import { errorMessage } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { ContainerEventType } from '../../rpc/cri-api.ts';
import { type ContainerRecord, exitReason, isUnstarted } from '../store/container-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { releaseLog } from './keep-logs.ts';
import { publishEvent } from './publish-event.ts';
import { possibleRuntimes } from './runtime-of.ts';

/** How a container ended, as its status says it. */
export interface ContainerEnd {
  readonly exitCode: number;
  readonly finishedAt: bigint;
  readonly reason: string;
  readonly message: string;
}

/** What is not known is reported as upstream runtimes do: exit code 255 and the reason Unknown. */
export const UNKNOWN_EXIT_CODE = 255;

/**
 * Takes up the exit file of a container or of a sandbox's infra container, if there is one. Safe to repeat: the first exit counts. During
 * StartContainer it does nothing, since that RPC looks for the exit itself once the start is recorded.
 */
export function recordExit(ctx: RuntimeServiceContext, id: string): void {
  const container = ctx.store.container(id);
  if (container !== undefined) {
    if (container.finishedAt !== undefined || container.createdAt === undefined || ctx.starting.has(id)) return;
    // the file of a start that was cut short before its program ran: the container is still to be started
    if (isUnstarted(container)) return;
    const exit = ctx.monitor.readExit(id, ctx.paths.containerBundle(id));
    if (exit === undefined) return;
    const { exitCode, oomKilled } = exit;
    // The file's time comes from a coarser clock than ours: a program that ends at once must not end before its start.
    const finishedAt = later(exit.finishedAt, container.startedAt ?? 0n);
    endContainer(ctx, container, { exitCode, finishedAt, reason: exitReason(exitCode, oomKilled), message: '' });
    return;
  }
  const sandbox = ctx.store.sandbox(id);
  if (sandbox?.infra === undefined || sandbox.infraEndedAt !== undefined) return;
  const exit = ctx.monitor.readExit(id, ctx.paths.sandboxBundle(id));
  if (exit !== undefined) endInfra(ctx, id);
}

const later = (a: bigint, b: bigint): bigint => (a > b ? a : b);

/** Writes the end of a container down, tells it, and frees what only a live container needs. */
export function endContainer(ctx: RuntimeServiceContext, container: ContainerRecord, end: ContainerEnd): void {
  const { id, sandboxId } = container;
  ctx.store.markContainer(id, end);
  faultPoint('cri/exit/recorded');
  // In a shared pid namespace the end of the container's first process leaves the others running.
  if (!container.ownPidNamespace && container.cgroupPath !== '') killQuietly(ctx, id, container.cgroupPath);
  releaseLog(ctx, container);
  ctx.scopes?.release(id);
  ctx.exits.announce(id);
  publishEvent(ctx, ContainerEventType.CONTAINER_STOPPED_EVENT, sandboxId, id);
  ctx.log.info(
    { container: id, sandbox: sandboxId, exitCode: end.exitCode, reason: end.reason },
    `container ended${end.message === '' ? '' : `: ${end.message}`}`,
  );
  deleteFromRuntime(ctx, id).then(
    () => faultPoint('cri/exit/runtime-deleted'),
    error =>
      ctx.log.warn({ container: id, err: error }, 'the runtime kept an ended container; its removal tries again'),
  );
}

/** Writes down that the infra process is gone, with which the sandbox is NOTREADY, and tells it once. */
export function endInfra(ctx: RuntimeServiceContext, id: string): void {
  const sandbox = ctx.store.sandbox(id);
  if (sandbox === undefined || sandbox.infraEndedAt !== undefined) return;
  const now = ctx.node.now();
  const unasked = sandbox.notReadyAt === undefined;
  ctx.store.markSandbox(id, { infraEndedAt: now, ...(unasked ? { notReadyAt: now } : {}) });
  faultPoint('cri/exit/infra-recorded');
  if (unasked)
    ctx.log.warn(
      { sandbox: id, pod: sandbox.config.metadata?.name },
      'the infra container ended; the sandbox is not ready',
    );
  ctx.exits.announce(id);
  publishEvent(ctx, ContainerEventType.CONTAINER_STOPPED_EVENT, id, id);
}

/** For a container whose monitor died without an exit file: whatever is left of it is killed, and the record says that nobody knows more. */
export function recordLost(ctx: RuntimeServiceContext, id: string): void {
  recordExit(ctx, id);
  const container = ctx.store.container(id);
  if (container !== undefined) {
    if (container.finishedAt !== undefined || container.createdAt === undefined || ctx.starting.has(id)) return;
    if (container.init !== undefined && container.bootId === ctx.node.bootId) ctx.node.signal(container.init, 9);
    endContainer(ctx, container, {
      exitCode: UNKNOWN_EXIT_CODE,
      finishedAt: ctx.node.now(),
      reason: 'Unknown',
      message:
        'the monitor process (conmon) of the container died, so its exit status is lost; the container was killed',
    });
    return;
  }
  const sandbox = ctx.store.sandbox(id);
  if (sandbox?.infra === undefined || sandbox.infraEndedAt !== undefined) return;
  if (sandbox.bootId === ctx.node.bootId) ctx.node.signal(sandbox.infra, 9);
  endInfra(ctx, id);
}

/** Removes the runtime's own state and cgroup of a container; several callers share one removal. Safe to repeat. */
export function deleteFromRuntime(ctx: RuntimeServiceContext, id: string): Promise<void> {
  return ctx.joins.run(`runtime-delete:${id}`, async () => {
    for (const runtime of possibleRuntimes(ctx, id)) await runtime.delete(id, { force: true });
  });
}

function killQuietly(ctx: RuntimeServiceContext, id: string, cgroupPath: string): void {
  try {
    ctx.node.killCgroup(cgroupPath);
  } catch (error) {
    ctx.log.warn(
      { container: id, cgroup: cgroupPath },
      `cannot kill what is left in the cgroup: ${errorMessage(error)}`,
    );
  }
}
