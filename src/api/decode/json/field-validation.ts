import { invalidArgument } from '../../../base/errors.ts';

export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

/** Upstream's default. */
export const DEFAULT_FIELD_VALIDATION: FieldValidation = 'Warn';

/** The parameter of a write. Throws `invalid-argument` with upstream's text. */
export function parseFieldValidation(text: string | undefined): FieldValidation {
  switch (text) {
    case undefined:
    case '':
      return DEFAULT_FIELD_VALIDATION;
    case 'Ignore':
    case 'Warn':
    case 'Strict':
      return text;
    default:
      throw invalidArgument(
        `fieldValidation: Unsupported value: ${JSON.stringify(text)}: supported values: "Ignore", "Strict", "Warn"`,
      );
  }
}

/**
 * What comes of strict decoding errors: the warnings of the answer under Warn, none under Ignore. Throws
 * `invalid-argument` with upstream's message under Strict.
 */
export function checkFieldValidation(mode: FieldValidation, strictErrors: readonly string[]): readonly string[] {
  if (mode === 'Ignore' || strictErrors.length === 0) return [];
  if (mode === 'Strict') throw invalidArgument(`strict decoding error: ${strictErrors.join(', ')}`);
  return strictErrors;
}
