import { randomUUID } from 'node:crypto';
import { dns1123Subdomain } from '../api/validation/names.ts';
import type { Clock } from '../base/clock.ts';

const NANOSECONDS = 1_000_000;
/** By how much at most a name follows the one before in the same millisecond. */
const STEP = 1000;

/**
 * Names of events as upstream's: the object's name and the time in nanoseconds, so a list of events, which is ordered by names, shows them in the order in which they
 * happened. The clock knows milliseconds only: what is below is random, for two processes may tell of one object, and grows from name to name.
 */
export class EventNames {
  readonly #clock: Clock;
  readonly #random: () => number;
  #last = 0n;

  /** `random`: 0 <= x < 1. */
  constructor(clock: Clock, random: () => number) {
    this.#clock = clock;
    this.#random = random;
  }

  /** A name for an event about an object of that name, never one that it gave before. One from which none can be made gets a UUID, as upstream. */
  next(object: string): string {
    const now = BigInt(Math.floor(this.#clock.now())) * BigInt(NANOSECONDS) + this.#below(NANOSECONDS);
    this.#last = now > this.#last ? now : this.#last + 1n + this.#below(STEP);
    const name = `${object}.${this.#last.toString(16)}`;
    return dns1123Subdomain(name).length === 0 ? name : randomUUID();
  }

  #below(limit: number): bigint {
    return BigInt(Math.floor(this.#random() * limit));
  }
}
