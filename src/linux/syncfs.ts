import { closeSync, openSync } from 'node:fs';
import { check, libc } from './ffi.ts';

/** Waits until everything written to the file system that holds `path` is on its disk. May take seconds: never call it on a daemon's loop. */
export function syncFileSystem(path: string): void {
  const fd = openSync(path, 'r');
  try {
    check(libc('int syncfs(int)')(fd), 'syncfs', path);
  } finally {
    closeSync(fd);
  }
}
