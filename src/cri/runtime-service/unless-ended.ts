import { errorCode, failedPrecondition } from '../../base/errors.ts';
import { deadlineSignal } from '../../base/signals.ts';
import type { ContainerRecord } from '../store/container-record.ts';
import type { RuntimeServiceContext } from './context.ts';
import { waitForEnd } from './kill-container.ts';

/** The first process of a pid namespace outlives the others in it, and its end is told by a file: so long may both take. */
const SEEN_WITHIN_MS = 500;

/**
 * The error to tell of a runtime that failed at a container: what it says of one that ends under its hands (a process, a group, a file of its own that is gone) is about
 * its own doings, and is `failed-precondition` then.
 */
export async function unlessEnded(
  ctx: RuntimeServiceContext,
  { id, sandboxId, init }: ContainerRecord,
  error: unknown,
): Promise<unknown> {
  if (errorCode(error) !== 'internal' || init === undefined) return error;
  const ended = failedPrecondition(`container ${id} is not running any more`, { cause: error });
  const ends = [`stop-container:${id}`, `remove-container:${id}`, `stop-pod-sandbox:${sandboxId}`];
  if (!ctx.node.isAlive(init) || ends.some(key => ctx.joins.has(key))) return ended;
  const deadline = deadlineSignal(SEEN_WITHIN_MS, `the end of container ${id}`, undefined, ctx.clock);
  try {
    await waitForEnd(ctx, id, deadline.signal);
    return ended;
  } catch {
    return error;
  } finally {
    deadline.release();
  }
}
