import { type FSWatcher, readFileSync, watch, writeFileSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';

/** What is to be in files, by their paths. */
export type FileTexts = Readonly<Record<string, string>>;

/** How files are read and written, at once. */
export interface FileAccess {
  readonly read: (path: string) => string;
  readonly write: (path: string, text: string) => void;
}

const ON_DISK: FileAccess = {
  read: path => readFileSync(path, 'utf8'),
  write: (path, text) => writeFileSync(path, text),
};

/** How often a file is written until it is known how the kernel shows it, where others write between. */
const ATTEMPTS = 5;

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
  readonly #access: FileAccess;
  readonly #owners = new Map<string, Map<string, KeptFile>>();

  /** `onFailure` hears of a file that cannot be watched or written again; one that is gone is no failure. */
  constructor(onFailure: (file: string, error: unknown) => void, access = ON_DISK) {
    this.#onFailure = onFailure;
    this.#access = access;
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
        kept.set(path, { shown: this.#put(path, text), watcher });
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

  /**
   * Writes the text and returns how it is shown. What is read may be what somebody else has written since: it is ours where it says the same, or where it comes after each of five
   * writes. Else the text itself is returned, so that the look that the other one's write causes writes again.
   */
  #put(path: string, text: string): string {
    const seen = new Set<string>();
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      this.#access.write(path, text);
      const shown = this.#access.read(path);
      if (shown.trim() === text) return shown;
      seen.add(shown);
    }
    const [shown = text, ...others] = seen;
    return others.length === 0 ? shown : text;
  }

  #lookAt(owner: string, path: string, text: string): void {
    const file = this.#owners.get(owner)?.get(path);
    if (file === undefined) return;
    try {
      if (this.#access.read(path) !== file.shown) file.shown = this.#put(path, text);
    } catch (error) {
      if (isGone(error)) this.release(owner);
      else this.#onFailure(path, error);
    }
  }
}

/** ENODEV is what a file says whose group was removed while it was open. */
function isGone(error: unknown): boolean {
  return ['ENOENT', 'ENODEV'].includes(errnoName(error) ?? '');
}
