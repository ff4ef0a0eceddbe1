import type { JobStatus } from '../../api/types/gen/batch-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { isActive, isTerminating } from '../pods/pod-state.ts';
import { type Backoff, type Facts, type JobWorld, look, uidOf } from './facts.ts';
import { judgeFailure } from './failure-policy.ts';
import { Indexes } from './indexes.ts';
import { indexOf, isFailed, isIndexed, isTracked, type NewPod } from './job-pods.ts';
import { MAX_PODS, manage, NOTHING } from './manage.ts';
import { count, isSpared, type JobEvent, tell } from './status.ts';
import { deadlineLeftMs, recorded, type Verdict, verdictOn } from './verdict.ts';

/** Steps in their order: pods go or come, then the status is written, then finalizers are taken from pods that an earlier status has counted. */
export interface JobPlan {
  readonly remove: readonly Pod[];
  /** Those of them that are not to be counted: their finalizer is taken before they are deleted. */
  readonly dismiss: readonly Pod[];
  readonly create: readonly NewPod[];
  readonly status: JobStatus;
  /** Told, and remembered, when the status has been written. */
  readonly events: readonly JobEvent[];
  readonly backoff: Backoff;
  readonly release: readonly Pod[];
  readonly againInMs: number | undefined;
}

/**
 * The next steps of a job. Every pod is counted exactly once: its end is first written into the status by its uid, or by its index; only then its finalizer goes, and
 * only when that is gone the uid becomes a number. Pure.
 */
export function planJob(world: JobWorld): JobPlan {
  const facts = look(world);
  const verdict = facts.isDeleted ? undefined : verdictOn(facts);
  const active = world.pods.filter(isActive);
  const managed = facts.isDeleted
    ? NOTHING
    : verdict === undefined
      ? manage(world, facts, active)
      : { ...NOTHING, remove: active };
  const counted = count(world, facts, verdict);
  const { status, events } = tell(world, facts, verdict, counted, active);
  const deadline = deadlineLeftMs(world.job, world.now);
  const times = [managed.againInMs, verdict === undefined ? deadline : undefined].filter(ms => ms !== undefined);
  const remove = managed.remove.slice(0, MAX_PODS);
  return {
    remove,
    // what a job that goes on ends by itself, because it is suspended or wants fewer, has not failed
    dismiss: verdict === undefined ? remove.filter(isTracked) : [],
    create: managed.create,
    status,
    events,
    backoff: facts.backoff,
    release: facts.tracked.filter(
      pod =>
        isRecorded(world, facts, verdict, pod) ||
        (isSpared(world, verdict, pod) && (isTerminating(pod) || remove.includes(pod))),
    ),
    againInMs: times.length === 0 ? undefined : Math.max(0, Math.min(...times)),
  };
}

/** Whether the status as it is written shows what became of a pod, so that the pod may go. */
function isRecorded({ job }: JobWorld, { waiting, isDeleted }: Facts, verdict: Verdict | undefined, pod: Pod): boolean {
  if (isDeleted) return true;
  const isOver = verdict !== undefined && recorded(job) !== undefined;
  const { succeeded = [], failed = [] } = job.status.uncountedTerminatedPods ?? {};
  const index = indexOf(job, pod);
  const isStray = isIndexed(job) && index === undefined;
  if (pod.status.phase === 'Succeeded') {
    // one that was counted as failed when somebody deleted it may still end well: it has been counted
    if (isStray || failed.includes(uidOf(pod))) return true;
    if (isIndexed(job))
      return Indexes.parse(job.status.completedIndexes ?? '', job.spec.completions ?? 0).has(index ?? -1);
    return succeeded.includes(uidOf(pod));
  }
  if (!isOver && !isFailed(job, pod)) return false;
  if (!isOver && index !== undefined && waiting.get(index) === pod) return false;
  return isStray || failed.includes(uidOf(pod)) || !judgeFailure(job, pod).counts;
}
