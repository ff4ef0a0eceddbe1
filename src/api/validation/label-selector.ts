import type { LabelSelector } from '../types/gen/meta-v1.ts';
import { type FieldError, forbidden, invalid, invalidFor, required } from './field-error.ts';
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
  for (const [index, expression] of (selector.matchExpressions ?? []).entries()) {
    const at = `${path}.matchExpressions[${index}]`;
    const values = expression.values ?? [];
    if (expression.operator === 'In' || expression.operator === 'NotIn') {
      if (values.length === 0)
        errors.push(required(`${at}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
    } else if (expression.operator === 'Exists' || expression.operator === 'DoesNotExist') {
      if (values.length > 0)
        errors.push(forbidden(`${at}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"));
    } else errors.push(invalid(`${at}.operator`, expression.operator, 'not a valid selector operator'));
    errors.push(...invalidFor(`${at}.key`, expression.key, qualifiedName(expression.key)));
    for (const [valueIndex, value] of options.anyValue ? [] : values.entries())
      errors.push(...invalidFor(`${at}.values[${valueIndex}]`, value, labelValue(value)));
  }
  return errors;
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
