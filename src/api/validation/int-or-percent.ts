import type { IntOrString } from '../types/scalars.ts';
import { type FieldError, invalid } from './field-error.ts';
import { nonNegative } from './numbers.ts';

/** A count that is not negative, or a percentage. */
export function validateIntOrPercent(value: IntOrString, path: string): FieldError[] {
  if (typeof value === 'number') return nonNegative(path, value);
  return /^[0-9]+%$/.test(value)
    ? []
    : [
        invalid(
          path,
          value,
          "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
        ),
      ];
}

/** A percentage may not be more than the whole. */
export function atMostWhole(value: IntOrString | undefined, path: string): FieldError[] {
  return typeof value === 'string' && /^[0-9]+%$/.test(value) && Number.parseInt(value, 10) > 100
    ? [invalid(path, value, 'must not be greater than 100%')]
    : [];
}

/** The number in a count, in a percentage, or in text that is one; zero where it is none of them. */
export function numberIn(value: IntOrString | undefined): number {
  if (typeof value === 'number') return value;
  return value !== undefined && /^([0-9]+%|[+-]?[0-9]+)$/.test(value) ? Number.parseInt(value, 10) : 0;
}
