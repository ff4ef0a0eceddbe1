/** Time as an argument, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch (wall clock: for stamps that people and peers read). */
  now(): number;
  /** Milliseconds on a clock that never goes back (for intervals). */
  monotonic(): number;
  /** Calls `fn` once after `ms`; the returned function cancels. The timer does not keep the process alive unless that is asked for. */
  after(ms: number, fn: () => void, options?: { readonly keepAlive: boolean }): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn, options) {
    const timer = setTimeout(fn, Math.min(ms, 0x7fffffff));
    if (options?.keepAlive !== true) timer.unref();
    return () => clearTimeout(timer);
  },
};
