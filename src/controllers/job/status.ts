import type { Job, JobCondition, JobStatus } from '../../api/types/gen/batch-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Time } from '../../api/types/scalars.ts';
import { isReady, isTerminating } from '../pods/pod-state.ts';
import { type Facts, type JobWorld, uidOf } from './facts.ts';
import { judgeFailure } from './failure-policy.ts';
import { indexOf, isFailed, isIndexed } from './job-pods.ts';
import { MAX_PODS } from './manage.ts';
import { recorded, type Verdict } from './verdict.ts';

export interface JobEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

/** Whether a pod counts for nothing, because it ends only since the job has what it wanted. Those that were on their way out before have failed. */
export function isSpared({ job }: JobWorld, verdict: Verdict | undefined, pod: Pod): boolean {
  if (verdict?.type !== 'SuccessCriteriaMet' || pod.status.phase === 'Succeeded') return false;
  return recorded(job) === undefined ? !isFailed(job, pod) : pod.status.phase !== 'Failed';
}

/** What of the pods is in the status from now on. */
export function count(
  world: JobWorld,
  { tracked, newSucceeded, newFailed }: Facts,
  verdict: Verdict | undefined,
): Pick<JobStatus, 'succeeded' | 'failed' | 'uncountedTerminatedPods'> {
  const { job } = world;
  const { succeeded = [], failed = [] } = job.status.uncountedTerminatedPods ?? {};
  const held = new Set(tracked.map(uidOf));
  const isHeld = (uid: string): boolean => held.has(uid);
  const known = new Set([...succeeded, ...failed]);
  // once it is clear that the job fails, what has not succeeded has failed
  const more =
    verdict?.type === 'FailureTarget'
      ? tracked.filter(
          pod =>
            pod.status.phase !== 'Succeeded' &&
            !known.has(uidOf(pod)) &&
            (!isIndexed(job) || indexOf(job, pod) !== undefined),
        )
      : newFailed.filter(pod => !isSpared(world, verdict, pod));
  const failing = more
    .filter(pod => judgeFailure(job, pod).counts)
    .slice(0, MAX_PODS)
    .map(uidOf);
  const done = isIndexed(job) ? [] : newSucceeded.slice(0, MAX_PODS).map(uidOf);
  return {
    succeeded: (job.status.succeeded ?? 0) + succeeded.filter(uid => !isHeld(uid)).length,
    failed: (job.status.failed ?? 0) + failed.filter(uid => !isHeld(uid)).length,
    uncountedTerminatedPods: {
      succeeded: [...succeeded.filter(isHeld), ...done],
      failed: [...failed.filter(isHeld), ...failing],
    },
  };
}

export function tell(
  { job, pods, nowText }: JobWorld,
  { tracked, doneIndexes, failedIndexes }: Facts,
  verdict: Verdict | undefined,
  counted: ReturnType<typeof count>,
  active: readonly Pod[],
): { readonly status: JobStatus; readonly events: readonly JobEvent[] } {
  const { status: before, spec } = job;
  const terminating = pods.filter(isTerminating).length;
  const { uncountedTerminatedPods: uncounted } = counted;
  const isCounted = (uncounted?.succeeded ?? []).length === 0 && (uncounted?.failed ?? []).length === 0;
  const isOver =
    verdict !== undefined &&
    recorded(job) !== undefined &&
    isCounted &&
    active.length + terminating + tracked.length === 0;
  const { conditions, events, restarted } = conditionsOf(job, verdict, isOver, nowText);
  const startTime = restarted ? nowText : (before.startTime ?? (spec.suspend === true ? undefined : nowText));
  const isComplete = isOver && verdict?.type === 'SuccessCriteriaMet';
  return {
    events,
    status: {
      ...(conditions.length === 0 ? {} : { conditions }),
      ...(startTime === undefined ? {} : { startTime }),
      ...(isComplete
        ? { completionTime: nowText }
        : before.completionTime === undefined
          ? {}
          : { completionTime: before.completionTime }),
      active: active.length,
      ready: active.filter(isReady).length,
      terminating,
      ...counted,
      ...(isIndexed(job) ? { succeeded: doneIndexes.size, completedIndexes: doneIndexes.toString() } : {}),
      ...(spec.backoffLimitPerIndex === undefined ? {} : { failedIndexes: failedIndexes.toString() }),
    },
  };
}

function conditionsOf(
  job: Job,
  verdict: Verdict | undefined,
  isOver: boolean,
  nowText: Time,
): { conditions: readonly JobCondition[]; events: JobEvent[]; restarted: boolean } {
  const before = job.status.conditions ?? [];
  const made = (type: string, status: string, reason: string, message: string): JobCondition =>
    ({ type, status, reason, message, lastProbeTime: nowText, lastTransitionTime: nowText }) as JobCondition;
  if (verdict !== undefined) {
    const { type, reason, message } = verdict;
    const interim = recorded(job) === undefined ? [...before, made(type, 'True', reason, message)] : before;
    if (!isOver) return { conditions: interim, events: [], restarted: false };
    const isComplete = type === 'SuccessCriteriaMet';
    const event: JobEvent = isComplete
      ? { type: 'Normal', reason: 'Completed', message: 'Job completed' }
      : { type: 'Warning', reason, message };
    return {
      conditions: [...interim, made(isComplete ? 'Complete' : 'Failed', 'True', reason, message)],
      events: [event],
      restarted: false,
    };
  }
  const suspended = before.find(({ type }) => type === 'Suspended');
  const isSuspended = job.spec.suspend === true;
  // a job that never was suspended does not say that it is not
  if ((suspended?.status === 'True') === isSuspended || job.metadata.deletionTimestamp !== undefined)
    return { conditions: before, events: [], restarted: false };
  const [reason, message] = isSuspended ? ['JobSuspended', 'Job suspended'] : ['JobResumed', 'Job resumed'];
  return {
    conditions: [
      ...before.filter(({ type }) => type !== 'Suspended'),
      made('Suspended', isSuspended ? 'True' : 'False', reason, message),
    ],
    events: [{ type: 'Normal', reason: isSuspended ? 'Suspended' : 'Resumed', message }],
    restarted: !isSuspended,
  };
}
