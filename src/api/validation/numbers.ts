import { type FieldError, invalid } from './field-error.ts';

/** For counts and sizes: absent is fine. */
export function nonNegative(field: string, value: number | undefined): FieldError[] {
  return value !== undefined && value < 0 ? [invalid(field, value, 'must be greater than or equal to 0')] : [];
}
