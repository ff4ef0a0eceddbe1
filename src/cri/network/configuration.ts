import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { errorMessage } from '../../base/errors.ts';
import { type NetworkList, parseNetworkList } from '../../cni/protocol/network-list.ts';
import type { Logger } from '../../daemon/logger.ts';
import { watchDirectory } from '../../linux/watch-directory.ts';

export type ConfigurationState =
  | { readonly list: NetworkList; readonly file: string }
  | { readonly list: undefined; readonly reason: string };

/**
 * The network list in force: the lexically first valid `.conflist`, `.conf` or `.json` of a directory. Read again when the directory changes
 * (inotify), or is replaced by another. The directory is made when it is missing, so that there is something to watch.
 */
export class NetworkConfiguration {
  readonly #directory: string;
  readonly #log: Logger;
  readonly #onChange: () => void;
  #state: ConfigurationState;
  #watch: { close(): void } | undefined;
  /** Which directory the watch is on: a watch stays with its directory when that is moved, removed or replaced. */
  #watched = '';
  #rereading = false;
  #closed = false;

  /** `onChange` is told when another list, or none, has come into force; not of the first. */
  constructor(directory: string, log: Logger, onChange: () => void) {
    this.#directory = directory;
    this.#log = log;
    this.#onChange = onChange;
    this.#startWatch();
    this.#state = this.#read();
    this.#report();
  }

  get current(): ConfigurationState {
    return this.#state;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
  }

  #startWatch(): void {
    this.#watch?.close();
    this.#watch = undefined;
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o755 });
      // Looked at before the watch begins: if it is replaced in between, the watch is begun once too often, not once too seldom.
      this.#watched = this.#identity();
      this.#watch = watchDirectory(
        this.#directory,
        () => this.#reread(),
        () => this.#reread(),
      );
    } catch (error) {
      this.#log.warn(
        { directory: this.#directory, err: error },
        'the CNI configuration directory cannot be watched; changes need a restart',
      );
    }
  }

  /** Once per turn of the loop, however many names changed. */
  #reread(): void {
    if (this.#rereading || this.#closed) return;
    this.#rereading = true;
    setImmediate(() => {
      this.#rereading = false;
      if (this.#closed) return;
      const before = JSON.stringify(this.#state);
      // Before reading, so that nothing that comes later is missed.
      if (this.#watch === undefined || this.#identity() !== this.#watched) this.#startWatch();
      this.#state = this.#read();
      if (JSON.stringify(this.#state) === before) return;
      this.#report();
      this.#onChange();
    });
  }

  /** Device and inode; empty when there is no such directory. */
  #identity(): string {
    const found = statSync(this.#directory, { throwIfNoEntry: false });
    return found === undefined ? '' : `${found.dev}:${found.ino}`;
  }

  #report(): void {
    const state = this.#state;
    if (state.list === undefined) this.#log.warn({ reason: state.reason }, 'no network configuration');
    else this.#log.info({ network: state.list.name, file: state.file }, 'network configuration in force');
  }

  /** The plugins in the directory of a list's name, by file name. A change in there is seen when the directory above changes too. */
  #pluginsOf(list: string): unknown[] {
    const directory = join(this.#directory, list);
    if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
    const names = readdirSync(directory).filter(name => name.endsWith('.conf'));
    return names.sort().map(name => JSON.parse(readFileSync(join(directory, name), 'utf8')) as unknown);
  }

  #read(): ConfigurationState {
    const invalid: string[] = [];
    try {
      const names = readdirSync(this.#directory).filter(name => /\.(conflist|conf|json)$/.test(name));
      for (const name of names.sort()) {
        const file = join(this.#directory, name);
        try {
          const list = parseNetworkList(readFileSync(file, 'utf8'), !name.endsWith('.conflist'), list =>
            this.#pluginsOf(list),
          );
          return { list, file };
        } catch (error) {
          invalid.push(`${file}: ${errorMessage(error)}`);
        }
      }
    } catch (error) {
      invalid.push(errorMessage(error));
    }
    const reason =
      invalid.length === 0
        ? `no network configuration in ${this.#directory}: put a .conflist there`
        : `no valid network configuration in ${this.#directory}: ${invalid.join('; ')}`;
    return { list: undefined, reason };
  }
}
