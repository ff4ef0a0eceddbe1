import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EventRing } from '../../../../../src/apiserver/storage/watch-cache/event-ring.ts';
import { NewestRevision } from '../../../../../src/apiserver/storage/watch-cache/newest-revision.ts';
import { RevisionWaiters } from '../../../../../src/apiserver/storage/watch-cache/revision-waiters.ts';
import { SortedEntries } from '../../../../../src/apiserver/storage/watch-cache/sorted-entries.ts';
import { FakeClock } from '../../../../harness/fake-clock.ts';
import { waitFor } from '../../../../harness/wait-for.ts';

describe('history of a kind', () => {
  const push = (ring: EventRing<{ revision: number }>, from: number, to: number, atMs: number): void => {
    for (let revision = from; revision <= to; revision += 1) ring.push({ revision }, atMs);
  };

  it('gives what came after a revision', () => {
    const ring = new EventRing<{ revision: number }>(10);
    push(ring, 11, 15, 0);
    expect(ring.after(10).map(e => e.revision)).toEqual([11, 12, 13, 14, 15]);
    expect(ring.after(13).map(e => e.revision)).toEqual([14, 15]);
    expect(ring.after(99)).toEqual([]);
    expect(ring.completeAfter).toBe(10);
  });

  it('grows while its events are young, to 102,400, then forgets the oldest', () => {
    const ring = new EventRing<{ revision: number }>(0);
    push(ring, 1, 102_500, 0);
    expect([ring.capacity, ring.completeAfter]).toEqual([102_400, 100]);
    expect(ring.after(100)[0]?.revision).toBe(101);
  });

  it('keeps its size when they are old, and shrinks when most are', () => {
    const ring = new EventRing<{ revision: number }>(0);
    push(ring, 1, 200, 0);
    expect([ring.capacity, ring.completeAfter]).toEqual([200, 0]);
    push(ring, 201, 201, 100_000);
    expect(ring.capacity).toBe(100);
    expect(ring.completeAfter).toBe(101);
    expect(ring.after(101).length).toBe(100);
    push(ring, 202, 400, 300_000);
    expect(ring.after(ring.completeAfter).map(e => e.revision)).toEqual(
      Array.from({ length: 400 - ring.completeAfter }, (_, i) => ring.completeAfter + 1 + i),
    );
  });

  it('forgets the oldest beyond 256 MiB, but never the newest hundred', () => {
    const MIB = 1024 * 1024;
    const ring = new EventRing<{ revision: number; bytes: number }>(0);
    for (let revision = 1; revision <= 300; revision += 1) ring.push({ revision, bytes: MIB }, 0);
    expect(ring.completeAfter).toBe(44);
    expect(ring.after(44).length).toBe(256);
    for (let revision = 301; revision <= 500; revision += 1) ring.push({ revision, bytes: 10 * MIB }, 0);
    expect(ring.after(ring.completeAfter).length).toBe(100);
    for (let revision = 501; revision <= 700; revision += 1) ring.push({ revision, bytes: 1 }, 0);
    expect(ring.after(ring.completeAfter).length).toBe(225);
  });

  it('always holds all events after the revision that it names', () => {
    const gaps = fc.array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 0, max: 90_000 })), {
      maxLength: 8,
    });
    fc.assert(
      fc.property(gaps, bursts => {
        const ring = new EventRing<{ revision: number }>(0);
        let revision = 0;
        let now = 0;
        for (const [count, pause] of bursts) {
          push(ring, revision + 1, revision + count, now);
          revision += count;
          now += pause;
        }
        const from = ring.completeAfter;
        expect(ring.after(from).map(e => e.revision)).toEqual(
          Array.from({ length: revision - from }, (_, i) => from + 1 + i),
        );
      }),
      { seed: 7, numRuns: 200 },
    );
  });
});

it('keeps entries sorted as a plain sort would', () => {
  const key = fc.stringMatching(/^[a-c]{1,3}\/[a-z]{1,2}$/).map(k => `/r/${k}`);
  fc.assert(
    fc.property(fc.array(fc.tuple(key, fc.boolean())), operations => {
      const sorted = new SortedEntries<{ key: string; value: Buffer; revision: number }>();
      const model = new Map<string, number>();
      for (const [revision, [k, remove]] of operations.entries()) {
        if (remove) sorted.delete(k);
        else sorted.set({ key: k, value: Buffer.alloc(0), revision });
        if (remove) model.delete(k);
        else model.set(k, revision);
      }
      const expected = [...model].sort(([a], [b]) => (a < b ? -1 : 1));
      expect(sorted.below('/r/').map(e => [e.key, e.revision])).toEqual(expected);
      expect(sorted.below('/r/a/').map(e => e.key)).toEqual(expected.map(e => e[0]).filter(k => k.startsWith('/r/a/')));
      expect(sorted.size).toBe(model.size);
    }),
    { seed: 9, numRuns: 300 },
  );
});

it('keeps keys in the order of their bytes, as etcd gives them, whatever the characters of names', () => {
  const names = ['a', 'é', '\ufb01', '！', '😀', '😀a', '😁', '\u{10ffff}', '\ue000', '~'];
  const keys = names.map(name => `/registry/roles/a/${name}`);
  const inOrder = [...keys].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const entry = (key: string) => ({ key, value: Buffer.alloc(0), revision: 1 });
  const added = new SortedEntries<ReturnType<typeof entry>>();
  for (const key of keys) added.set(entry(key));
  expect(added.below('/registry/roles/').map(e => e.key)).toEqual(inOrder);
  for (const removed of keys) {
    const loaded = new SortedEntries(inOrder.map(entry));
    loaded.delete(removed);
    expect(loaded.below('/registry/roles/').map(e => e.key)).toEqual(inOrder.filter(key => key !== removed));
  }
});

describe('waiting for a revision', () => {
  it('wakes those whose revision is reached, and gives up in time', async () => {
    const clock = new FakeClock();
    const waiters = new RevisionWaiters(clock);
    const results: string[] = [];
    const wait = (revision: number, ms: number): Promise<void> =>
      waiters.wait(revision, ms, undefined).then(reached => void results.push(`${revision} ${reached}`));
    const all = [wait(9, 1000), wait(5, 1000), wait(7, 50), wait(6, 1000)];
    waiters.reached(6);
    await clock.advance(50);
    waiters.reached(8);
    expect(results).toEqual(['5 true', '6 true', '7 false']);
    waiters.reached(20);
    await Promise.all(all);
    expect(clock.pending).toBe(0);
  });

  it('leaves with the reason of the signal', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const waiting = new RevisionWaiters(clock).wait(5, 1000, stop.signal);
    stop.abort(new Error('left'));
    await expect(waiting).rejects.toThrow('left');
    expect(clock.pending).toBe(0);
  });
});

/** Questions of which each waits for its answer. */
function questions() {
  const asked: ((revision: number) => void)[] = [];
  return {
    asked,
    newest: new NewestRevision(() => new Promise(resolve => asked.push(resolve))),
    until: (count: number) => waitFor(`question ${count}`, () => asked.length === count || undefined),
  };
}

describe('asking for the newest revision', () => {
  it('asks once for all who come in one turn of the loop', async () => {
    const { asked, newest, until } = questions();
    const all = [newest.read(), newest.read(), newest.read()];
    await until(1);
    asked[0]?.(7);
    expect(await Promise.all(all)).toEqual([7, 7, 7]);
  });

  it('asks once more for all who came while a question was under way, never fewer', async () => {
    const { asked, newest, until } = questions();
    const first = newest.read();
    await until(1);
    const later = [newest.read(), newest.read(), newest.read()];
    asked[0]?.(1);
    expect(await first).toBe(1);
    await until(2);
    asked[1]?.(2);
    expect(await Promise.all(later)).toEqual([2, 2, 2]);
    const last = newest.read();
    await until(3);
    asked[2]?.(3);
    expect(await last).toBe(3);
  });

  it('does not wait without end where callers never cease to come', async () => {
    const { asked, newest, until } = questions();
    let coming = true;
    const come = (): void => {
      if (coming) setImmediate(come);
      void newest.read();
    };
    come();
    await until(1);
    coming = false;
    expect(asked.length).toBe(1);
  });

  it('waits a little longer when many shared the last question, and asks all the same', async () => {
    const { asked, newest, until } = questions();
    const crowd = Array.from({ length: 20 }, () => newest.read());
    await until(1);
    asked[0]?.(1);
    await Promise.all(crowd);
    const alone = newest.read();
    await until(2);
    asked[1]?.(2);
    expect(await alone).toBe(2);
  });

  describe('by a crowd', () => {
    const crowd = async (): Promise<ReturnType<typeof questions>> => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'setImmediate', 'performance'] });
      const all = questions();
      const first = Array.from({ length: 20 }, () => all.newest.read());
      await vi.advanceTimersByTimeAsync(10);
      all.asked[0]?.(1);
      await Promise.all(first);
      return all;
    };
    afterEach(() => {
      vi.useRealTimers();
    });

    it('waits for all of them to come back, and no longer', async () => {
      const { asked, newest } = await crowd();
      for (let back = 1; back < 20; back += 1) {
        void newest.read();
        await vi.advanceTimersByTimeAsync(back % 5 === 0 ? 2 : 1);
      }
      expect(asked.length).toBe(1);
      void newest.read();
      await vi.advanceTimersByTimeAsync(2);
      expect(asked.length).toBe(2);
    });

    it('waits five milliseconds for the next', async () => {
      const { asked, newest } = await crowd();
      void newest.read();
      await vi.advanceTimersByTimeAsync(4);
      expect(asked.length).toBe(1);
      await vi.advanceTimersByTimeAsync(2);
      expect(asked.length).toBe(2);
    });

    it('waits 25 milliseconds at most', async () => {
      const { asked, newest } = await crowd();
      for (let waited = 0; waited < 24; waited += 3) {
        void newest.read();
        await vi.advanceTimersByTimeAsync(3);
      }
      expect(asked.length).toBe(1);
      await vi.advanceTimersByTimeAsync(2);
      expect(asked.length).toBe(2);
    });
  });

  it('goes on after a failure', async () => {
    let calls = 0;
    const newest = new NewestRevision(async () => {
      calls += 1;
      if (calls === 1) throw new Error('away');
      return calls;
    });
    await expect(newest.read()).rejects.toThrow('away');
    expect(await newest.read()).toBe(2);
  });

  it('asks anew for who came during a question that fails', async () => {
    const failing: ((error: Error) => void)[] = [];
    const newest = new NewestRevision(() =>
      failing.length > 0 ? Promise.resolve(2) : new Promise((_, reject) => failing.push(reject)),
    );
    const first = newest.read();
    await waitFor('the first question', () => failing.length === 1 || undefined);
    const second = newest.read();
    failing[0]?.(new Error('away'));
    await expect(first).rejects.toThrow('away');
    expect(await second).toBe(2);
  });
});
