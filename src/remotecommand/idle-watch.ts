import type { Clock } from '../base/clock.ts';
import { GantryError } from '../base/errors.ts';

/** Calls back once, when nothing has happened for so long; never with 0. One timer, however often something happens. */
export class IdleWatch {
  readonly #idleMs: number;
  readonly #clock: Clock;
  readonly #onIdle: (reason: GantryError) => void;
  #lastActive: number;
  #cancel = (): void => {};

  constructor(idleMs: number, clock: Clock, onIdle: (reason: GantryError) => void) {
    this.#idleMs = idleMs;
    this.#clock = clock;
    this.#onIdle = onIdle;
    this.#lastActive = clock.monotonic();
    if (idleMs > 0) this.#watch();
  }

  active(): void {
    this.#lastActive = this.#clock.monotonic();
  }

  stop(): void {
    this.#cancel();
  }

  #watch(): void {
    const left = this.#idleMs - (this.#clock.monotonic() - this.#lastActive);
    if (left > 0) this.#cancel = this.#clock.after(left, () => this.#watch());
    else this.#onIdle(new GantryError('deadline-exceeded', `nothing was sent for ${this.#idleMs / 1000} s`));
  }
}
