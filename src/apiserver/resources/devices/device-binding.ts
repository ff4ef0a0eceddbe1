import { duplicate, type FieldError, invalid } from '../../../api/validation/field-error.ts';
import { validateLabelKey } from './device-names.ts';
import { validateItems } from './lists.ts';

const MAX_CONDITIONS = 4;

/** The conditions that a pod waits for before it is bound to the node of a device, and those that end the waiting. */
export function bindingErrors(
  device: {
    readonly bindingConditions?: readonly string[] | undefined;
    readonly bindingFailureConditions?: readonly string[] | undefined;
  },
  path: string,
): FieldError[] {
  const { bindingConditions: good = [], bindingFailureConditions: bad = [] } = device;
  const [goodAt, badAt] = [`${path}.bindingConditions`, `${path}.bindingFailureConditions`];
  const errors = [
    ...validateItems(good, MAX_CONDITIONS, goodAt, validateLabelKey),
    ...validateItems(bad, MAX_CONDITIONS, badAt, validateLabelKey),
  ];
  const seenGood = new Set<string>();
  for (const [index, condition] of good.entries()) {
    if (seenGood.has(condition)) errors.push(duplicate(`${goodAt}[${index}]`, condition));
    seenGood.add(condition);
  }
  const seenBad = new Set<string>();
  for (const [index, condition] of bad.entries()) {
    const at = `${badAt}[${index}]`;
    if (seenBad.has(condition)) errors.push(duplicate(at, condition));
    seenBad.add(condition);
    if (seenGood.has(condition))
      errors.push(invalid(at, condition, 'bindingFailureConditions must not overlap with bindingConditions'));
  }
  if (good.length === 0 && bad.length > 0)
    errors.push(
      invalid(
        goodAt,
        device.bindingConditions ?? null,
        'bindingConditions are required to use bindingFailureConditions',
      ),
    );
  if (bad.length === 0 && good.length > 0)
    errors.push(
      invalid(
        badAt,
        device.bindingFailureConditions ?? null,
        'bindingFailureConditions are required to use bindingConditions',
      ),
    );
  return errors;
}
