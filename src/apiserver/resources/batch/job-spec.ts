import { labelSelectorOf } from '../../../api/selectors/label-selector.ts';
import type { JobSpec, JobTemplateSpec } from '../../../api/types/gen/batch-v1.ts';
import { validateDomainPrefixedPath } from '../../../api/validation/domain-prefixed.ts';
import {
  addErrors,
  type FieldError,
  invalid,
  notSupported,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import { validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { validatePodTemplate } from '../../../api/validation/pod-template.ts';
import { podSpecWarnings } from '../../../api/validation/pod-warnings.ts';
import { mayKeepSelectorValues } from '../apps/workload.ts';
import { validateFailurePolicy, validateSuccessPolicy } from './job-policies.ts';

const MAX_INDEXED_PARALLELISM = 100_000;
const MAX_FAILED_INDEXES = 100_000;
/** From so many completions on, a job that counts failures of each index is kept smaller: its status would grow too large. */
const MANY_COMPLETIONS = 100_000;
const MAX_PARALLELISM_OF_MANY = 10_000;
const MAX_FAILED_INDEXES_OF_MANY = 10_000;
const MAX_MANAGED_BY_BYTES = 63;

/** The spec of a job, with its selector. With `old`, the spec that is stored, some of its faults may stay. */
export function validateJobSpec(spec: JobSpec, path: string, old?: JobSpec): FieldError[] {
  const errors = validateBody(spec, path, old);
  if (spec.selector === undefined) errors.push(required(`${path}.selector`));
  addErrors(
    errors,
    validateLabelSelector(spec.selector, `${path}.selector`, {
      anyValue: mayKeepSelectorValues(old === undefined ? undefined : { spec: old }),
    }),
  );
  const { labels } = spec.template.metadata;
  try {
    if (labelSelectorOf(spec.selector)?.matches(labels) === true) return errors;
  } catch {
    // The selector's own error says it.
    return errors;
  }
  const at = `${path}.template.metadata.labels`;
  return [...errors, invalid(at, labels ?? null, '`selector` does not match template `labels`')];
}

/** The job inside a cron job: its selector is made later, so it may not bring one. */
export function validateJobTemplate({ spec }: JobTemplateSpec, path: string, old?: JobTemplateSpec): FieldError[] {
  const errors = validateBody(spec, `${path}.spec`, old?.spec);
  if (spec.selector !== undefined)
    errors.push(invalid(`${path}.spec.selector`, spec.selector, '`selector` will be auto-generated'));
  if (spec.manualSelector === true)
    errors.push(notSupported(`${path}.spec.manualSelector`, spec.manualSelector, ['nil', 'false']));
  return errors;
}

/** What is allowed and may still go wrong. */
export function jobSpecWarnings(spec: JobSpec, path: string): string[] {
  const { completionMode, completions = 0, parallelism = 0, template } = spec;
  const tooMany =
    completionMode === 'Indexed' && completions > MANY_COMPLETIONS && parallelism > MAX_PARALLELISM_OF_MANY;
  return [
    ...(tooMany
      ? [
          `${path}: In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail`,
        ]
      : []),
    ...podSpecWarnings(template.spec, template.metadata, `${path}.template`),
  ];
}

function validateBody(spec: JobSpec, path: string, old: JobSpec | undefined): FieldError[] {
  const counts = [
    'parallelism',
    'completions',
    'activeDeadlineSeconds',
    'backoffLimit',
    'ttlSecondsAfterFinished',
    'backoffLimitPerIndex',
    'maxFailedIndexes',
  ] as const;
  const errors = counts.flatMap(name => nonNegative(`${path}.${name}`, spec[name]));
  if (spec.maxFailedIndexes !== undefined && spec.backoffLimitPerIndex === undefined)
    errors.push(required(`${path}.backoffLimitPerIndex`, 'when maxFailedIndexes is specified'));
  if (spec.managedBy !== undefined) {
    errors.push(...validateDomainPrefixedPath(spec.managedBy, `${path}.managedBy`));
    if (Buffer.byteLength(spec.managedBy) > MAX_MANAGED_BY_BYTES)
      errors.push(tooLong(`${path}.managedBy`, MAX_MANAGED_BY_BYTES));
  }
  addErrors(errors, modeErrors(spec, path));
  if (spec.podFailurePolicy !== undefined) addErrors(errors, validateFailurePolicy(spec, `${path}.podFailurePolicy`));
  if (spec.successPolicy !== undefined)
    addErrors(
      errors,
      spec.completionMode === 'Indexed'
        ? validateSuccessPolicy(spec, `${path}.successPolicy`)
        : [invalid(`${path}.successPolicy`, spec.successPolicy, 'requires indexed completion mode')],
    );
  const { podReplacementPolicy: replacement } = spec;
  const allowed = spec.podFailurePolicy === undefined ? ['Failed', 'TerminatingOrFailed'] : ['Failed'];
  if (replacement !== undefined && !allowed.includes(replacement))
    errors.push(notSupported(`${path}.podReplacementPolicy`, replacement, allowed));
  return [
    ...errors,
    ...validatePodTemplate(spec.template, `${path}.template`, old?.template),
    ...restartErrors(spec, path),
  ];
}

function modeErrors(spec: JobSpec, path: string): FieldError[] {
  const { completionMode, completions, parallelism = 0, maxFailedIndexes, backoffLimitPerIndex } = spec;
  if (completionMode === undefined || completionMode === 'NonIndexed')
    return (['backoffLimitPerIndex', 'maxFailedIndexes'] as const).flatMap(name =>
      spec[name] === undefined ? [] : [invalid(`${path}.${name}`, spec[name], 'requires indexed completion mode')],
    );
  if (completionMode !== 'Indexed')
    return [notSupported(`${path}.completionMode`, completionMode, ['NonIndexed', 'Indexed'])];
  const errors: FieldError[] = [];
  const atMost = (name: 'parallelism' | 'maxFailedIndexes', value: number, most: number, when = ''): void => {
    if (value > most) errors.push(invalid(`${path}.${name}`, value, `must be less than or equal to ${most}${when}`));
  };
  if (completions === undefined) errors.push(required(`${path}.completions`, 'when completion mode is Indexed'));
  atMost('parallelism', parallelism, MAX_INDEXED_PARALLELISM, ' when completion mode is Indexed');
  if (completions !== undefined && maxFailedIndexes !== undefined && maxFailedIndexes > completions)
    errors.push(invalid(`${path}.maxFailedIndexes`, maxFailedIndexes, 'must be less than or equal to completions'));
  atMost('maxFailedIndexes', maxFailedIndexes ?? 0, MAX_FAILED_INDEXES);
  if (completions === undefined || completions <= MANY_COMPLETIONS || backoffLimitPerIndex === undefined) return errors;
  if (maxFailedIndexes === undefined)
    errors.push(
      required(`${path}.maxFailedIndexes`, `must be specified when completions is above ${MANY_COMPLETIONS}`),
    );
  const when = ` when completions are above ${MANY_COMPLETIONS} and used with backoff limit per index`;
  atMost('parallelism', parallelism, MAX_PARALLELISM_OF_MANY, when);
  atMost('maxFailedIndexes', maxFailedIndexes ?? 0, MAX_FAILED_INDEXES_OF_MANY, when);
  return errors;
}

function restartErrors(spec: JobSpec, path: string): FieldError[] {
  const { restartPolicy = '' } = spec.template.spec;
  const at = `${path}.template.spec.restartPolicy`;
  if (restartPolicy === 'Always' || restartPolicy === '') return [required(at, 'valid values: "OnFailure", "Never"')];
  if (restartPolicy !== 'OnFailure' && restartPolicy !== 'Never')
    return [notSupported(at, restartPolicy, ['OnFailure', 'Never'])];
  return spec.podFailurePolicy !== undefined && restartPolicy !== 'Never'
    ? [invalid(at, restartPolicy, 'only "Never" is supported when podFailurePolicy is specified')]
    : [];
}
