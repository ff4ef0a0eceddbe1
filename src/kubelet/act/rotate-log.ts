import { createReadStream, createWriteStream } from 'node:fs';
import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { isNotFound } from '../../base/errors.ts';
import { rotationTime } from '../../base/rotation-time.ts';
import { COMPRESSED, planLogRotation } from '../decide/plan-log-rotation.ts';

/**
 * Rotates one log: its older ones are removed and compressed as `planLogRotation` says, then it becomes `<log>.<time>` and `reopen` has a new one begun. When
 * that fails it gets its name back, so that the next round tries again. After a crash anywhere in between the next rotation clears up.
 */
export async function rotateLog(
  log: string,
  maxFiles: number,
  now: Date,
  reopen: () => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const directory = dirname(log);
  const { remove, compress } = planLogRotation(basename(log), await readdir(directory), maxFiles);
  for (const name of remove) await rm(join(directory, name), { force: true });
  for (const name of compress) await compressLog(join(directory, name), signal);
  const rotated = `${log}.${rotationTime(now)}`;
  await rename(log, rotated);
  try {
    await reopen();
  } catch (error) {
    await rename(rotated, log);
    throw error;
  }
}

/** Puts `<log>.gz` in the place of a log. A reader that has the log open goes on in it. */
async function compressLog(log: string, signal: AbortSignal): Promise<void> {
  const temporary = `${log}.tmp`;
  try {
    const { mode } = await stat(log);
    await pipeline(createReadStream(log), createGzip(), createWriteStream(temporary, { mode }), { signal });
    await rename(temporary, `${log}${COMPRESSED}`);
    await rm(log, { force: true });
  } catch (error) {
    await rm(temporary, { force: true });
    // the runtime takes away what it rotated itself when it has a newer one
    if (!isNotFound(error)) throw error;
  }
}
