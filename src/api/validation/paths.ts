import { type FieldError, invalid } from './field-error.ts';

/** A path without a step upwards. */
export function noBacksteps(value: string, path: string): FieldError[] {
  return value.split('/').includes('..') ? [invalid(path, value, "must not contain '..'")] : [];
}

/** A path that stays below where it starts. */
export function descendingPath(value: string, path: string): FieldError[] {
  return [
    ...(value.startsWith('/') ? [invalid(path, value, 'must be a relative path')] : []),
    ...noBacksteps(value, path),
  ];
}

/** A file inside a volume: below its root, and not among the names that the kubelet's writer keeps for itself. */
export function volumeFilePath(value: string, path: string): FieldError[] {
  const errors = descendingPath(value, path);
  return value.startsWith('..') && !value.startsWith('../')
    ? [...errors, invalid(path, value, "must not start with '..'")]
    : errors;
}
