import { describe, expect, it } from 'vitest';
import { MemoryReturn } from '../../../src/daemon/memory-return.ts';
import { trimHeap } from '../../../src/linux/heap.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { waitFor } from '../../harness/wait-for.ts';

function setUp() {
  const clock = new FakeClock();
  const trims: number[] = [];
  const provoked: number[] = [];
  const waiting = new Set<() => void>();
  const trim = async (): Promise<void> => {
    trims.push(clock.monotonic());
  };
  const afterCollection = (done: () => void): (() => void) => {
    waiting.add(done);
    return () => waiting.delete(done);
  };
  const provoke = (): void => {
    provoked.push(clock.monotonic());
  };
  const memory = new MemoryReturn(clock, { trim, afterCollection, provoke });
  const free = (count: number): void => {
    for (let i = 0; i < count; i += 1) memory.freed();
  };
  const collect = (): void => {
    for (const done of [...waiting]) {
      waiting.delete(done);
      done();
    }
  };
  return { clock, trims, provoked, free, collect, waiting };
}

describe('memory that is given back', () => {
  it('is not worth it for a few connections', async () => {
    const { clock, trims, free } = setUp();
    free(199);
    await clock.advance(60_000);
    expect(trims).toEqual([]);
  });

  it('is given back when a flood is over, and after each of the two collections that are asked for then', async () => {
    const { clock, trims, provoked, free, collect } = setUp();
    for (let second = 0; second < 5; second += 1) {
      free(500);
      await clock.advance(1000);
    }
    await clock.advance(10_000);
    for (let i = 0; i < 3; i += 1) {
      collect();
      await clock.advance(10_000);
    }
    expect(trims).toEqual([7000, 18_000, 28_000]);
    expect(provoked).toEqual([7000, 18_000]);
  });

  it('is given back again after the next flood, which no older wait outlives', async () => {
    const { clock, trims, free, waiting } = setUp();
    free(200);
    await clock.advance(10_000);
    free(200);
    await clock.advance(10_000);
    expect([trims, waiting.size]).toEqual([[3000, 13_000], 1]);
  });

  it('is collected by V8 when it hears of memory outside of its heap', async () => {
    const clock = new FakeClock();
    let trims = 0;
    const trim = async (): Promise<void> => {
      trims += 1;
    };
    const memory = new MemoryReturn(clock, { trim });
    for (let i = 0; i < 200; i += 1) memory.freed();
    await clock.advance(3000);
    for (const expected of [2, 3])
      await waitFor('a full collection of garbage', async () => {
        await clock.advance(3000);
        return trims === expected;
      });
  });

  it('goes to the kernel by a call that this C library has', async () => {
    expect(await trimHeap()).toBeTypeOf('boolean');
  });
});
