import type { LabelSelector, LabelSelectorRequirement } from '../types/gen/meta-v1.ts';
import { addErrors, type FieldError, forbidden, invalid, invalidFor, required } from './field-error.ts';
import { labelValue, qualifiedName } from './names.ts';
import { validateLabels } from './object-meta.ts';

/**
 * A selector of labels, as every kind that has one checks it. An absent one is fine here. `anyValue`: values need not be
 * values of labels, as it was allowed once.
 */
export function validateLabelSelector(
  selector: LabelSelector | undefined,
  path: string,
  options: { readonly anyValue: boolean } = { anyValue: false },
): FieldError[] {
  if (selector === undefined) return [];
  const errors = validateLabels(selector.matchLabels, `${path}.matchLabels`);
  for (const [index, expression] of (selector.matchExpressions ?? []).entries())
    addErrors(errors, validateLabelRequirement(expression, `${path}.matchExpressions[${index}]`, options));
  return errors;
}

/** One expression of a selector. `anyOperator`: one that is not known is left to whoever understands it. */
export function validateLabelRequirement(
  { key, operator, values = [] }: LabelSelectorRequirement,
  path: string,
  options: { readonly anyValue?: boolean; readonly anyOperator?: boolean } = {},
): FieldError[] {
  const errors = validateRequirementValues(operator, values, path);
  if (!['In', 'NotIn', 'Exists', 'DoesNotExist'].includes(operator) && options.anyOperator !== true)
    errors.push(invalid(`${path}.operator`, operator, 'not a valid selector operator'));
  errors.push(...invalidFor(`${path}.key`, key, qualifiedName(key)));
  for (const [index, value] of options.anyValue === true ? [] : values.entries())
    errors.push(...invalidFor(`${path}.values[${index}]`, value, labelValue(value)));
  return errors;
}

/** Which operators want values, in selectors of labels and of fields. */
export function validateRequirementValues(operator: string, values: readonly string[], path: string): FieldError[] {
  if ((operator === 'In' || operator === 'NotIn') && values.length === 0)
    return [required(`${path}.values`, "must be specified when `operator` is 'In' or 'NotIn'")];
  if ((operator === 'Exists' || operator === 'DoesNotExist') && values.length > 0)
    return [forbidden(`${path}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'")];
  return [];
}

/** True for a selector that selects everything. */
export function isEmptySelector(selector: LabelSelector): boolean {
  return Object.keys(selector.matchLabels ?? {}).length === 0 && (selector.matchExpressions ?? []).length === 0;
}

/** True where an expression selects by what no label can be. */
export function hasInvalidSelectorValue(selector: LabelSelector | undefined): boolean {
  return (selector?.matchExpressions ?? []).some(({ values }) =>
    (values ?? []).some(value => labelValue(value).length > 0),
  );
}
