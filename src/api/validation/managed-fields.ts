import { isPrintable } from '../go-quote.ts';
import type { ManagedFieldsEntry } from '../types/gen/meta-v1.ts';
import { type FieldError, invalid, tooLong } from './field-error.ts';

/** Upstream's limit of the name under which fields are managed. */
export const MAX_FIELD_MANAGER_BYTES = 128;
const MAX_SUBRESOURCE_BYTES = 256;

/** The rules of the name under which fields are managed. */
export function fieldManagerErrors(name: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (Buffer.byteLength(name) > MAX_FIELD_MANAGER_BYTES) errors.push(tooLong(path, MAX_FIELD_MANAGER_BYTES));
  let at = 0;
  for (const char of name) {
    if (!isPrintable(char))
      errors.push(invalid(path, name, `invalid character ${codePointText(char)} (at position ${at})`));
    at += Buffer.byteLength(char);
  }
  return errors;
}

/** As Go prints one that does not print: `U+0007`. */
function codePointText(char: string): string {
  return `U+${(char.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/** The rules of metadata.managedFields beside those that are mended when it is written. */
export function validateManagedFields(entries: readonly ManagedFieldsEntry[] | undefined, path: string): FieldError[] {
  if (entries === undefined) return [];
  return entries.flatMap(({ operation = '', fieldsType = '', manager = '', subresource = '' }, i) => [
    ...(operation === 'Apply' || operation === 'Update'
      ? []
      : [invalid(`${path}[${i}].operation`, operation, 'must be `Apply` or `Update`')]),
    ...(fieldsType === '' || fieldsType === 'FieldsV1'
      ? []
      : [invalid(`${path}[${i}].fieldsType`, fieldsType, 'must be `FieldsV1`')]),
    ...fieldManagerErrors(manager, `${path}[${i}].manager`),
    ...(Buffer.byteLength(subresource) > MAX_SUBRESOURCE_BYTES
      ? [tooLong(`${path}[${i}].subresource`, MAX_SUBRESOURCE_BYTES)]
      : []),
  ]);
}
