import { closeSync, fsyncSync, mkdirSync, openSync, readdirSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { isNotFound } from '../base/errors.ts';
import { randomHex } from '../base/hash.ts';

const TEMPORARY = /^\.tmp-[0-9a-f]{8}$/;

/** Of the directories that are made for a file: kubeadm's, of those of keys too, whose files have modes of their own. */
export const DIRECTORY_MODE = 0o755;

export interface AtomicWriteOptions {
  /** Permission bits of the file; 0600 unless said otherwise. */
  readonly mode?: number;
  /**
   * Waits for the disk. Needed where the file must survive a power cut; a rename alone survives kill -9 and costs a hundredth of it.
   */
  readonly durable?: boolean;
}

/** Replaces `path` with `data` so that a reader sees the old or the new content, never a part. Makes the parent folder, for its owner to write whatever the umask is. */
export function writeFileAtomic(path: string, data: string | Uint8Array, options: AtomicWriteOptions = {}): void {
  mkdirSync(dirname(path), { recursive: true, mode: DIRECTORY_MODE });
  writeAndRename(path, data, options, () => {});
}

/** Puts `data` in the place of `path` in one step; `prepare` gets the new file while it has its temporary name. Leaves nothing of it where something fails. */
export function writeAndRename(
  path: string,
  data: string | Uint8Array,
  options: AtomicWriteOptions,
  prepare: (fd: number) => void,
): void {
  const temporary = `${path}.tmp-${randomHex(4)}`;
  const fd = openSync(temporary, 'wx', options.mode ?? 0o600);
  try {
    const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data;
    let offset = 0;
    while (offset < bytes.length) offset += writeSync(fd, bytes, offset);
    prepare(fd);
    if (options.durable === true) fsyncSync(fd);
  } catch (error) {
    closeSync(fd);
    rmSync(temporary, { force: true });
    throw error;
  }
  try {
    closeSync(fd);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** What writers of a file that were killed have left beside it. */
export function leftBeside(path: string): readonly string[] {
  const name = basename(path);
  try {
    return readdirSync(dirname(path))
      .filter(each => each.startsWith(name) && TEMPORARY.test(each.slice(name.length)))
      .map(each => `${dirname(path)}/${each}`);
  } catch (error) {
    if (isNotFound(error)) return [];
    throw error;
  }
}
