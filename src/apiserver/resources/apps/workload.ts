import { type LabelSelector, labelSelectorOf } from '../../../api/selectors/label-selector.ts';
import type { LabelSelector as LabelSelectorObject } from '../../../api/types/gen/meta-v1.ts';
import { type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import { isEmptySelector, validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { nonNegative } from '../../../api/validation/numbers.ts';

/** The selector of a workload: there, not empty, readable. `kind` as upstream's text names it. */
export function workloadSelector(
  selector: LabelSelectorObject | undefined,
  kind: string,
): { readonly errors: FieldError[]; readonly parsed: LabelSelector | undefined } {
  if (selector === undefined) return { errors: [required('spec.selector')], parsed: undefined };
  const errors = validateLabelSelector(selector, 'spec.selector');
  if (isEmptySelector(selector))
    errors.push(invalid('spec.selector', selector, `empty selector is invalid for ${kind}`));
  try {
    return { errors, parsed: labelSelectorOf(selector) };
  } catch {
    return { errors: [...errors, invalid('spec.selector', selector, 'invalid label selector')], parsed: undefined };
  }
}

/** Counters of a status: none negative, none above another. */
export function statusCounters(
  status: object,
  names: readonly string[],
  atMost: readonly (readonly [name: string, limit: string, detail: string])[],
): FieldError[] {
  const values = new Map(Object.entries(status));
  const read = (name: string): number => {
    const value: unknown = values.get(name);
    return typeof value === 'number' ? value : 0;
  };
  return [
    ...names.flatMap(name => nonNegative(`status.${name}`, read(name))),
    ...atMost.flatMap(([name, limit, detail]) =>
      read(name) > read(limit) ? [invalid(`status.${name}`, read(name), detail)] : [],
    ),
  ];
}

/** A collision count is part of names that are in use: it only grows. */
export function collisionCount(
  status: { readonly collisionCount?: number | undefined },
  old: { readonly collisionCount?: number | undefined },
): FieldError[] {
  const value = status.collisionCount ?? 0;
  return value < (old.collisionCount ?? 0)
    ? [invalid('status.collisionCount', value, 'cannot be decremented')]
    : nonNegative('status.collisionCount', value);
}
