import { realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { watchDirectory } from './watch-directory.ts';

/** Files come one after another: what follows within this time is taken together with the first. */
const SETTLE_MS = 200;
/** When to look again for a directory that was taken away; nothing tells of its coming back. */
const MISSING_MS = 5000;

export interface WatchedFilesOptions {
  /** Asked anew after each change: a file may name others. */
  readonly paths: () => readonly string[];
  /** Something changed beside them, perhaps in them. Must not throw. */
  readonly onChange: () => void;
  readonly clock: Clock;
}

/**
 * Tells when files may have changed (inotify). Directories are watched, not files, because files are replaced by renames, those of mounted Secrets by the rename
 * of a link. It tells once at the start, too: they may have changed since they were read.
 */
export class WatchedFiles {
  readonly #options: WatchedFilesOptions;
  readonly #watches = new Map<string, { close(): void }>();
  #cancel: (() => void) | undefined;
  #closed = false;

  constructor(options: WatchedFilesOptions) {
    this.#options = options;
    this.#watchAll();
    this.#lookIn(0);
  }

  close(): void {
    this.#closed = true;
    this.#cancel?.();
    this.#unwatchAll();
  }

  /** A look that is due already is not put off: in a directory where much happens it would never come. */
  #lookIn(ms: number): void {
    if (this.#closed) return;
    this.#cancel ??= this.#options.clock.after(ms, () => {
      this.#cancel = undefined;
      // links may lead elsewhere now, and a directory of the same name be another
      this.#unwatchAll();
      this.#watchAll();
      this.#options.onChange();
    });
  }

  #watchAll(): void {
    for (const directory of directoriesOf(this.#options.paths()))
      try {
        this.#watches.set(
          directory,
          watchDirectory(
            directory,
            () => this.#lookIn(SETTLE_MS),
            () => this.#lookIn(MISSING_MS),
          ),
        );
      } catch {
        this.#lookIn(MISSING_MS);
      }
  }

  #unwatchAll(): void {
    for (const watch of this.#watches.values()) watch.close();
    this.#watches.clear();
  }
}

/** Where the files are, and where the links among them lead. */
function directoriesOf(paths: readonly string[]): ReadonlySet<string> {
  const directories = new Set<string>();
  for (const path of paths) {
    directories.add(dirname(path));
    try {
      directories.add(dirname(realpathSync(path)));
    } catch {
      // it is not there: its directory tells when it is
    }
  }
  return directories;
}
