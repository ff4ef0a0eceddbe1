import { describe, expect, it } from 'vitest';
import { KeyedQueue } from '../../../src/base/keyed-queue.ts';

function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => {};
  const promise = new Promise<void>(resolve => {
    open = resolve;
  });
  return { promise, open };
}

describe('KeyedQueue', () => {
  it('runs tasks of one key in order and those of another beside them', async () => {
    const queue = new KeyedQueue<string>();
    const first = gate();
    const order: string[] = [];
    const a1 = queue.run('a', async () => {
      await first.promise;
      order.push('a1');
    });
    const a2 = queue.run('a', async () => {
      order.push('a2');
    });
    await queue.run('b', async () => {
      order.push('b1');
    });
    first.open();
    await Promise.all([a1, a2]);
    expect(order).toEqual(['b1', 'a1', 'a2']);
  });

  it('gives a failure to its own caller and goes on with the next task', async () => {
    const queue = new KeyedQueue<string>();
    const failing = queue.run('a', async () => {
      throw new Error('boom');
    });
    const next = queue.run('a', async () => 'fine');
    await expect(failing).rejects.toThrow('boom');
    await expect(next).resolves.toBe('fine');
    await queue.idle();
  });
});
