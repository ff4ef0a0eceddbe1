import { closeSync, mkdirSync, openSync, rmSync } from 'node:fs';
import { check, libc } from '../../src/linux/ffi.ts';
import { createNetns, releaseNetnsFolder, removeNetns } from '../../src/linux/netns.ts';
import { runDirectory } from './run-id.ts';

const CLONE_NEWNET = 0x40000000;

/**
 * Moves this thread into a fresh network namespace until `leave`, so that bridges, rules and sysctls of a test never touch the machine's own.
 * Sockets opened and programs started meanwhile are in it; asynchronous fs calls under /proc/sys/net are not.
 */
export class PrivateNetns {
  readonly #own = openSync('/proc/thread-self/ns/net', 'r');
  readonly #folder = runDirectory('netns');
  readonly #made = new Set<string>();

  private constructor() {
    check(libc('int unshare(int)')(CLONE_NEWNET), 'unshare', 'network namespace');
  }

  static enter(): PrivateNetns {
    return new PrivateNetns();
  }

  /** The path of a namespace, not yet made. */
  path(name: string): string {
    mkdirSync(this.#folder, { recursive: true });
    const path = `${this.#folder}/${name}`;
    this.#made.add(path);
    return path;
  }

  /** Makes a namespace that is removed by `leave` at the latest. */
  create(name: string): string {
    const path = this.path(name);
    createNetns(path);
    return path;
  }

  /** Removes what was made and goes back. */
  leave(): void {
    for (const path of this.#made) removeNetns(path);
    releaseNetnsFolder(this.#folder);
    rmSync(this.#folder, { recursive: true, force: true });
    check(libc('int setns(int, int)')(this.#own, CLONE_NEWNET), 'setns', 'own network namespace');
    closeSync(this.#own);
  }
}
