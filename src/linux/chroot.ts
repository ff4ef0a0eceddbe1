import { closeSync, openSync } from 'node:fs';
import { check, libc } from './ffi.ts';

/**
 * Moves the root of this process into directories and back. Every path that any thread of the process resolves is then inside: `..` and
 * absolute links cannot leave. Only for processes made for the purpose.
 */
export class MovableRoot {
  readonly #home: number;

  constructor() {
    this.#home = openSync('/', 'r');
  }

  enter(directory: string): void {
    this.leave();
    check(libc('int chroot(const char*)')(directory), 'chroot', directory);
    process.chdir('/');
  }

  /** Back to the root the process was born with. Safe to repeat. */
  leave(): void {
    check(libc('int fchdir(int)')(this.#home), 'fchdir', '/');
    check(libc('int chroot(const char*)')('.'), 'chroot', '/');
  }

  close(): void {
    closeSync(this.#home);
  }
}
