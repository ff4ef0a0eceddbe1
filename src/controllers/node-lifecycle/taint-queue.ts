import type { Clock } from '../../base/clock.ts';

/** Nodes of one zone that wait to be tainted, one after another at a rate. The first goes at once. */
export class TaintQueue {
  readonly #clock: Clock;
  readonly #waiting = new Set<string>();
  #rate: number;
  /** When the next may go, on the monotonic clock. */
  #nextAt: number;

  /** `rate` is in nodes per second; 0 is never. */
  constructor(rate: number, clock: Clock) {
    this.#clock = clock;
    this.#rate = rate;
    this.#nextAt = clock.monotonic();
  }

  add(node: string): void {
    this.#waiting.add(node);
  }

  delete(node: string): void {
    this.#waiting.delete(node);
  }

  /** Who waited while the last one went waits as long at the new rate. */
  setRate(rate: number): void {
    if (rate === this.#rate) return;
    const now = this.#clock.monotonic();
    const isDrained = this.#rate <= 0 || this.#nextAt > now;
    this.#rate = rate;
    if (rate > 0) this.#nextAt = isDrained ? now + 1000 / rate : now;
  }

  /** The node whose turn it is; a number where one waits and has to for so many ms; undefined where nobody waits, or for nothing that time brings. */
  next(): string | number | undefined {
    const [first] = this.#waiting;
    if (first === undefined || this.#rate <= 0) return undefined;
    const leftMs = this.#nextAt - this.#clock.monotonic();
    return leftMs > 0 ? leftMs : first;
  }

  /** A node had its turn. */
  took(node: string): void {
    this.#waiting.delete(node);
    this.#nextAt = this.#clock.monotonic() + 1000 / this.#rate;
  }

  /** A node could not be tainted: others first. */
  postpone(node: string): void {
    this.#waiting.delete(node);
    this.#waiting.add(node);
  }
}
