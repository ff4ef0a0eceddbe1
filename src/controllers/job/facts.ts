import type { Job } from '../../api/types/gen/batch-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Time } from '../../api/types/scalars.ts';
import { isActive } from '../pods/pod-state.ts';
import { judgeFailure } from './failure-policy.ts';
import { Indexes } from './indexes.ts';
import { earlierFailures, finishedAt, indexOf, isFailed, isIndexed, isTracked } from './job-pods.ts';

/** Failures since the last success, and when the last was. */
export interface Backoff {
  readonly failures: number;
  readonly lastMs: number | undefined;
}

export const NO_BACKOFF: Backoff = { failures: 0, lastMs: undefined };

export interface JobWorld {
  readonly job: Job;
  /** The job's own. */
  readonly pods: readonly Pod[];
  /** Uids of pods whose finalizer was taken away, though the store does not show it yet. */
  readonly released: ReadonlySet<string>;
  readonly backoff: Backoff;
  /** In ms. */
  readonly now: number;
  readonly nowText: Time;
}

/** What follows from a job and its pods. */
export interface Facts {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly now: number;
  readonly isDeleted: boolean;
  readonly tracked: readonly Pod[];
  readonly active: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly newSucceeded: readonly Pod[];
  readonly newFailed: readonly Pod[];
  readonly doneIndexes: Indexes;
  readonly failedIndexes: Indexes;
  /** By index: failed pods that stay until another of their index is made, which inherits their count. */
  readonly waiting: ReadonlyMap<number, Pod>;
  readonly backoff: Backoff;
}

export const uidOf = ({ metadata }: Pod): string => metadata.uid ?? '';

export function look({ job, pods, released, backoff, now }: JobWorld): Facts {
  const { succeeded: told = [], failed: toldFailed = [] } = job.status.uncountedTerminatedPods ?? {};
  const known = new Set([...told, ...toldFailed]);
  const tracked = pods.filter(pod => isTracked(pod) && !released.has(uidOf(pod)));
  const uncounted = tracked.filter(
    pod => !known.has(uidOf(pod)) && (!isIndexed(job) || indexOf(job, pod) !== undefined),
  );
  const newSucceeded = uncounted.filter(pod => pod.status.phase === 'Succeeded');
  const newFailed = uncounted.filter(pod => isFailed(job, pod));
  const completions = job.spec.completions ?? 0;
  const doneIndexes = isIndexed(job)
    ? Indexes.parse(job.status.completedIndexes ?? '', completions).with(
        newSucceeded.flatMap(pod => indexOf(job, pod) ?? []),
      )
    : Indexes.NONE;
  const failedIndexes = Indexes.parse(job.status.failedIndexes ?? '', completions).with(
    job.spec.backoffLimitPerIndex === undefined
      ? []
      : tracked.filter(pod => failsIndex(job, pod)).flatMap(pod => indexOf(job, pod) ?? []),
  );
  const counting = newFailed.filter(pod => judgeFailure(job, pod).counts).length;
  const facts = { job, pods, now, tracked, newSucceeded, newFailed, doneIndexes, failedIndexes };
  return {
    ...facts,
    isDeleted: job.metadata.deletionTimestamp !== undefined,
    active: pods.filter(isActive).length,
    succeeded: isIndexed(job) ? doneIndexes.size : (job.status.succeeded ?? 0) + newSucceeded.length + told.length,
    failed: (job.status.failed ?? 0) + counting + toldFailed.length,
    waiting: waitingPods(facts),
    backoff: nextBackoff(backoff, newSucceeded, newFailed),
  };
}

function failsIndex(job: Job, pod: Pod): boolean {
  if (!isFailed(job, pod)) return false;
  const { action, counts } = judgeFailure(job, pod);
  return action === 'FailIndex' || (counts && earlierFailures(pod).counted >= (job.spec.backoffLimitPerIndex ?? 0));
}

function waitingPods({
  job,
  pods,
  tracked,
  doneIndexes,
  failedIndexes,
}: Pick<Facts, 'job' | 'pods' | 'tracked' | 'doneIndexes' | 'failedIndexes'>): Map<number, Pod> {
  const waiting = new Map<number, Pod>();
  if (job.spec.backoffLimitPerIndex === undefined) return waiting;
  const alive = new Set(pods.filter(isActive).map(pod => indexOf(job, pod)));
  const failures = (pod: Pod): number => earlierFailures(pod).counted + earlierFailures(pod).ignored;
  for (const pod of tracked.filter(each => isFailed(job, each))) {
    const index = indexOf(job, pod);
    if (index === undefined || alive.has(index) || doneIndexes.has(index) || failedIndexes.has(index)) continue;
    const before = waiting.get(index);
    if (before === undefined || (failures(before) <= failures(pod) && finishedAt(before) <= finishedAt(pod)))
      waiting.set(index, pod);
  }
  return waiting;
}

function nextBackoff(before: Backoff, succeeded: readonly Pod[], failed: readonly Pod[]): Backoff {
  if (succeeded.length === 0 && failed.length === 0) return before;
  const lastSuccess = succeeded.length === 0 ? undefined : Math.max(...succeeded.map(finishedAt));
  const since = failed.map(finishedAt).filter(at => lastSuccess === undefined || at > lastSuccess);
  const failures = since.length + (lastSuccess === undefined ? before.failures : 0);
  return {
    failures,
    lastMs: since.length === 0 ? (lastSuccess === undefined ? before.lastMs : undefined) : Math.max(...since),
  };
}
