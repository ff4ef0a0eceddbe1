import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, rmSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { failedPrecondition } from '../../base/errors.ts';
import { randomHex } from '../../base/hash.ts';
import { tryLock } from '../../linux/lock-file.ts';

/** A bundle that was begun under the name that it gets unless another is given. */
const DEFAULT_NAME = /^\.gantry-support-.+\.tar\.gz\.tmp-[0-9a-f]{8}$/;
const SUFFIX = /^\.tmp-[0-9a-f]{8}$/;
/** Who clears away may take a file for that of one who was killed, just before it is locked. */
const TRIES = 5;

export interface UnfinishedFile {
  readonly temporary: string;
  /** To be written to, and closed by who writes. */
  readonly fd: number;
  /** Another descriptor of the same file, which is locked as long as this one is open. */
  readonly lock: number;
}

/** Makes the file, for root alone, that is to be `path` once it is whole. Throws what the system says where none can be made there. */
export function beginUnfinished(path: string): UnfinishedFile {
  for (let left = TRIES; left > 0; left -= 1) {
    const temporary = join(dirname(path), `.${basename(path)}.tmp-${randomHex(4)}`);
    const fd = openSync(temporary, 'wx', 0o600);
    let lock: number | undefined;
    try {
      lock = openSync(temporary, constants.O_RDONLY | constants.O_NOFOLLOW);
      if (takeIfPossible(lock) && fstatSync(lock).nlink === 1) return { temporary, fd, lock };
    } catch {
      // cleared away between two steps
    }
    closeSync(fd);
    if (lock !== undefined) closeSync(lock);
    rmSync(temporary, { force: true });
  }
  throw failedPrecondition(`somebody removes the files that are begun in ${dirname(path)}`);
}

/** Removes what bundles that were killed have left where `path` is to be: those of its name, and those whose name was not chosen. One that is still written is locked, and stays. Never throws. */
export function removeUnfinished(path: string): void {
  const own = `.${basename(path)}`;
  const directory = dirname(path);
  for (const name of namesIn(directory))
    if (DEFAULT_NAME.test(name) || (name.startsWith(own) && SUFFIX.test(name.slice(own.length))))
      removeIfUnlocked(join(directory, name));
}

function removeIfUnlocked(path: string): void {
  let fd: number | undefined;
  try {
    if (!lstatSync(path).isFile()) return;
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    if (tryLock(fd)) rmSync(path, { force: true });
  } catch {
    // gone meanwhile, somebody else's, or on a file system without locks: then it stays
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** True, too, on a file system without locks, where nobody clears away either. */
function takeIfPossible(fd: number): boolean {
  try {
    return tryLock(fd);
  } catch {
    return true;
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}
