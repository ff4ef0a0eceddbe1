import { once } from 'node:events';
import { chmodSync, closeSync, createWriteStream, existsSync, linkSync, renameSync, rmSync } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { pack } from 'tar-stream';
import { errnoName, errorMessage, failedPrecondition, invalidArgument } from '../../base/errors.ts';
import { beginUnfinished, removeUnfinished } from './unfinished.ts';

/** A .tar.gz that is written as it comes, for root alone, and has its name only when it is whole. */
export class Archive {
  readonly #path: string;
  readonly #temporary: string;
  /** Held until it has its name: what is not locked is of a process that was killed. */
  readonly #lock: number;
  readonly #folder: string;
  readonly #force: boolean;
  readonly #pack = pack();
  readonly #written: Promise<void>;
  readonly #time: Date;
  #ended = false;
  /** Bytes of its files so far. */
  bytes = 0;
  files = 0;

  /**
   * Begins it beside its place, where it takes away what killed ones have left. All its files are below `folder`. Throws one line where it cannot be written there, and where there is a file by that name already unless `force`.
   */
  constructor(path: string, options: { readonly folder: string; readonly force: boolean; readonly now: number }) {
    this.#path = path;
    this.#folder = options.folder;
    this.#force = options.force;
    this.#time = new Date(options.now);
    if (!options.force && existsSync(path)) throw isThere(path);
    removeUnfinished(path);
    try {
      const { temporary, fd, lock } = beginUnfinished(path);
      this.#temporary = temporary;
      this.#lock = lock;
      this.#written = pipeline(this.#pack, createGzip({ level: 6 }), createWriteStream(temporary, { fd }));
    } catch (error) {
      throw invalidArgument(`the bundle cannot be written: ${errorMessage(error)}`);
    }
    // told to who adds or finishes
    this.#written.catch(() => undefined);
  }

  /** Resolves when it was taken: no more than one file waits in memory. */
  async add(path: string, text: string): Promise<void> {
    const bytes = Buffer.from(text, 'utf8');
    const entry = this.#pack.entry({
      name: `${this.#folder}/${path}`,
      size: bytes.length,
      mode: 0o600,
      mtime: this.#time,
      uid: 0,
      gid: 0,
    });
    const taken = once(entry, 'finish');
    entry.end(bytes);
    await Promise.race([taken, this.#written]);
    this.bytes += bytes.length;
    this.files += 1;
  }

  /** Gives it its name. Throws where it could not be written, and where somebody made a file by that name meanwhile. */
  async finish(): Promise<void> {
    this.#pack.finalize();
    try {
      await this.#written;
      chmodSync(this.#temporary, 0o600);
      if (this.#force) renameSync(this.#temporary, this.#path);
      else this.#linkNew();
    } finally {
      this.#end();
    }
  }

  /** Leaves nothing of it. Safe to repeat. */
  async abandon(): Promise<void> {
    this.#pack.destroy();
    await this.#written.catch(() => undefined);
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    rmSync(this.#temporary, { force: true });
    closeSync(this.#lock);
  }

  /** A link never replaces what is there; where a file system has none, it is looked at right before. */
  #linkNew(): void {
    try {
      linkSync(this.#temporary, this.#path);
    } catch (error) {
      if (errnoName(error) === 'EEXIST' || existsSync(this.#path)) throw isThere(this.#path);
      renameSync(this.#temporary, this.#path);
    }
  }
}

function isThere(path: string): Error {
  return failedPrecondition(`${path} is there already: name another by --output, or replace it with --force`);
}
