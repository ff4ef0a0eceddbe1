import { statfsSync } from 'node:fs';

/** Bytes that are free, for users without privileges, on the file system of a path that exists. */
export function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}
