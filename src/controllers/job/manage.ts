import type { Job } from '../../api/types/gen/batch-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { deletionOrder } from '../pods/deletion-order.ts';
import { isTerminating } from '../pods/pod-state.ts';
import type { Facts, JobWorld } from './facts.ts';
import {
  backoffLeftMs,
  earlierFailures,
  finishedAt,
  indexOf,
  isIndexed,
  type NewPod,
  newPod,
  waitsForFailed,
} from './job-pods.ts';

/** Upstream's: no more pods come or go, and no more are counted, in one go. */
export const MAX_PODS = 500;

export interface Managed {
  readonly remove: readonly Pod[];
  readonly create: readonly NewPod[];
  readonly againInMs: number | undefined;
}

export const NOTHING: Managed = { remove: [], create: [], againInMs: undefined };

/** Pods of a job that goes on: too many go, missing ones come; never both in one step. */
export function manage(world: JobWorld, facts: Facts, active: readonly Pod[]): Managed {
  const { job, pods, now } = world;
  const { parallelism = 1, completions, suspend } = job.spec;
  if (suspend === true) return { ...NOTHING, remove: active };
  const wanted =
    completions === undefined
      ? facts.succeeded > 0
        ? active.length
        : parallelism
      : Math.max(0, Math.min(completions - facts.succeeded, parallelism));
  const remove = surplus(job, active, active.length - wanted, now);
  if (remove.length > 0) return { ...NOTHING, remove };
  const ending = waitsForFailed(job) ? pods.filter(isTerminating).length : 0;
  const missing = Math.min(wanted - active.length - ending, MAX_PODS);
  if (missing <= 0) return NOTHING;
  const isPerIndex = job.spec.backoffLimitPerIndex !== undefined;
  const left = isPerIndex ? 0 : backoffLeftMs(facts.backoff.failures, facts.backoff.lastMs, now);
  if (left > 0) return { ...NOTHING, againInMs: left };
  if (!isIndexed(job))
    return { ...NOTHING, create: Array.from({ length: missing }, () => newPod(job, undefined, undefined)) };
  return manageIndexes(facts, active, missing, now);
}

function manageIndexes(
  { job, pods, doneIndexes, failedIndexes, waiting }: Facts,
  active: readonly Pod[],
  missing: number,
  now: number,
): Managed {
  const taken = [...active, ...(waitsForFailed(job) ? pods.filter(isTerminating) : [])];
  const free = doneIndexes
    .and(failedIndexes)
    .with(taken.flatMap(pod => indexOf(job, pod) ?? []))
    .missing(missing, job.spec.completions ?? 0);
  const due = free.map(index => {
    const pod = waiting.get(index);
    const { counted, ignored } = pod === undefined ? { counted: -1, ignored: 0 } : earlierFailures(pod);
    return { index, pod, leftMs: backoffLeftMs(counted + ignored + 1, pod && finishedAt(pod), now) };
  });
  const ready = due.filter(({ leftMs }) => leftMs === 0);
  const waits = due.filter(({ leftMs }) => leftMs > 0).map(({ leftMs }) => leftMs);
  return {
    remove: [],
    create: ready.map(({ index, pod }) => newPod(job, index, pod)),
    againInMs: waits.length === 0 ? undefined : Math.min(...waits),
  };
}

/** Those of no index, of one too many, and then as many as have to go. */
function surplus(job: Job, active: readonly Pod[], atLeast: number, now: number): readonly Pod[] {
  const first: Pod[] = [];
  const rest: Pod[] = [];
  const seen = new Set<number>();
  for (const pod of deletionOrder(active, now).toReversed()) {
    const index = indexOf(job, pod);
    if (!isIndexed(job) || (index !== undefined && !seen.has(index))) rest.push(pod);
    else first.push(pod);
    if (index !== undefined) seen.add(index);
  }
  const more = Math.max(0, atLeast - first.length);
  return [...first, ...deletionOrder(rest, now).slice(0, more)];
}
