import type { Clock } from '../../base/clock.ts';

/** Answers by key, each for a time of its own; the oldest goes when there are too many. Who asks for the same at the same time shares one question. */
export class TimedCache<T> {
  readonly #max: number;
  readonly #clock: Clock;
  readonly #known = new Map<string, { readonly value: T; readonly until: number }>();
  readonly #asking = new Map<string, Promise<T>>();

  constructor(max: number, clock: Clock) {
    this.#max = max;
    this.#clock = clock;
  }

  /** Rejects as `ask` does; a failure is not kept. */
  async get(key: string, ask: () => Promise<{ readonly value: T; readonly ttlMs: number }>): Promise<T> {
    const known = this.#known.get(key);
    if (known !== undefined && known.until > this.#clock.monotonic()) return known.value;
    const asking = this.#asking.get(key);
    if (asking !== undefined) return asking;
    const answer = ask().then(({ value, ttlMs }) => {
      this.#keep(key, value, ttlMs);
      return value;
    });
    this.#asking.set(key, answer);
    try {
      return await answer;
    } finally {
      this.#asking.delete(key);
    }
  }

  #keep(key: string, value: T, ttlMs: number): void {
    this.#known.delete(key);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size < this.#max) break;
      this.#known.delete(oldest);
    }
    this.#known.set(key, { value, until: this.#clock.monotonic() + ttlMs });
  }
}
