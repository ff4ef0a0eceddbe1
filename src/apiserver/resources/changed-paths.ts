import { equalValues } from '../../api/semantic-equal.ts';

/** Paths at which two values differ, the deepest that tell it, at most `limit`. For messages that say what a change touched. */
export function changedPaths(before: unknown, after: unknown, path: string, limit = 10): string[] {
  if (equalValues(before, after)) return [];
  if (!isObject(before) || !isObject(after)) return [path];
  const keys = [...new Set([...Object.keys(before), ...Object.keys(after)])].toSorted();
  const list = Array.isArray(before) || Array.isArray(after);
  const left = new Map(Object.entries(before));
  const right = new Map(Object.entries(after));
  return keys
    .flatMap(key => changedPaths(left.get(key), right.get(key), list ? `${path}[${key}]` : `${path}.${key}`, limit))
    .slice(0, limit);
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
