import { lstatSync } from 'node:fs';

/**
 * What tells the directory at a path from any that comes to its place later: its inode and when it was born, for inodes are given again. The device is left out, whose number may be another
 * after the next start. Undefined for what is no directory of its own (a link), cannot be looked at, or is on a file system that keeps no birth.
 */
export function madeDirectory(path: string): string | undefined {
  try {
    const status = lstatSync(path, { bigint: true });
    return status.isDirectory() && status.birthtimeNs > 0n ? `${status.ino}:${status.birthtimeNs}` : undefined;
  } catch {
    return undefined;
  }
}
