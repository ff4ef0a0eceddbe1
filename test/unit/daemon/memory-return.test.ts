import { describe, expect, it } from 'vitest';
import { MemoryReturn } from '../../../src/daemon/memory-return.ts';
import { trimHeap } from '../../../src/linux/heap.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

function setUp() {
  const clock = new FakeClock();
  const trims: number[] = [];
  const waiting = new Set<() => void>();
  const trim = async (): Promise<void> => {
    trims.push(clock.monotonic());
  };
  const memory = new MemoryReturn(clock, trim, done => {
    waiting.add(done);
    return () => waiting.delete(done);
  });
  const free = (count: number): void => {
    for (let i = 0; i < count; i += 1) memory.freed();
  };
  const collect = (): void => {
    for (const done of [...waiting]) {
      waiting.delete(done);
      done();
    }
  };
  return { clock, trims, free, collect, waiting };
}

describe('memory that is given back', () => {
  it('is not worth it for a few connections', async () => {
    const { clock, trims, free } = setUp();
    free(199);
    await clock.advance(60_000);
    expect(trims).toEqual([]);
  });

  it('is given back when a flood is over, and after the next collection of garbage', async () => {
    const { clock, trims, free, collect } = setUp();
    for (let second = 0; second < 5; second += 1) {
      free(500);
      await clock.advance(1000);
    }
    await clock.advance(10_000);
    collect();
    await clock.advance(10_000);
    collect();
    expect(trims).toEqual([7000, 15_000]);
  });

  it('is given back again after the next flood, which no older wait outlives', async () => {
    const { clock, trims, free, waiting } = setUp();
    free(200);
    await clock.advance(10_000);
    free(200);
    await clock.advance(10_000);
    expect([trims, waiting.size]).toEqual([[3000, 13_000], 1]);
  });

  it('goes to the kernel by a call that this C library has', async () => {
    expect(await trimHeap()).toBeTypeOf('boolean');
  });
});
