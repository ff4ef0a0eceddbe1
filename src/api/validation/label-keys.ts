import type { LabelSelector } from '../types/gen/meta-v1.ts';
import { type FieldError, forbidden, invalid, invalidFor } from './field-error.ts';
import { qualifiedName } from './names.ts';

/**
 * The keys whose values are taken from the pod itself into a selector (`matchLabelKeys`, `mismatchLabelKeys`). At the time
 * of the check the server has put what it took into the selector already, so a key that stands there twice was given twice.
 */
export function validateLabelKeys(
  match: readonly string[] | undefined,
  mismatch: readonly string[] | undefined,
  selector: LabelSelector | undefined,
  path: string,
): FieldError[] {
  const matchKeys = match ?? [];
  const errors = [
    ...keyErrors(match, selector, `${path}.matchLabelKeys`),
    ...keyErrors(mismatch, selector, `${path}.mismatchLabelKeys`),
  ];
  const seen = new Set(Object.keys(selector?.matchLabels ?? {}));
  // of equal ones the last counts
  const places = new Map(matchKeys.map((key, index) => [key, index]));
  for (const { key } of selector?.matchExpressions ?? []) {
    const index = places.get(key);
    if (index !== undefined && seen.has(key))
      errors.push(invalid(`${path}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector'));
    seen.add(key);
  }
  const mismatchKeys = new Set(mismatch);
  for (const [index, key] of matchKeys.entries())
    if (mismatchKeys.has(key))
      errors.push(
        invalid(`${path}.matchLabelKeys[${index}]`, key, 'exists in both matchLabelKeys and mismatchLabelKeys'),
      );
  return errors;
}

/** The rule before the server took values into the selector: no key may stand in both. Stored pods may be of that time. */
export function validateUnmergedLabelKeys(
  keys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
  path: string,
): FieldError[] {
  if (keys === undefined || keys.length === 0) return [];
  const named = new Set([
    ...Object.keys(selector?.matchLabels ?? {}),
    ...(selector?.matchExpressions ?? []).map(({ key }) => key),
  ]);
  return [
    ...(selector === undefined ? [forbidden(path, 'must not be specified when labelSelector is not set')] : []),
    ...keys.flatMap((key, index) => [
      ...invalidFor(`${path}[${index}]`, key, qualifiedName(key)),
      ...(named.has(key) ? [invalid(`${path}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector')] : []),
    ]),
  ];
}

function keyErrors(
  keys: readonly string[] | undefined,
  selector: LabelSelector | undefined,
  path: string,
): FieldError[] {
  if (keys === undefined || keys.length === 0) return [];
  if (selector === undefined) return [forbidden(path, 'must not be specified when labelSelector is not set')];
  return keys.flatMap((key, index) => invalidFor(`${path}[${index}]`, key, qualifiedName(key)));
}
