import type { Job } from '../../api/types/gen/batch-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { judgeFailure } from './failure-policy.ts';
import { Indexes } from './indexes.ts';
import { isFailed } from './job-pods.ts';

/** What a job is on its way to: its pods are ended, and when that is done it is Failed or Complete. */
export interface Verdict {
  readonly type: 'FailureTarget' | 'SuccessCriteriaMet';
  readonly reason: string;
  readonly message: string;
}

export interface VerdictInput {
  readonly job: Job;
  readonly pods: readonly Pod[];
  readonly active: number;
  readonly succeeded: number;
  readonly failed: number;
  readonly doneIndexes: Indexes;
  /** Only of jobs with a limit for each index. */
  readonly failedIndexes: Indexes;
  readonly now: number;
}

const DEFAULT_BACKOFF_LIMIT = 6;

/** Why the job ends, by the first reason in upstream's order; undefined while it goes on. What it was on its way to before stays. Pure. */
export function verdictOn(input: VerdictInput): Verdict | undefined {
  return recorded(input.job) ?? failure(input) ?? indexFailure(input) ?? success(input);
}

/** What the job was on its way to when its status was written. */
export function recorded({ status }: Job): Verdict | undefined {
  const of = (type: Verdict['type']): Verdict | undefined => {
    const found = status.conditions?.find(condition => condition.type === type && condition.status === 'True');
    return found && { type, reason: found.reason ?? '', message: found.message ?? '' };
  };
  return of('SuccessCriteriaMet') ?? of('FailureTarget');
}

const fails = (reason: string, message: string): Verdict => ({ type: 'FailureTarget', reason, message });

function failure({ job, pods, failed, now }: VerdictInput): Verdict | undefined {
  const byPolicy = pods
    .filter(pod => isFailed(job, pod))
    .map(pod => judgeFailure(job, pod).failsJob)
    .find(each => each !== undefined);
  if (byPolicy !== undefined) return fails('PodFailurePolicy', byPolicy);
  if (failed > (job.spec.backoffLimit ?? DEFAULT_BACKOFF_LIMIT) || isRestartedTooOften(job, pods))
    return fails('BackoffLimitExceeded', 'Job has reached the specified backoff limit');
  const left = deadlineLeftMs(job, now);
  if (left !== undefined && left <= 0)
    return fails('DeadlineExceeded', 'Job was active longer than specified deadline');
  return undefined;
}

/** Containers that are restarted in their pods count as well. */
function isRestartedTooOften({ spec }: Job, pods: readonly Pod[]): boolean {
  if (spec.template.spec.restartPolicy !== 'OnFailure') return false;
  const limit = spec.backoffLimit ?? DEFAULT_BACKOFF_LIMIT;
  const restarts = pods
    .filter(({ status }) => status.phase === 'Running' || status.phase === 'Pending')
    .flatMap(({ status }) => [...(status.initContainerStatuses ?? []), ...(status.containerStatuses ?? [])])
    .reduce((sum, { restartCount }) => sum + restartCount, 0);
  return limit === 0 ? restarts > 0 : restarts >= limit;
}

/** Ms until the job has been active for too long; undefined without a limit, and while it is suspended or has not begun. */
export function deadlineLeftMs({ spec, status }: Job, now: number): number | undefined {
  if (spec.activeDeadlineSeconds === undefined || status.startTime === undefined || spec.suspend === true)
    return undefined;
  return Date.parse(status.startTime) + spec.activeDeadlineSeconds * 1000 - now;
}

function indexFailure({ job, failedIndexes, doneIndexes }: VerdictInput): Verdict | undefined {
  const { backoffLimitPerIndex, maxFailedIndexes, completions = 0 } = job.spec;
  if (backoffLimitPerIndex === undefined) return undefined;
  if (maxFailedIndexes !== undefined && failedIndexes.size > maxFailedIndexes)
    return fails('MaxFailedIndexesExceeded', 'Job has exceeded the specified maximal number of failed indexes');
  if (failedIndexes.size > 0 && failedIndexes.size + doneIndexes.size >= completions)
    return fails('FailedIndexes', 'Job has failed indexes');
  return undefined;
}

function success({ job, active, succeeded, doneIndexes }: VerdictInput): Verdict | undefined {
  const { completions, successPolicy } = job.spec;
  const rule = (successPolicy?.rules ?? []).findIndex(({ succeededIndexes, succeededCount }) => {
    if (doneIndexes.size === 0) return false;
    if (succeededIndexes === undefined) return succeededCount !== undefined && doneIndexes.size >= succeededCount;
    const wanted = Indexes.parse(succeededIndexes, completions ?? 0);
    const done = wanted.common(doneIndexes);
    return wanted.size > 0 && (done === wanted.size || (succeededCount !== undefined && done >= succeededCount));
  });
  if (rule >= 0)
    return { type: 'SuccessCriteriaMet', reason: 'SuccessPolicy', message: `Matched rules at index ${rule}` };
  const isReached = completions === undefined ? succeeded > 0 : succeeded >= completions;
  if (!isReached || active > 0) return undefined;
  return {
    type: 'SuccessCriteriaMet',
    reason: 'CompletionsReached',
    message: 'Reached expected number of succeeded pods',
  };
}
