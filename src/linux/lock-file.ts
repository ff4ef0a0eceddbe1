import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { errnoName, failedPrecondition } from '../base/errors.ts';
import { lastErrno, libc, SyscallError } from './ffi.ts';

const LOCK_SH = 1;
const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes a lock file for as long as this process lives (the descriptor stays open and is not inherited; the kernel gives the lock back however the
 * process ends). The file is made when it is missing, and holds the owner's pid for people. Throws `failed-precondition` naming the owner when another
 * process has it: `what` says what is in use.
 */
export function holdLockFile(path: string, what: string): void {
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
  try {
    if (!tryLock(fd)) {
      const owner = readFileSync(fd, 'utf8').trim();
      throw failedPrecondition(
        `${what} is in use by process ${owner === '' ? 'unknown' : owner}, which holds ${path}: stop it first, or use other directories`,
      );
    }
    tellOwner(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Takes the lock of an open file (flock(2)) until its descriptor is closed, or its process ends however it does; `shared` beside others that do, too. False at once where another
 * has it. Throws where the file system has no locks.
 */
export function tryLock(fd: number, options: { readonly shared?: boolean } = {}): boolean {
  if (libc('int flock(int, int)')(fd, (options.shared === true ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return true;
  const error = new SyscallError('flock', lastErrno(), `descriptor ${fd}`);
  if (error.code === 'EAGAIN') return false;
  throw error;
}

/** The lock holds without it: on a full disk, where somebody makes room, it is left out. */
function tellOwner(fd: number): void {
  try {
    ftruncateSync(fd);
    writeSync(fd, `${process.pid}\n`, 0);
  } catch (error) {
    if (errnoName(error) !== 'ENOSPC' && errnoName(error) !== 'EDQUOT') throw error;
  }
}
