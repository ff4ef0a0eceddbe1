import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { forEachAtOnce } from '../../../src/base/at-once.ts';

describe('work on many items', () => {
  it('is done on all of them, no more than so many at once', async () => {
    let running = 0;
    let most = 0;
    const done: number[] = [];
    await forEachAtOnce([1, 2, 3, 4, 5], 2, async item => {
      running += 1;
      most = Math.max(most, running);
      await setImmediate();
      running -= 1;
      done.push(item);
    });
    expect([done, most]).toEqual([[1, 2, 3, 4, 5], 2]);
  });

  it('begins nothing more after a failure, and ends when what was under way has', async () => {
    const ended: number[] = [];
    const work = forEachAtOnce([1, 2, 3], 2, async item => {
      if (item === 1) throw new Error('no');
      await setImmediate();
      ended.push(item);
    });
    await expect(work).rejects.toThrow('no');
    expect(ended).toEqual([2]);
  });
});
