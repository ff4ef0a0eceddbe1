import { compareQuantities, parseQuantity } from '../../../api/quantity.ts';
import type {
  CapacityRequestPolicy,
  CapacityRequestPolicyRange,
  DeviceCapacity,
} from '../../../api/types/gen/resource-v1.ts';
import { addErrors, type FieldError, forbidden, invalid, required } from '../../../api/validation/field-error.ts';
import { validateSet } from './lists.ts';

const MAX_VALUES = 10;
const NANO = 10n ** 9n;

/** How much of a capacity may be asked for, of a device that several claims may have. */
export function validateCapacity(capacity: DeviceCapacity, shared: boolean, path: string): FieldError[] {
  const { requestPolicy: policy, value } = capacity;
  if (policy === undefined) return [];
  const at = `${path}.requestPolicy`;
  return shared ? policyErrors(value, policy, at) : [forbidden(at, 'allowMultipleAllocations must be true')];
}

function policyErrors(capacity: string, policy: CapacityRequestPolicy, path: string): FieldError[] {
  const { validValues = [], validRange, default: usual } = policy;
  if (validValues.length > 0) {
    if (validRange !== undefined)
      return [
        forbidden(
          path,
          'exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time',
        ),
      ];
    return usual === undefined
      ? [required(`${path}.default`, 'required when validValues is defined')]
      : valuesErrors(validValues, usual, capacity, `${path}.validValues`);
  }
  if (validRange === undefined) return [];
  return usual === undefined
    ? [required(`${path}.default`, 'required when validRange is defined')]
    : rangeErrors(validRange, usual, capacity, `${path}.validRange`);
}

function valuesErrors(values: readonly string[], usual: string, capacity: string, path: string): FieldError[] {
  const errors = values.flatMap((value, index) =>
    index > 0 && compareQuantities(values[index - 1] ?? value, value) > 0
      ? [invalid(`${path}[${index}]`, value, 'values must be sorted in ascending order')]
      : [],
  );
  addErrors(
    errors,
    validateSet(
      values,
      MAX_VALUES,
      path,
      (value, at) =>
        compareQuantities(value, capacity) > 0
          ? [invalid(at, value, `option is larger than capacity value: ${capacity}`)]
          : [],
      value => String(whole(value)),
    ),
  );
  const found = values.length <= MAX_VALUES && values.some(value => compareQuantities(value, usual) === 0);
  return found
    ? errors
    : [...errors, invalid(path, usual, 'default value is not valid according to the requestPolicy')];
}

function rangeErrors(range: CapacityRequestPolicyRange, usual: string, capacity: string, path: string): FieldError[] {
  const { min, max, step } = range;
  if (min === undefined) return [required(`${path}.min`, 'required when validRange is defined')];
  const errors: FieldError[] = [];
  const check = (wrong: boolean, field: string, value: string, detail: string): void => {
    if (wrong) errors.push(invalid(`${path}.${field}`, value, detail));
  };
  check(compareQuantities(min, capacity) > 0, 'min', min, `min is larger than capacity value: ${capacity}`);
  check(compareQuantities(usual, min) < 0, 'min', usual, `default is less than min: ${min}`);
  if (max !== undefined) {
    check(compareQuantities(min, max) > 0, 'max', min, `min is larger than max: ${max}`);
    check(compareQuantities(max, capacity) > 0, 'max', max, `max is larger than capacity value: ${capacity}`);
    check(compareQuantities(usual, max) > 0, 'max', usual, `default is more than max: ${max}`);
  }
  if (step === undefined || whole(step) === 0n) return errors;
  const first = parseQuantity(min).nano + parseQuantity(step).nano;
  check(
    first > parseQuantity(capacity).nano,
    'step',
    step,
    `one step ${first / NANO} is larger than capacity value: ${capacity}`,
  );
  for (const value of max === undefined ? [usual] : [usual, max])
    check(
      (whole(value) - whole(min)) % whole(step) !== 0n,
      'step',
      value,
      `value is not a multiple of a given step (${step}) from (${min})`,
    );
  return errors;
}

/** Rounded up, as upstream counts. */
function whole(quantity: string): bigint {
  const { nano } = parseQuantity(quantity);
  return nano > 0n ? (nano + NANO - 1n) / NANO : nano / NANO;
}
