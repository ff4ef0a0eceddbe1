import { closeSync, constants, mkdirSync, openSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { constants as osConstants } from 'node:os';
import { errnoName } from '../base/errors.ts';
import { SyscallError } from './ffi.ts';
import { tryLock } from './lock-file.ts';

/** What a name of a life may consist of: it names a file, and is read from elsewhere. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,200}$/;
/** In front of a name whose file is not locked yet. */
const UNBORN = '.new-';
/** Who clears away may take a file for one of a life that has ended, just before it is locked. */
const TRIES = 5;

/**
 * Lives of processes of one machine, as files: a file is locked (flock) for as long as the life that it is named after goes on, and the kernel takes the
 * lock away however the process ends, a power cut included. So who finds a file that is not locked knows that its life has ended. Where there is no file
 * nothing is known. Names are never used twice. The directory has to be of this machine alone: on one that machines share, or that was copied from a machine
 * that still runs, a lock does not say what it says here.
 */
export class LifeFiles {
  readonly #directory: string;
  readonly #open = new Map<string, number>();

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** A life of this process begins. Files of lives that have ended go, but for that of `kept`. Throws where no file can be made or locked. */
  begin(name: string, kept: string): void {
    if (!NAME.test(name)) throw new Error(`"${name}" names no file`);
    if (this.#open.has(name)) return;
    mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
    for (const other of readdirSync(this.#directory))
      if (other !== kept && !this.#open.has(other) && this.#isUnlocked(other))
        rmSync(this.#path(other), { force: true });
    this.#open.set(name, this.#lockedFile(name));
  }

  /** It has its name only once it is locked. */
  #lockedFile(name: string): number {
    const path = this.#path(`${UNBORN}${name}`);
    for (let left = TRIES; ; left -= 1) {
      const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600);
      try {
        if (!tryLock(fd)) throw new SyscallError('flock', osConstants.errno.EAGAIN, path);
        renameSync(path, this.#path(name));
        return fd;
      } catch (error) {
        closeSync(fd);
        if (left === 0) throw error;
      }
    }
  }

  /** True only where it is certain that the life has ended. */
  hasEnded(name: string): boolean {
    return NAME.test(name) && !this.#open.has(name) && this.#isUnlocked(name);
  }

  /** A life of this process ends before the process does. Safe to repeat. */
  end(name: string): void {
    const fd = this.#open.get(name);
    if (fd === undefined) return;
    this.#open.delete(name);
    closeSync(fd);
  }

  /** False where there is no file either. */
  #isUnlocked(name: string): boolean {
    let fd: number;
    try {
      fd = openSync(this.#path(name), constants.O_RDONLY | constants.O_NOFOLLOW);
    } catch (error) {
      if (['ENOENT', 'EACCES', 'ELOOP', 'ENOTDIR'].includes(errnoName(error) ?? '')) return false;
      throw error;
    }
    try {
      // shared: two that look at once do not take each other for a life
      return tryLock(fd, { shared: true });
    } finally {
      closeSync(fd);
    }
  }

  #path(name: string): string {
    return `${this.#directory}/${name}`;
  }
}
