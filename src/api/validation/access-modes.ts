import { type FieldError, forbidden, notSupported } from './field-error.ts';

const MODES = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];

/** The ways in which nodes and pods may share a volume. */
export function validateAccessModes(modes: readonly string[] | undefined, path: string): FieldError[] {
  const given = modes ?? [];
  const errors = given.filter(mode => !MODES.includes(mode)).map(mode => notSupported(path, mode, MODES));
  return given.includes('ReadWriteOncePod') && given.some(mode => mode !== 'ReadWriteOncePod' && MODES.includes(mode))
    ? [...errors, forbidden(path, 'may not use ReadWriteOncePod with other access modes')]
    : errors;
}
