import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode, errorMessage, GantryError, internalError } from '../../base/errors.ts';
import type { OpenBlob, RegistryRepository } from './registry-client.ts';
import { type RegistryTimeouts, registryDown, timedOut } from './registry-http.ts';

/** So many new bytes are progress: whoever breaks off after less, time after time, is given up. */
const PROGRESS_BYTES = 1 << 20;

/** Why and when a layer is asked for again. */
export interface AskedAgain {
  readonly message: string;
  readonly delayMs: number;
  /** Bytes that had come; it goes on after them. */
  readonly bytes: number;
}

/** How long to wait before a next try, by the tries without progress. */
export class Tries {
  readonly #delaysMs: readonly number[];
  #failures = 0;
  #bytes = 0;

  constructor(delaysMs: readonly number[]) {
    this.#delaysMs = delaysMs;
  }

  /** To be told of a failure after `bytes`: milliseconds to wait, or undefined to give up. */
  next(bytes: number): number | undefined {
    if (bytes - this.#bytes >= PROGRESS_BYTES) this.#failures = 0;
    this.#bytes = bytes;
    this.#failures += 1;
    return this.#delaysMs[this.#failures - 1];
  }

  get failures(): number {
    return this.#failures;
  }
}

/**
 * The bytes of one layer, from the first of several repositories that gives them. Where a connection breaks off or falls silent, the next one is asked for the
 * rest, in turn; the digest of the whole tells whether the pieces fit. What is not being read is not received: the sender waits for a slow reader.
 */
export class RegistryLayer {
  readonly #repositories: readonly RegistryRepository[];
  readonly #digest: string;
  readonly #timeouts: RegistryTimeouts;
  readonly #onAgain: (again: AskedAgain) => void;
  readonly #tries: Tries;
  readonly #never = new AbortController().signal;
  #at = 0;
  #open: (OpenBlob & { readonly chunks: AsyncIterator<Buffer> }) | undefined;
  #surplus = 0;
  #bytes = 0;

  constructor(
    repositories: readonly RegistryRepository[],
    digest: string,
    timeouts: RegistryTimeouts,
    onAgain: (again: AskedAgain) => void,
  ) {
    this.#repositories = repositories;
    this.#digest = digest;
    this.#timeouts = timeouts;
    this.#onAgain = onAgain;
    this.#tries = new Tries(timeouts.againMs);
  }

  /**
   * Opens a connection, the first one or one in place of one that broke. Throws GantryErrors that name the registry and how far it came, when nobody has the
   * layer or it has been asked for often enough.
   */
  async connect(): Promise<void> {
    for (;;) {
      const { length } = this.#repositories;
      const errors: unknown[] = [];
      for (let asked = 0; asked < length; asked += 1, this.#at = (this.#at + 1) % length) {
        try {
          const blob = await this.#repository().blob(this.#digest, this.#bytes, this.#never);
          this.#surplus = blob.surplus;
          const chunks = blob.response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
          this.#open = { ...blob, chunks };
          return;
        } catch (error) {
          errors.push(error);
        }
      }
      // What is away may come back; what says no will say it again.
      const away = errors.find(e => errorCode(e) === 'unavailable');
      if (away === undefined) throw errors.at(-1);
      await this.#waitOrGiveUp(away);
    }
  }

  /** The next bytes, undefined after the last. Throws `unavailable` when the connection broke; `again` then goes on where it did. */
  async next(): Promise<Buffer | undefined> {
    for (;;) {
      if (this.#open === undefined) throw internalError('the layer is read before it is opened');
      const { chunks, response, url } = this.#open;
      const { stallMs } = this.#timeouts;
      let isWaiting = true;
      // After a stop of this process the timer fires before what has come meanwhile is read: that is not the server's silence.
      const timer = setTimeout(
        () => setImmediate(() => isWaiting && response.destroy(timedOut('nothing received for', stallMs))),
        stallMs,
      );
      try {
        const { done, value } = await chunks.next();
        if (done === true) return undefined;
        const skipped = Math.min(this.#surplus, value.length);
        this.#surplus -= skipped;
        this.#bytes += value.length - skipped;
        if (skipped < value.length) return skipped === 0 ? value : value.subarray(skipped);
      } catch (error) {
        response.destroy();
        this.#open = undefined;
        throw registryDown(url, error);
      } finally {
        isWaiting = false;
        clearTimeout(timer);
      }
    }
  }

  /** To be called after `next` threw, with what it threw: waits, and connects anew for the rest. */
  async again(error: unknown): Promise<void> {
    this.#at = (this.#at + 1) % this.#repositories.length;
    await this.#waitOrGiveUp(error);
    await this.connect();
  }

  #repository(): RegistryRepository {
    const repository = this.#repositories[this.#at];
    if (repository === undefined) throw internalError('no registry may be asked for the layer');
    return repository;
  }

  async #waitOrGiveUp(error: unknown): Promise<void> {
    const delayMs = this.#tries.next(this.#bytes);
    const message = errorMessage(error);
    if (delayMs === undefined)
      throw new GantryError(
        'unavailable',
        `${message}; ${this.#bytes} bytes had come, and nothing to speak of in the last ${this.#tries.failures} tries`,
        { cause: error, reason: 'RegistryUnavailable' },
      );
    this.#onAgain({ message, delayMs, bytes: this.#bytes });
    await sleep(delayMs);
  }
}
