import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';

/** client-go's default for a key that fails again and again: 5 ms, doubled each time, at most 1,000 s. */
const FIRST_RETRY_MS = 5;
const MAX_RETRY_MS = 1_000_000;

/**
 * Keys that wait for work. A key is in it once, however often it is added; one that is added while it is worked on comes again afterwards; no key is ever worked on
 * twice at a time.
 */
export class WorkQueue {
  readonly #clock: Clock;
  readonly #ready: string[] = [];
  /** Keys that wait, be it in `ready` or for the end of the work on them. */
  readonly #dirty = new Set<string>();
  readonly #working = new Set<string>();
  readonly #timers = new Map<string, { readonly at: number; readonly cancel: () => void }>();
  readonly #failures = new Map<string, number>();
  readonly #takers: ((key: string | undefined) => void)[] = [];
  #closed = false;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** How many keys are ready to be taken. */
  get length(): number {
    return this.#ready.length;
  }

  add(key: string): void {
    if (this.#closed || this.#dirty.has(key)) return;
    this.#dirty.add(key);
    if (!this.#working.has(key)) this.#offer(key);
  }

  /** Adds it after a time; the earliest of several times counts. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return;
    if (ms <= 0) {
      this.add(key);
      return;
    }
    const at = this.#clock.monotonic() + ms;
    const known = this.#timers.get(key);
    if (known !== undefined && known.at <= at) return;
    known?.cancel();
    const cancel = this.#clock.after(ms, () => {
      this.#timers.delete(key);
      this.add(key);
    });
    this.#timers.set(key, { at, cancel });
  }

  /** Adds it after a pause that doubles with every failure since the last `forget`. Returns the pause in ms. */
  addFailed(key: string): number {
    const failures = this.#failures.get(key) ?? 0;
    this.#failures.set(key, failures + 1);
    const ms = Math.min(FIRST_RETRY_MS * 2 ** Math.min(failures, 30), MAX_RETRY_MS);
    this.addAfter(key, ms);
    return ms;
  }

  /** The work on it went well: the next failure begins with the shortest pause. */
  forget(key: string): void {
    this.#failures.delete(key);
  }

  /** The next key; undefined once the queue is closed. Whoever takes a key calls `done` for it. */
  take(): Promise<string | undefined> {
    const key = this.#ready.shift();
    if (key !== undefined) return Promise.resolve(this.#begin(key));
    if (this.#closed) return Promise.resolve(undefined);
    return new Promise(resolve => this.#takers.push(resolve));
  }

  done(key: string): void {
    this.#working.delete(key);
    if (this.#dirty.has(key)) this.#offer(key);
  }

  /** Takers get undefined; nothing is added any more. Safe to repeat. */
  close(): void {
    this.#closed = true;
    this.#ready.length = 0;
    for (const { cancel } of this.#timers.values()) cancel();
    this.#timers.clear();
    for (const taker of this.#takers.splice(0)) taker(undefined);
  }

  #offer(key: string): void {
    if (this.#closed) return;
    const taker = this.#takers.shift();
    if (taker === undefined) this.#ready.push(key);
    else taker(this.#begin(key));
  }

  #begin(key: string): string {
    this.#dirty.delete(key);
    this.#working.add(key);
    return key;
  }
}
