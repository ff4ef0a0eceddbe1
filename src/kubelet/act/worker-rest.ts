import type { Clock } from '../../base/clock.ts';

/** How the loop of a pod waits between two looks. What comes while it looks or acts is not lost: it ends the next wait at once. */
export class WorkerRest {
  readonly #clock: Clock;
  #poked = false;
  #news = false;
  #wake: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Before a look: it sees whatever was told until now. */
  begin(): void {
    this.#poked = false;
    this.#news = false;
  }

  /** Ends a sleep. */
  poke(): void {
    this.#poked = true;
    this.#wake?.();
  }

  /** Ends the wait after a failure, too: what failed may go well now. */
  pokeWithNews(): void {
    this.#news = true;
    this.poke();
  }

  /** Until the time, where there is one, or a poke since the last `begin`. */
  async sleep(until: number | undefined): Promise<void> {
    if (!this.#poked) await this.#wait(until);
  }

  /** Waits out a failure: only news or the signal, whose abort has to poke, cut it short. */
  async hold(until: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted && !this.#news && this.#clock.now() < until) await this.#wait(until);
  }

  #wait(until: number | undefined): Promise<void> {
    const clock = this.#clock;
    return new Promise(resolve => {
      const cancel =
        until === undefined ? () => {} : clock.after(Math.max(0, until - clock.now()), () => this.#wake?.());
      this.#wake = () => {
        this.#wake = undefined;
        cancel();
        resolve();
      };
    });
  }
}
