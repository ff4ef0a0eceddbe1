/** What an exponential back-off remembers: how long to wait next and when the last wait began. All in milliseconds. */
export interface BackoffState {
  readonly delayMs: number;
  readonly since: number;
}

export interface BackoffPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
  /** A key that has been quiet this long starts again at `initialMs`. */
  readonly resetAfterMs: number;
}

/** The state after one more failure at `now`. Pure. */
export function nextBackoff(state: BackoffState | undefined, policy: BackoffPolicy, now: number): BackoffState {
  if (state === undefined || now - state.since > policy.resetAfterMs) return { delayMs: policy.initialMs, since: now };
  return { delayMs: Math.min(state.delayMs * 2, policy.maxMs), since: now };
}
