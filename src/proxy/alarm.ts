import type { Clock } from '../base/clock.ts';

/** Wakes one waiter. Rung while nobody waits, it wakes the next one at once; rung many times, it wakes once. */
export class Alarm {
  #isRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#isRung = true;
    this.#wake?.();
  }

  /** Resolves when it is rung, after `ms`, or when the signal aborts. Never rejects. */
  async wait(ms: number, clock: Clock, signal: AbortSignal): Promise<void> {
    if (!this.#isRung && !signal.aborted) {
      await new Promise<void>(resolve => {
        const cancel = clock.after(ms, resolve, { keepAlive: true });
        this.#wake = () => {
          cancel();
          resolve();
        };
        signal.addEventListener('abort', this.#wake, { once: true });
      });
      if (this.#wake !== undefined) signal.removeEventListener('abort', this.#wake);
      this.#wake = undefined;
    }
    this.#isRung = false;
  }
}
