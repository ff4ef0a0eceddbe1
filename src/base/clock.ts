/** Time as an argument, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since the epoch (wall clock: for stamps that people and peers read). */
  now(): number;
  /** Milliseconds on a clock that never goes back (for intervals). */
  monotonic(): number;
  /** Calls `fn` once after `ms`; the returned function cancels. The timer does not keep the process alive. */
  after(ms: number, fn: () => void): () => void;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(ms, 0x7fffffff));
    timer.unref();
    return () => clearTimeout(timer);
  },
};
