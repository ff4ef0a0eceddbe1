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

  it('gives turns one after another, each until it is ended', async () => {
    const queue = new KeyedQueue<string>();
    const order: string[] = [];
    const endFirst = await queue.turn('a');
    const second = queue.turn('a').then(end => {
      order.push('second');
      return end;
    });
    const other = await queue.turn('b');
    order.push('other');
    endFirst();
    endFirst();
    const endSecond = await second;
    expect(order).toEqual(['other', 'second']);
    endSecond();
    other();
    await queue.idle();
  });

  it('passes over a turn whose wait was aborted', async () => {
    const queue = new KeyedQueue<string>();
    const end = await queue.turn('a');
    const leaving = new AbortController();
    const left = queue.turn('a', leaving.signal);
    const third = queue.turn('a');
    leaving.abort(new Error('the client left'));
    await expect(left).rejects.toThrow('the client left');
    end();
    (await third)();
    await expect(queue.turn('a', leaving.signal)).rejects.toThrow('the client left');
    await queue.idle();
  });
});
