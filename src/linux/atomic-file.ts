import {
  closeSync,
  fchmodSync,
  fchownSync,
  fstatSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { errnoName, isNotFound } from '../base/errors.ts';
import { randomHex } from '../base/hash.ts';

const TEMPORARY = /^\.tmp-[0-9a-f]{8}$/;

export interface AtomicWriteOptions {
  /** Permission bits of the file; 0600 unless said otherwise. */
  readonly mode?: number;
  /**
   * Waits for the disk. Needed where the file must survive a power cut; a rename alone survives kill -9 and costs a hundredth of it.
   */
  readonly durable?: boolean;
}

/** Replaces `path` with `data` so that a reader sees the old or the new content, never a part. Makes the parent folder. */
export function writeFileAtomic(path: string, data: string | Uint8Array, options: AtomicWriteOptions = {}): void {
  mkdirSync(dirname(path), { recursive: true });
  writeAndRename(path, data, options, () => {});
}

/**
 * The same, durably, for a file that is there: owner, group and mode stay what somebody has made of them, and a link to it stays a link. Where a file may not be given away
 * (CAP_CHOWN), the new one is for who writes it alone. Throws where there is no such file.
 */
export function replaceFileAtomic(path: string, data: string | Uint8Array): void {
  const target = lstatSync(path).isSymbolicLink() ? realpathSync(path) : path;
  const standing = statSync(target);
  writeAndRename(target, data, { mode: 0o600, durable: true }, fd => giveAs(standing, fd));
}

/** In an order that takes no right but to give files away, and in which nobody may read it who could not before. */
function giveAs({ uid, gid, mode }: Stats, fd: number): void {
  const own = fstatSync(fd);
  try {
    if (gid !== own.gid) fchownSync(fd, own.uid, gid);
    fchmodSync(fd, mode & 0o777);
    if (uid !== own.uid) fchownSync(fd, uid, gid);
  } catch (error) {
    // EINVAL: this user namespace does not know the owner
    if (errnoName(error) !== 'EPERM' && errnoName(error) !== 'EINVAL') throw error;
    fchmodSync(fd, mode & 0o700);
  }
}

function writeAndRename(
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
