import { errorMessage, failedPrecondition } from '../../base/errors.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { ContainerEventType, type StartContainerRequest, type StartContainerResponse } from '../../rpc/cri-api.ts';
import { isSlice } from '../spec/cgroup-path.ts';
import type { OciSpec } from '../spec/oci-spec.ts';
import { type ContainerRecord, containerState, isUnstarted } from '../store/container-record.ts';
import { cgroupParentOf, type SandboxRecord, sandboxState } from '../store/sandbox-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { giveStreams, hideMountsAgain } from './pod-ids.ts';
import { publishEvent } from './publish-event.ts';
import { endContainer, recordExit } from './record-exit.ts';
import { runtimeOf } from './runtime-of.ts';
import { setScopeLimits } from './scope-limits.ts';

/** What containerd reports for a container whose start failed; kubelets and their users know both. */
const START_ERROR_EXIT_CODE = 128;
const START_ERROR_REASON = 'StartError';

/**
 * Starts a created container: monitor and runtime state, then its program. A repeated call joins the one at work, and is fine when the container runs. Throws `not-found`, and
 * `failed-precondition` for one that has ended or whose sandbox is not ready. When the runtime refuses, the container is EXITED with the
 * reason StartError and the runtime's message. The work goes on when the caller leaves.
 */
export async function startContainer(
  ctx: RuntimeServiceContext,
  request: StartContainerRequest,
  signal?: AbortSignal,
): Promise<StartContainerResponse> {
  const { id } = ctx.store.requireContainer(request.containerId);
  await ctx.joins.run(`start-container:${id}`, () => ctx.queue.run(id, () => start(ctx, id)), signal);
  return {};
}

async function start(ctx: RuntimeServiceContext, id: string): Promise<void> {
  const record = ctx.store.requireContainer(id);
  const state = containerState(record);
  if (state === 'running') return;
  if (state !== 'created') throw failedPrecondition(`container ${id} has ${state}: it cannot be started again`);
  const sandbox = ctx.store.sandbox(record.sandboxId);
  if (sandbox === undefined || sandboxState(sandbox) !== 'ready')
    throw failedPrecondition(`sandbox ${record.sandboxId} of container ${id} is not ready`);
  ctx.starting.add(id);
  try {
    if (isUnstarted(record)) await createInRuntime(ctx, record, sandbox);
    await completeCreation(ctx, id, sandbox);
    // Taken before the program runs, so that no end of it is earlier.
    const startedAt = ctx.node.now();
    await runtimeOf(ctx, id).start(id, { poststartHooks: record.poststartHooks === true });
    faultPoint('cri/start-container/started');
    ctx.store.markContainer(id, { startedAt });
    faultPoint('cri/start-container/recorded');
    publishEvent(ctx, ContainerEventType.CONTAINER_STARTED_EVENT, record.sandboxId, id);
  } catch (error) {
    endContainer(ctx, record, {
      exitCode: START_ERROR_EXIT_CODE,
      finishedAt: ctx.node.now(),
      reason: START_ERROR_REASON,
      message: errorMessage(error),
    });
    throw error;
  } finally {
    ctx.starting.delete(id);
  }
  // A program that ends within a millisecond has left its exit file by now, and nobody was allowed to take it up.
  recordExit(ctx, id);
}

/** Gives the container its monitor, under which the runtime makes it up to the point where its program would begin. */
async function createInRuntime(
  ctx: RuntimeServiceContext,
  { id, logPath, config }: ContainerRecord,
  sandbox: SandboxRecord,
): Promise<void> {
  const { container, monitor } = await ctx.monitor.create(
    {
      id,
      bundle: ctx.paths.containerBundle(id),
      logPath: logPath === '' ? undefined : logPath,
      terminal: config.tty,
      stdin: config.stdin,
      stdinOnce: config.stdinOnce,
      bySystemd: isSlice(cgroupParentOf(sandbox)),
    },
    runtimeOf(ctx, id),
  );
  faultPoint('cri/start-container/runtime-created');
  ctx.store.updateContainer(id, { init: container, monitor });
  faultPoint('cri/start-container/init-recorded');
}

/** What is done between the runtime's two steps, also of a start that a crash cut short there. */
async function completeCreation(ctx: RuntimeServiceContext, id: string, sandbox: SandboxRecord): Promise<void> {
  const spec = (): OciSpec => JSON.parse(ctx.node.readFile(`${ctx.paths.containerBundle(id)}/config.json`)) as OciSpec;
  if (isSlice(cgroupParentOf(sandbox)))
    await setScopeLimits(ctx, ctx.store.requireContainer(id), spec().linux.resources);
  if (sandbox.usernsPath === undefined) return;
  ctx.node.keepNullDevice();
  hideMountsAgain(ctx, id);
  giveStreams(ctx, spec(), ctx.store.container(id)?.init?.pid);
}
