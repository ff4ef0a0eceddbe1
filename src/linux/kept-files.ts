import { type FSWatcher, readFileSync, watch, writeFileSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';

/** What is to be in files, by their paths. */
export type FileTexts = Readonly<Record<string, string>>;

interface KeptFile {
  /** How the kernel shows what was written (a size in whole pages, for instance). */
  shown: string;
  readonly watcher: FSWatcher | undefined;
}

/**
 * Files of the kernel that somebody else writes to as well: whenever one of them says anything else than it was told here, it is written again. Woken by inotify, which tells of
 * writes to files of cgroup v2 as of any others; it does not tell of a group that is removed, so files are to be released.
 */
export class KeptFiles {
  readonly #onFailure: (file: string, error: unknown) => void;
  readonly #owners = new Map<string, Map<string, KeptFile>>();

  /** `onFailure` hears of a file that cannot be watched or written again; one that is gone is no failure. */
  constructor(onFailure: (file: string, error: unknown) => void) {
    this.#onFailure = onFailure;
  }

  /** Writes the files and keeps them, instead of those that the owner had before. Idempotent. Throws when one cannot be written, unless it is gone; the owner has none then. */
  keep(owner: string, files: FileTexts): void {
    this.release(owner);
    const kept = new Map<string, KeptFile>();
    this.#owners.set(owner, kept);
    try {
      for (const [path, text] of Object.entries(files)) {
        // watched first: a write of somebody else is seen, or is before ours
        const watcher = this.#watch(path, () => this.#lookAt(owner, path, text));
        kept.set(path, { shown: '', watcher });
        kept.set(path, { shown: writeAndRead(path, text), watcher });
      }
    } catch (error) {
      this.release(owner);
      if (!isGone(error)) throw error;
    }
  }

  /** Lets the files of an owner go as they are. Safe to repeat. */
  release(owner: string): void {
    for (const { watcher } of this.#owners.get(owner)?.values() ?? []) watcher?.close();
    this.#owners.delete(owner);
  }

  /** Lets go of everything. */
  close(): void {
    for (const owner of [...this.#owners.keys()]) this.release(owner);
  }

  #watch(path: string, look: () => void): FSWatcher | undefined {
    try {
      const watcher = watch(path, { persistent: false }, look);
      watcher.on('error', error => this.#onFailure(path, error));
      return watcher;
    } catch (error) {
      if (!isGone(error)) this.#onFailure(path, error);
      return undefined;
    }
  }

  #lookAt(owner: string, path: string, text: string): void {
    const file = this.#owners.get(owner)?.get(path);
    if (file === undefined) return;
    try {
      if (readFileSync(path, 'utf8') !== file.shown) file.shown = writeAndRead(path, text);
    } catch (error) {
      if (isGone(error)) this.release(owner);
      else this.#onFailure(path, error);
    }
  }
}

function writeAndRead(path: string, text: string): string {
  writeFileSync(path, text);
  return readFileSync(path, 'utf8');
}

/** ENODEV is what a file says whose group was removed while it was open. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes(errnoName(error) ?? '');
}
