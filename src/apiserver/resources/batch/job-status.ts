import { equalValues } from '../../../api/semantic-equal.ts';
import type { Job } from '../../../api/types/gen/batch-v1.ts';
import { duplicate, type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { countIndexes, JobIndexError, sharedIndex } from './job-indexes.ts';

const CONDITIONS = 'status.conditions';

/** True where the job has the condition with status True. */
export function hasCondition(job: Job, type: string): boolean {
  return job.status.conditions?.some(condition => condition.type === type && condition.status === 'True') === true;
}

/**
 * The rules of a job's status. Whoever manages the job writes it (`managedBy`), so that steps which clients rely on not
 * to happen are refused. A rule is asked only where what it is about has changed: a status that breaks one already can
 * still be written, and a rule may be broken for a while after the spec was changed.
 */
export function validateJobStatus(job: Job, old: Job): FieldError[] {
  return [...counterErrors(job), ...stateErrors(job, old), ...indexErrors(job, old), ...lateErrors(job, old)].concat(
    stepErrors(job, old),
  );
}

/** What a change touches, by the names of upstream's options. */
function changesOf(job: Job, old: Job) {
  const flips = (type: string): boolean => hasCondition(job, type) !== hasCondition(old, type);
  const differs = (name: keyof Job['status']): boolean => !equalValues(job.status[name], old.status[name]);
  return {
    complete: flips('Complete'),
    failed: flips('Failed'),
    failureTarget: flips('FailureTarget'),
    successCriteriaMet: flips('SuccessCriteriaMet'),
    finished: isFinished(job) !== isFinished(old),
    active: (job.status.active ?? 0) !== (old.status.active ?? 0),
    ready: differs('ready'),
    terminating: differs('terminating'),
    startTime: differs('startTime'),
    completionTime: differs('completionTime'),
    uncounted: differs('uncountedTerminatedPods'),
    completedIndexes: (job.status.completedIndexes ?? '') !== (old.status.completedIndexes ?? ''),
    failedIndexes: job.status.failedIndexes !== old.status.failedIndexes,
  };
}

function isFinished(job: Job): boolean {
  return hasCondition(job, 'Complete') || hasCondition(job, 'Failed');
}

function counterErrors({ status }: Job): FieldError[] {
  const counts = ['active', 'succeeded', 'failed', 'ready', 'terminating'] as const;
  const errors = counts.flatMap(name => nonNegative(`status.${name}`, status[name]));
  const seen = new Set<string>();
  for (const list of ['succeeded', 'failed'] as const)
    for (const [index, uid] of (status.uncountedTerminatedPods?.[list] ?? []).entries()) {
      const at = `status.uncountedTerminatedPods.${list}[${index}]`;
      if (uid === '') errors.push(invalid(at, uid, 'must not be empty'));
      else if (seen.has(uid)) errors.push(duplicate(at, uid));
      seen.add(uid);
    }
  return errors;
}

function stateErrors(job: Job, old: Job): FieldError[] {
  const { status, spec } = job;
  const changed = changesOf(job, old);
  const complete = hasCondition(job, 'Complete');
  const failed = hasCondition(job, 'Failed');
  const finished = isFinished(job);
  const errors: FieldError[] = [];
  const wrong = (detail: string): void => {
    errors.push(invalid(CONDITIONS, undefined, detail));
  };
  if ((changed.complete || changed.failed) && complete && failed)
    wrong('cannot set Complete=True and Failed=true conditions');
  if ((changed.complete || changed.failureTarget) && complete && hasCondition(job, 'FailureTarget'))
    wrong('cannot set Complete=True and FailureTarget=true conditions');
  const { completionTime, startTime } = status;
  const timeAt = 'status.completionTime';
  if (changed.complete || changed.completionTime) {
    if (completionTime !== undefined && !complete)
      errors.push(
        invalid(timeAt, completionTime, 'cannot set completionTime when there is no Complete=True condition'),
      );
    if (completionTime === undefined && complete)
      errors.push(required(timeAt, 'completionTime is required for Complete jobs'));
  }
  if ((changed.startTime || changed.completionTime) && startTime !== undefined && completionTime !== undefined)
    if (Date.parse(completionTime) < Date.parse(startTime))
      errors.push(invalid(timeAt, completionTime, 'must be equal to or after `startTime`'));
  if ((changed.failed || changed.failedIndexes) && failed && !hasCondition(job, 'FailureTarget'))
    wrong('cannot set Failed=True condition without the FailureTarget=true condition');
  if ((changed.complete || changed.successCriteriaMet) && complete && !hasCondition(job, 'SuccessCriteriaMet'))
    wrong('cannot set Complete=True condition without the SuccessCriteriaMet=true condition');
  if (!finished) return errors;
  if ((changed.finished || changed.active) && (status.active ?? 0) > 0)
    errors.push(invalid('status.active', status.active, 'active>0 is invalid for finished job'));
  const neverStarted = spec.suspend === true && spec.completions === 0;
  if ((changed.finished || changed.startTime) && !neverStarted && startTime === undefined)
    errors.push(required('status.startTime', 'startTime is required for finished job'));
  const uncounted = status.uncountedTerminatedPods;
  if ((changed.finished || changed.uncounted) && uncounted !== undefined)
    if ((uncounted.failed ?? []).length + (uncounted.succeeded ?? []).length > 0)
      errors.push(invalid('status.uncountedTerminatedPods', uncounted, 'must be empty for finished job'));
  return errors;
}

function indexErrors({ status, spec, ...job }: Job, old: Job): FieldError[] {
  const { completedIndexes: completed = '', failedIndexes: failed } = status;
  const changed = changesOf({ status, spec, ...job }, old);
  const errors: FieldError[] = [];
  const check = (name: 'completedIndexes' | 'failedIndexes', text: string): void => {
    try {
      countIndexes(text, spec.completions ?? 0);
    } catch (error) {
      if (!(error instanceof JobIndexError)) throw error;
      errors.push(invalid(`status.${name}`, text, `error parsing ${name}: ${error.message}`));
    }
  };
  const counted = spec.completions !== undefined;
  if (changed.completedIndexes && counted) check('completedIndexes', completed);
  if (changed.failedIndexes && counted && spec.backoffLimitPerIndex !== undefined && failed !== undefined)
    check('failedIndexes', failed);
  if (changed.completedIndexes && completed !== '' && spec.completionMode !== 'Indexed')
    errors.push(
      invalid(
        'status.completedIndexes',
        completed,
        'cannot set non-empty completedIndexes when non-indexed completion mode',
      ),
    );
  if (failed === undefined) return errors;
  if (changed.failedIndexes && spec.backoffLimitPerIndex === undefined)
    errors.push(
      invalid('status.failedIndexes', failed, 'cannot set non-null failedIndexes when backoffLimitPerIndex is null'),
    );
  if (!(changed.failedIndexes || changed.completedIndexes) || spec.completions === undefined) return errors;
  const both = sharedIndex(completed, failed, spec.completions);
  if (both !== undefined)
    errors.push(
      invalid('status.failedIndexes', failed, `failedIndexes and completedIndexes overlap at index: ${both}`),
    );
  return errors;
}

function lateErrors(job: Job, old: Job): FieldError[] {
  const { terminating = 0, ready, active = 0 } = job.status;
  const changed = changesOf(job, old);
  const errors: FieldError[] = [];
  if ((changed.finished || changed.terminating) && terminating > 0 && isFinished(job))
    errors.push(invalid('status.terminating', terminating, 'terminating>0 is invalid for finished job'));
  if ((changed.ready || changed.active) && ready !== undefined && ready > active)
    errors.push(invalid('status.ready', ready, 'cannot set more ready pods than active'));
  const met = hasCondition(job, 'SuccessCriteriaMet');
  const wrong = (detail: string): void => {
    errors.push(invalid(CONDITIONS, undefined, detail));
  };
  if (met && hasCondition(job, 'Failed')) wrong('cannot set SuccessCriteriaMet=True and Failed=true conditions');
  if (met && hasCondition(job, 'FailureTarget'))
    wrong('cannot set SuccessCriteriaMet=True and FailureTarget=true conditions');
  if (job.spec.successPolicy !== undefined && !met && hasCondition(job, 'Complete'))
    wrong('cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True');
  return errors;
}

/** What may not follow on what was. */
function stepErrors(job: Job, old: Job): FieldError[] {
  const { status, spec } = job;
  const errors: FieldError[] = [];
  const wrong = (detail: string): void => {
    errors.push(invalid(CONDITIONS, undefined, detail));
  };
  for (const type of ['Failed', 'Complete', 'FailureTarget'])
    if (hasCondition(old, type) && !hasCondition(job, type))
      wrong(`cannot disable the terminal ${type}=True condition`);
  const fewer = (name: 'failed' | 'succeeded'): void => {
    if ((status[name] ?? 0) < (old.status[name] ?? 0))
      errors.push(invalid(`status.${name}`, status[name] ?? 0, `cannot decrease the ${name} counter`));
  };
  fewer('failed');
  // An indexed job that is as wide as it is long may be scaled down, and its count with it.
  if (spec.completionMode !== 'Indexed' || spec.completions !== spec.parallelism) fewer('succeeded');
  const { completionTime, startTime } = status;
  const before = old.status.completionTime;
  if (completionTime !== undefined && before !== undefined && completionTime !== before)
    errors.push(invalid('status.completionTime', completionTime, 'field is immutable'));
  const resumes = hasCondition(old, 'Suspended') && isFalse(job, 'Suspended');
  if (old.status.startTime !== undefined && startTime !== old.status.startTime && !resumes && spec.suspend !== true)
    errors.push(invalid('status.startTime', startTime ?? null, 'field is immutable for unsuspended job once set'));
  const met = hasCondition(job, 'SuccessCriteriaMet');
  const wasMet = hasCondition(old, 'SuccessCriteriaMet');
  if (wasMet && !met) wrong('cannot disable the SuccessCriteriaMet=True condition');
  if (hasCondition(old, 'Complete') && !wasMet && met)
    wrong('cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions');
  return errors;
}

function isFalse(job: Job, type: string): boolean {
  return job.status.conditions?.some(condition => condition.type === type && condition.status === 'False') === true;
}
