import { realpathSync } from 'node:fs';
import { basename, dirname, join, normalize } from 'node:path';

/** An absolute path without links in it, `.` and `..`: of what is not there yet the part that is. What cannot be looked at stays as it is written. */
export function realPlace(path: string): string {
  const plain = normalize(path).replace(/(?<=.)\/$/, '');
  try {
    return realpathSync(plain);
  } catch {
    return plain === '/' ? plain : join(realPlace(dirname(plain)), basename(plain));
  }
}

/** Whether a path is a directory or in it, as both are written, or where links lead. */
export function isWithin(path: string, directory: string): boolean {
  const is = (a: string, b: string): boolean => b === '/' || `${a}/`.startsWith(`${b}/`);
  return is(normalize(path), normalize(directory)) || is(realPlace(path), realPlace(directory));
}
