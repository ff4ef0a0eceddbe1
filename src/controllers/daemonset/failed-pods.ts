import type { Clock } from '../../base/clock.ts';

/** Upstream's: a second, doubled each time, at most a quarter of an hour; forgotten after twice that. */
const FIRST_MS = 1000;
const MAX_MS = 15 * 60_000;

interface Entry {
  readonly pauseMs: number;
  /** Monotonic. */
  readonly since: number;
}

/** How long failed pods wait for their deletion: a kubelet that refuses a pod would refuse the next at once, and so on for ever. */
export class FailedPods {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Ms that are left to wait; 0 for who need not. */
  heldBackMs(key: string): number {
    const entry = this.#entries.get(key);
    return entry === undefined ? 0 : Math.max(0, entry.since + entry.pauseMs - this.#clock.monotonic());
  }

  /** A failed pod is deleted: the next one waits longer. */
  deleted(key: string): void {
    const now = this.#clock.monotonic();
    for (const [other, { since }] of this.#entries) if (now - since > 2 * MAX_MS) this.#entries.delete(other);
    const before = this.#entries.get(key);
    const pauseMs = before === undefined ? FIRST_MS : Math.min(MAX_MS, 2 * before.pauseMs);
    this.#entries.set(key, { pauseMs, since: now });
  }
}
