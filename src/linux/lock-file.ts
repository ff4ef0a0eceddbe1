import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
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
    tellOwner(fd, `${process.pid}`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** A lock that is held. */
export interface HeldLock {
  /** Removes the file and gives the lock back. Safe to repeat. */
  release(): void;
}

/**
 * Takes a lock file until it is released, or until this process ends however it does. The file holds `owner`, and is gone with the lock unless the process was killed: one that is left is
 * nobody's. Where another process has it: what that has written there, which may be nothing yet, or what was there before. Throws where the file cannot be opened.
 */
export function takeLockFile(path: string, owner: string): HeldLock | { readonly owner: string } {
  for (;;) {
    const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
    let isHeld = false;
    try {
      if (!tryLock(fd)) return { owner: readFileSync(fd, 'utf8').trim() };
      // whoever had it may have removed the file between
      if (!isAt(fd, path)) continue;
      tellOwner(fd, owner);
      isHeld = true;
    } finally {
      if (!isHeld) closeSync(fd);
    }
    return heldLock(fd, path);
  }
}

function heldLock(fd: number, path: string): HeldLock {
  let isHeld = true;
  return {
    release() {
      if (!isHeld) return;
      isHeld = false;
      // before the lock is given back: nobody else may have the file that is removed
      if (isAt(fd, path)) unlinkSync(path);
      closeSync(fd);
    },
  };
}

function isAt(fd: number, path: string): boolean {
  const [own, there] = [fstatSync(fd), lstatSync(path, { throwIfNoEntry: false })];
  return there?.ino === own.ino && there.dev === own.dev;
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
function tellOwner(fd: number, owner: string): void {
  try {
    ftruncateSync(fd);
    writeSync(fd, `${owner}\n`, 0);
  } catch (error) {
    if (errnoName(error) !== 'ENOSPC' && errnoName(error) !== 'EDQUOT') throw error;
  }
}
