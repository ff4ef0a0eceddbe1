import { goQuote } from '../go-quote.ts';

/** One rule that an object breaks, in upstream's words: `spec.containers[1].name: Duplicate value: "web"`. */
export interface FieldError {
  readonly type: FieldErrorType;
  /** `spec.containers[1].name`; a map's key in brackets: `resources.limits[cpu]`. */
  readonly field: string;
  /** The value that is wrong; undefined where it does not matter or is not shown. */
  readonly badValue: unknown;
  readonly detail: string;
}

/** The reasons of upstream's field errors, as they stand in a Status' causes. */
export type FieldErrorType =
  | 'FieldValueRequired'
  | 'FieldValueInvalid'
  | 'FieldValueDuplicate'
  | 'FieldValueNotSupported'
  | 'FieldValueForbidden'
  | 'FieldValueNotFound'
  | 'FieldValueTooLong'
  | 'FieldValueTooMany'
  | 'InternalError';

const TITLES: Readonly<Record<FieldErrorType, string>> = {
  FieldValueRequired: 'Required value',
  FieldValueInvalid: 'Invalid value',
  FieldValueDuplicate: 'Duplicate value',
  FieldValueNotSupported: 'Unsupported value',
  FieldValueForbidden: 'Forbidden',
  FieldValueNotFound: 'Not found',
  FieldValueTooLong: 'Too long',
  FieldValueTooMany: 'Too many',
  InternalError: 'Internal error',
};

export const required = (field: string, detail = ''): FieldError => ({
  type: 'FieldValueRequired',
  field,
  badValue: undefined,
  detail,
});
export const invalid = (field: string, badValue: unknown, detail: string): FieldError => ({
  type: 'FieldValueInvalid',
  field,
  badValue,
  detail,
});
export const duplicate = (field: string, badValue: unknown): FieldError => ({
  type: 'FieldValueDuplicate',
  field,
  badValue,
  detail: '',
});
export const forbidden = (field: string, detail: string): FieldError => ({
  type: 'FieldValueForbidden',
  field,
  badValue: undefined,
  detail,
});
export const notFound = (field: string, badValue: unknown): FieldError => ({
  type: 'FieldValueNotFound',
  field,
  badValue,
  detail: '',
});
export const notSupported = (field: string, badValue: unknown, supported: readonly string[]): FieldError => ({
  type: 'FieldValueNotSupported',
  field,
  badValue,
  detail: `supported values: ${supported.map(goQuote).join(', ')}`,
});
export const tooLong = (field: string, maxBytes: number): FieldError => ({
  type: 'FieldValueTooLong',
  field,
  badValue: undefined,
  detail: `may not be more than ${maxBytes} bytes`,
});

/** A list that may have so many items and no more. */
export function atMostItems(field: string, count: number, most: number): FieldError[] {
  if (count <= most) return [];
  const detail = `must have at most ${most} ${most === 1 ? 'item' : 'items'}`;
  return [{ type: 'FieldValueTooMany', field, badValue: count, detail }];
}

/** A defect of the check itself, or of a value that another rule has refused already. */
export const internalError = (field: string, detail: string): FieldError => ({
  type: 'InternalError',
  field,
  badValue: undefined,
  detail,
});

/** The error without its field: `Duplicate value: "web"`. */
export function fieldErrorBody(error: FieldError): string {
  const value = error.badValue === undefined ? '' : `: ${valueText(error.badValue)}`;
  const detail = error.detail === '' ? '' : `: ${error.detail}`;
  return `${TITLES[error.type]}${value}${detail}`;
}

/** As Go prints it: strings quoted, everything else as its JSON encoder writes it, with what HTML takes for markup escaped. */
function valueText(value: unknown): string {
  if (typeof value === 'string') return goQuote(value);
  return JSON.stringify(value).replaceAll(/[<>&]/g, char => `\\u00${char.charCodeAt(0).toString(16)}`);
}

/** The whole line. */
export function fieldErrorText(error: FieldError): string {
  return `${error.field}: ${fieldErrorBody(error)}`;
}

/** Errors of one value that must be one of some; a missing one is required. */
export function oneOf(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  if (value === undefined || value === '') return [required(field)];
  return supported.includes(value) ? [] : [notSupported(field, value, supported)];
}

/** Errors of one value that must be one of some; a missing one is not supported either. */
export function among(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  return supported.includes(value ?? '') ? [] : [notSupported(field, value ?? '', supported)];
}

/** Errors of one value that may be missing, and must be one of some where it is there. */
export function amongIfSet(field: string, value: string | undefined, supported: readonly string[]): FieldError[] {
  return value === undefined ? [] : among(field, value, supported);
}

/** Adds errors, however many there are: as arguments of one call some 100,000 would be too many. */
export function addErrors(errors: FieldError[], ...more: readonly (readonly FieldError[])[]): void {
  for (const list of more) for (const error of list) errors.push(error);
}

/** Reasons against a value, as errors. */
export function invalidFor(field: string, value: unknown, reasons: readonly string[]): FieldError[] {
  return reasons.map(reason => invalid(field, value, reason));
}
