import { mkdirSync } from 'node:fs';
import { randomHex } from '../../src/base/hash.ts';

/** Stands in every name that this test process gives away, so that files running side by side do not meet. */
export const RUN_ID = `t${randomHex(3)}`;

/** Data of this test process's hosts. On the disk, because image layers need a file system that is no overlay. */
export const RUN_DIR = `/var/tmp/gantry-${RUN_ID}`;

/** A fresh directory below RUN_DIR. */
export function runDirectory(name: string): string {
  const path = `${RUN_DIR}/${name}-${randomHex(3)}`;
  mkdirSync(path, { recursive: true });
  return path;
}
