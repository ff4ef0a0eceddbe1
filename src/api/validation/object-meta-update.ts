import { goQuote } from '../go-quote.ts';
import { equalValues } from '../semantic-equal.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';
import { type FieldError, forbidden, invalid } from './field-error.ts';

const IMMUTABLE_TEXT = 'field is immutable';
const IMMUTABLE = [
  'name',
  'namespace',
  'uid',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
] as const;

/** The error of a field that may not change; nothing where both values mean the same. */
export function immutable(field: string, value: unknown, old: unknown): FieldError[] {
  return equalValues(value, old) ? [] : [invalid(field, value ?? null, IMMUTABLE_TEXT)];
}

/** What may not change in metadata. The rules of its values are validateObjectMeta's. */
export function validateObjectMetaUpdate(meta: ObjectMeta, old: ObjectMeta, path = 'metadata'): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const had = new Set(old.finalizers ?? []);
    const extra = [...new Set((meta.finalizers ?? []).filter(finalizer => !had.has(finalizer)))].toSorted();
    if (extra.length > 0)
      errors.push(
        forbidden(
          `${path}.finalizers`,
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${extra.map(goQuote).join(', ')}}`,
        ),
      );
  }
  if ((meta.resourceVersion ?? '') === '')
    errors.push(invalid(`${path}.resourceVersion`, '', 'must be specified for an update'));
  if ((meta.generation ?? 0) < (old.generation ?? 0))
    errors.push(invalid(`${path}.generation`, meta.generation ?? 0, 'must not be decremented'));
  for (const field of IMMUTABLE) errors.push(...immutable(`${path}.${field}`, meta[field], old[field]));
  return errors;
}
