/** Results of calls that were made in growing batches. */
export interface SlowStart {
  readonly done: number;
  /** The first failure; nothing was tried after its batch. */
  readonly error: unknown;
}

/**
 * Makes `count` calls in batches of 1, 2, 4, 8 …: where the first fails (no quota, say), the rest are not even tried, instead of asking a thousand times for the same
 * answer. Upstream's slowStartBatch. Never rejects.
 */
export async function slowStart(count: number, call: () => Promise<void>): Promise<SlowStart> {
  let done = 0;
  for (let batch = Math.min(1, count); batch > 0; batch = Math.min(2 * batch, count - done)) {
    const results = await Promise.allSettled(Array.from({ length: batch }, call));
    const failed = results.find(result => result.status === 'rejected');
    done += results.filter(result => result.status === 'fulfilled').length;
    if (failed !== undefined) return { done, error: failed.reason };
  }
  return { done, error: undefined };
}
