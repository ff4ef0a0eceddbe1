import { describe, expect, it } from 'vitest';
import { lateness } from '../../../src/daemon/loop-lag.ts';

describe('how late the event loop was', () => {
  it.each([
    ['a timer that fires on time is not late', 20e6, 0],
    ['one that fires a little early neither', 19.9e6, 0],
    ['what comes on top of the timer is', 95e6, 0.075],
    ['nothing was measured yet', 0, 0],
  ])('%s', (_, interval, expected) => {
    expect(lateness(interval)).toBeCloseTo(expected, 6);
  });
});
