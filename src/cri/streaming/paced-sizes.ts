import type { Clock } from '../../base/clock.ts';
import type { TerminalSize } from '../../linux/terminal.ts';

/** conmon is woken and has read a size long before, unless the machine is very busy. */
const PACE_MS = 50;
const CONFIRM_MS = 1000;

/**
 * Passes sizes on to a monitor that takes the first of those that it reads together and loses the others (conmon 2.1.6): some time apart, of those
 * between only the newest. The last is said once more when that monitor has had time; a size that a terminal has already tells nobody anything. kubectl
 * makes a terminal one cell larger and takes that back at once when it attaches.
 */
export class PacedSizes {
  readonly #apply: (size: TerminalSize) => void;
  readonly #clock: Clock;
  #waiting: TerminalSize | undefined;
  #cancel: (() => void) | undefined;
  #holding = false;

  constructor(apply: (size: TerminalSize) => void, clock: Clock) {
    this.#apply = apply;
    this.#clock = clock;
  }

  tell(size: TerminalSize): void {
    if (this.#holding) this.#waiting = size;
    else this.#pass(size);
  }

  /** Nothing more is passed on. Safe to repeat. */
  end(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    this.#holding = true;
  }

  #pass(size: TerminalSize): void {
    this.#cancel?.();
    this.#waiting = undefined;
    this.#holding = true;
    this.#apply(size);
    this.#cancel = this.#clock.after(PACE_MS, () => {
      this.#holding = false;
      if (this.#waiting !== undefined) this.#pass(this.#waiting);
      else this.#cancel = this.#clock.after(CONFIRM_MS, () => this.#apply(size));
    });
  }
}
