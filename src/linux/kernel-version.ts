import { release } from 'node:os';

/** Whether the running kernel is of this release or a later one (`text` as `uname -r` prints it). */
export function kernelIsAtLeast(major: number, minor: number, text = release()): boolean {
  const [ownMajor = 0, ownMinor = 0] = text.split('.').map(part => Number.parseInt(part, 10));
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
