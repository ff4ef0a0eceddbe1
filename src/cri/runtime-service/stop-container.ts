import { sleep } from '../../base/signals.ts';
import { faultPoint } from '../../linux/fault-point.ts';
import { signalNumber } from '../../linux/signal-numbers.ts';
import type { StopContainerRequest, StopContainerResponse } from '../../rpc/cri-api.ts';
import { type ContainerRecord, containerState } from '../store/container-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { killContainer, waitForEnd } from './kill-container.ts';

const SIGTERM = 15;
const SIGKILL = 9;

/** So long after its start a program may still be about to say which signals it handles. */
const YOUNG_MS = 2_000;
const LOOK_MS = 20;

/** setTimeout counts in 31 bits; a grace of 24 days is for ever. */
const MAX_GRACE_SECONDS = 2_000_000n;

/**
 * Ends a container: its stop signal, then SIGKILL once `timeout` seconds are over (0: at once). Resolves when it has ended. Callers share one
 * stop per container, and a later one with a shorter time-out shortens it. Safe to repeat; no error when there is no such container.
 */
export async function stopContainer(
  ctx: RuntimeServiceContext,
  request: StopContainerRequest,
  signal?: AbortSignal,
): Promise<StopContainerResponse> {
  const record = ctx.store.findContainer(request.containerId);
  if (record === undefined) return {};
  const { id } = record;
  const seconds = request.timeout > MAX_GRACE_SECONDS ? MAX_GRACE_SECONDS : request.timeout;
  const graceMs = Math.max(0, Number(seconds) * 1000);
  ctx.graces.shorten(id, graceMs);
  await ctx.joins.run(`stop-container:${id}`, () => stop(ctx, id, graceMs), signal);
  return {};
}

async function stop(ctx: RuntimeServiceContext, id: string, graceMs: number): Promise<void> {
  // From here on, before any wait, a caller with a shorter grace can shorten this one.
  const grace = ctx.graces.begin(id, graceMs);
  try {
    // A start at work ends first, so that the signal meets the program and not the runtime's own init.
    await ctx.queue.run(id, async () => {});
    const record = ctx.store.container(id);
    if (record === undefined) return;
    if (!grace.over.aborted && containerState(record) === 'running' && record.init !== undefined) {
      const stopSignal = signalNumber(record.stopSignal) ?? SIGTERM;
      if (record.ownPidNamespace) await untilHeeded(ctx, record, stopSignal, graceMs / 2, grace.over);
      ctx.node.signal(record.init, stopSignal);
      faultPoint('cri/stop-container/signalled');
      await waitForEnd(ctx, id, grace.over);
    }
  } catch (error) {
    if (!grace.over.aborted) throw error;
  } finally {
    grace.release();
  }
  await killContainer(ctx, id);
}

/**
 * The kernel drops a signal for the first process of a pid namespace that has no handler for it. A program that was started a moment ago has none yet, and would
 * then have the whole time-out to run: it is given the moment, and at most half of its grace. No event tells of a handler. One that never has any is as deaf as before.
 */
async function untilHeeded(
  ctx: RuntimeServiceContext,
  { init, startedAt = 0n }: ContainerRecord,
  signal: number,
  atMostMs: number,
  over: AbortSignal,
): Promise<void> {
  if (init === undefined || signal === SIGKILL) return;
  const young = startedAt + BigInt(YOUNG_MS) * 1_000_000n;
  const until = ctx.clock.monotonic() + atMostMs;
  while (
    ctx.node.now() < young &&
    ctx.clock.monotonic() < until &&
    ctx.node.isAlive(init) &&
    !ctx.node.heeds(init, signal)
  )
    await sleep(LOOK_MS, over, ctx.clock);
}
