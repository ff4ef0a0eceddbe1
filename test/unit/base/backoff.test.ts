import { describe, expect, it } from 'vitest';
import { type BackoffState, nextBackoff } from '../../../src/base/backoff.ts';

const policy = { initialMs: 10_000, maxMs: 300_000, resetAfterMs: 600_000 };

describe('nextBackoff', () => {
  it('doubles from the initial delay to the cap', () => {
    let state: BackoffState | undefined;
    const delays: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      state = nextBackoff(state, policy, 1000 * i);
      delays.push(state.delayMs);
    }
    expect(delays).toEqual([10_000, 20_000, 40_000, 80_000, 160_000, 300_000, 300_000]);
  });

  it('starts again after a quiet time', () => {
    expect(nextBackoff({ delayMs: 300_000, since: 0 }, policy, 600_001).delayMs).toBe(10_000);
    expect(nextBackoff({ delayMs: 80_000, since: 0 }, policy, 600_000).delayMs).toBe(160_000);
  });
});
