import { describe, expect, it } from 'vitest';
import { Tries } from '../../../../src/cri/images/registry-layer.ts';

describe('how often a layer is asked for again', () => {
  it('as often as there are delays when nothing comes', () => {
    const tries = new Tries([1, 3]);
    expect([tries.next(0), tries.next(10), tries.next(20)]).toEqual([1, 3, undefined]);
  });

  it('from the beginning after a mebibyte that was new', () => {
    const tries = new Tries([1, 3]);
    expect([tries.next(100), tries.next(200), tries.next(200 + (1 << 20)), tries.next(200 + (1 << 20))]).toEqual([
      1, 3, 1, 3,
    ]);
  });
});
