import type {
  JobSpec,
  PodFailurePolicyOnExitCodesRequirement,
  PodFailurePolicyOnPodConditionsPattern,
  PodFailurePolicyRule,
  SuccessPolicyRule,
} from '../../../api/types/gen/batch-v1.ts';
import {
  addErrors,
  atMostItems,
  duplicate,
  type FieldError,
  invalid,
  invalidFor,
  notSupported,
  required,
  tooLong,
} from '../../../api/validation/field-error.ts';
import { qualifiedName } from '../../../api/validation/names.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';
import { countIndexes, JobIndexError } from './job-indexes.ts';

const MAX_RULES = 20;
const MAX_EXIT_CODES = 255;
const MAX_POD_CONDITIONS = 20;
const MAX_INDEXES_BYTES = 64 * 1024;
const ACTIONS = ['Count', 'FailIndex', 'FailJob', 'Ignore'];

/** When a job is over before all of its pods were tried again: `podFailurePolicy`. */
export function validateFailurePolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.podFailurePolicy?.rules ?? [];
  const { initContainers = [], containers } = spec.template.spec;
  const containerNames = new Set([...initContainers, ...containers].map(({ name }) => name));
  return [
    ...atMostItems(`${path}.rules`, rules.length, MAX_RULES),
    ...rules.flatMap((rule, i) => failureRule(rule, spec, containerNames, `${path}.rules[${i}]`)),
  ];
}

/** One of some; upstream names them in another way where nothing is given. */
function choice(value: string, supported: readonly string[], path: string): FieldError[] {
  if (value === '') return [required(path, `valid values: [${supported.map(each => JSON.stringify(each)).join(' ')}]`)];
  return supported.includes(value) ? [] : [notSupported(path, value, supported)];
}

function failureRule(
  rule: PodFailurePolicyRule,
  spec: JobSpec,
  containerNames: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (rule.action === 'FailIndex') {
    if (spec.backoffLimitPerIndex === undefined)
      errors.push(invalid(`${path}.action`, rule.action, 'requires the backoffLimitPerIndex to be set'));
  } else errors.push(...choice(rule.action, ACTIONS, `${path}.action`));
  const { onExitCodes: codes, onPodConditions: conditions = [] } = rule;
  if (codes !== undefined) addErrors(errors, exitCodes(codes, containerNames, `${path}.onExitCodes`));
  addErrors(errors, podConditions(conditions, `${path}.onPodConditions`));
  if (codes !== undefined && conditions.length > 0)
    errors.push(invalid(path, undefined, 'specifying both OnExitCodes and OnPodConditions is not supported'));
  if (codes === undefined && conditions.length === 0)
    errors.push(invalid(path, undefined, 'specifying one of OnExitCodes and OnPodConditions is required'));
  return errors;
}

function podConditions(patterns: readonly PodFailurePolicyOnPodConditionsPattern[], path: string): FieldError[] {
  return [
    ...atMostItems(path, patterns.length, MAX_POD_CONDITIONS),
    ...patterns.flatMap(({ type, status = '' }, index) => [
      ...invalidFor(`${path}[${index}].type`, type, qualifiedName(type)),
      ...choice(status, ['False', 'True', 'Unknown'], `${path}[${index}].status`),
    ]),
  ];
}

function exitCodes(
  codes: PodFailurePolicyOnExitCodesRequirement,
  containerNames: ReadonlySet<string>,
  path: string,
): FieldError[] {
  const { operator, containerName, values } = codes;
  const errors = choice(operator, ['In', 'NotIn'], `${path}.operator`);
  if (containerName !== undefined && !containerNames.has(containerName))
    errors.push(
      invalid(
        `${path}.containerName`,
        containerName,
        'must be one of the container or initContainer names in the pod template',
      ),
    );
  const at = `${path}.values`;
  if (values.length === 0) errors.push(invalid(at, values, 'at least one value is required'));
  errors.push(...atMostItems(at, values.length, MAX_EXIT_CODES));
  const seen = new Set<number>();
  for (const [index, value] of values.entries()) {
    if (operator === 'In' && value === 0)
      errors.push(invalid(`${at}[${index}]`, value, 'must not be 0 for the In operator'));
    if (seen.has(value)) errors.push(duplicate(`${at}[${index}]`, value));
    seen.add(value);
  }
  if (values.some((value, index) => index > 0 && (values[index - 1] ?? 0) > value))
    errors.push(invalid(at, values, 'must be ordered'));
  return errors;
}

/** When an indexed job has done enough: `successPolicy`. */
export function validateSuccessPolicy(spec: JobSpec, path: string): FieldError[] {
  const rules = spec.successPolicy?.rules ?? [];
  const at = `${path}.rules`;
  return [
    ...(rules.length === 0
      ? [required(at, 'at least one rules must be specified when the successPolicy is specified')]
      : []),
    ...atMostItems(at, rules.length, MAX_RULES),
    ...rules.flatMap((rule, i) => successRule(rule, spec.completions ?? 0, `${at}[${i}]`)),
  ];
}

function successRule(rule: SuccessPolicyRule, completions: number, path: string): FieldError[] {
  const { succeededCount: count, succeededIndexes: indexes } = rule;
  const errors: FieldError[] = [];
  if (count === undefined && indexes === undefined)
    errors.push(required(path, 'at least one of succeededCount or succeededIndexes must be specified'));
  let total = 0;
  if (indexes !== undefined) {
    const at = `${path}.succeededIndexes`;
    if (Buffer.byteLength(indexes) > MAX_INDEXES_BYTES) errors.push(tooLong(at, MAX_INDEXES_BYTES));
    try {
      total = countIndexes(indexes, completions);
    } catch (error) {
      if (!(error instanceof JobIndexError)) throw error;
      errors.push(invalid(at, indexes, `error parsing succeededIndexes: ${error.message}`));
    }
  }
  if (count === undefined) return errors;
  const at = `${path}.succeededCount`;
  errors.push(...nonNegative(at, count));
  if (count > completions)
    errors.push(
      invalid(at, count, `must be less than or equal to ${completions} (the number of specified completions)`),
    );
  if (indexes !== undefined && count > total)
    errors.push(
      invalid(
        at,
        count,
        `must be less than or equal to ${total} (the number of indexes in the specified succeededIndexes field)`,
      ),
    );
  return errors;
}
