import { describe, expect, it } from 'vitest';
import { WorkQueue } from '../../../src/client/work-queue.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

describe('a work queue', () => {
  it('holds a key once, in the order of their coming', async () => {
    const queue = new WorkQueue(new FakeClock());
    for (const key of ['a', 'b', 'a']) queue.add(key);
    expect([await queue.take(), await queue.take(), queue.length]).toEqual(['a', 'b', 0]);
  });

  it('gives a key that is added while it is worked on once more, but not before that is done', async () => {
    const queue = new WorkQueue(new FakeClock());
    queue.add('a');
    await queue.take();
    queue.add('a');
    queue.add('a');
    expect(queue.length).toBe(0);
    queue.done('a');
    expect(queue.length).toBe(1);
    expect(await queue.take()).toBe('a');
    queue.done('a');
    expect(queue.length).toBe(0);
  });

  it('hands a key to whoever waits', async () => {
    const queue = new WorkQueue(new FakeClock());
    const taken = queue.take();
    queue.add('a');
    expect(await taken).toBe('a');
  });

  it('adds a key after a time, by the earliest of several', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue(clock);
    queue.addAfter('a', 500);
    queue.addAfter('a', 100);
    queue.addAfter('a', 300);
    await clock.advance(99);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect([queue.length, clock.pending]).toEqual([1, 0]);
  });

  it('waits twice as long after each failure, until the key is forgotten', () => {
    const queue = new WorkQueue(new FakeClock());
    expect([queue.addFailed('a'), queue.addFailed('a'), queue.addFailed('a'), queue.addFailed('b')]).toEqual([
      5, 10, 20, 5,
    ]);
    queue.forget('a');
    expect(queue.addFailed('a')).toBe(5);
    expect(Array.from({ length: 40 }, () => queue.addFailed('c')).at(-1)).toBe(1_000_000);
  });

  it('lets everybody go when it is closed, and takes nothing any more', async () => {
    const clock = new FakeClock();
    const queue = new WorkQueue(clock);
    queue.addAfter('later', 100);
    const waiting = queue.take();
    queue.close();
    queue.add('a');
    expect([await waiting, await queue.take(), clock.pending]).toEqual([undefined, undefined, 0]);
  });
});
