import type { Clock } from '../../../base/clock.ts';

interface Waiter {
  readonly revision: number;
  done(reached: boolean): void;
}

/** Those who wait until the cache has come to a revision, in its order. */
export class RevisionWaiters {
  readonly #clock: Clock;
  readonly #waiters: Waiter[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True once the cache is there, false after `timeoutMs`. Throws the reason of the signal. */
  wait(revision: number, timeoutMs: number, signal: AbortSignal | undefined): Promise<boolean> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const leave = (): void => {
        cancel();
        signal?.removeEventListener('abort', onAbort);
      };
      const waiter: Waiter = {
        revision,
        done(reached) {
          leave();
          resolve(reached);
        },
      };
      const remove = (): void => {
        const at = this.#waiters.indexOf(waiter);
        if (at >= 0) this.#waiters.splice(at, 1);
      };
      const onAbort = (): void => {
        remove();
        leave();
        reject(signal?.reason);
      };
      const cancel = this.#clock.after(timeoutMs, () => {
        remove();
        waiter.done(false);
      });
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#add(waiter);
    });
  }

  /** The cache has come to `revision`. */
  reached(revision: number): void {
    while ((this.#waiters[0]?.revision ?? Number.POSITIVE_INFINITY) <= revision) this.#waiters.shift()?.done(true);
  }

  #add(waiter: Waiter): void {
    // later callers mostly want later revisions
    let at = this.#waiters.length;
    while (at > 0 && (this.#waiters[at - 1]?.revision ?? 0) > waiter.revision) at -= 1;
    this.#waiters.splice(at, 0, waiter);
  }
}
