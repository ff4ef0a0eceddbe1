import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchExpired } from '../../../../../src/apiserver/storage/errors.ts';
import { MemoryStore } from '../../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../../src/apiserver/storage/optimistic-storage.ts';
import type { CacheEntry } from '../../../../../src/apiserver/storage/watch-cache/cache-entry.ts';
import type { WatchItem } from '../../../../../src/apiserver/storage/watch-cache/cache-event.ts';
import type { CacheWatcher } from '../../../../../src/apiserver/storage/watch-cache/cache-watcher.ts';
import type { ResourceCache } from '../../../../../src/apiserver/storage/watch-cache/resource-cache.ts';
import { WatchCache } from '../../../../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { FakeClock } from '../../../../harness/fake-clock.ts';
import { overridingStorage } from '../../../../harness/overriding-storage.ts';

const PODS = '/registry/pods/';
interface Pod {
  readonly n: number;
}

let clock: FakeClock;
let storage: OptimisticStorage;
let cache: WatchCache;
let pods: ResourceCache<Pod>;
let parsed: number;
let stop: AbortController;
let running: Promise<void>;

beforeEach(async () => {
  clock = new FakeClock();
  storage = new OptimisticStorage(new MemoryStore(clock));
  cache = new WatchCache(storage, { clock });
  parsed = 0;
  pods = cache.resource<Pod>(PODS, value => {
    parsed += 1;
    return JSON.parse(value.toString());
  });
  stop = new AbortController();
  await put('x', 1);
  await new Promise<void>(ready => {
    running = cache.run(stop.signal, ready);
  });
});
afterEach(async () => {
  stop.abort();
  await running;
  expect(pods.watcherCount).toBe(0);
});

const put = (name: string, n: number): Promise<{ revision: number }> =>
  storage.update(`${PODS}a/${name}`, () => ({ value: Buffer.from(JSON.stringify({ n, metadata: { name } })) }), {
    createIfMissing: true,
  });
const told = (items: readonly WatchItem<Pod>[] | undefined): unknown =>
  items?.map(i =>
    i.type === 'BOOKMARK'
      ? `BOOKMARK ${i.revision}${i.initialEventsEnd ? ' end' : ''}`
      : `${i.type} ${i.entry.object.n}`,
  );
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    e => e,
  );
const read = async (watcher: CacheWatcher<Pod>): Promise<unknown> => told(await watcher.next());

describe('bookmarks', () => {
  it('come every minute and 2 s before the end, and the end comes in time', async () => {
    const watcher = await pods.watch({ resourceVersion: String(cache.revision), bookmarks: true, timeoutMs: 90_000 });
    await clock.advance(59_999);
    const first = read(watcher);
    await clock.advance(1);
    expect(await first).toEqual([`BOOKMARK ${cache.revision}`]);
    const { revision } = await put('y', 2);
    expect(await read(watcher)).toEqual(['ADDED 2']);
    await clock.advance(28_000);
    expect(await read(watcher)).toEqual([`BOOKMARK ${revision}`]);
    const end = read(watcher);
    await clock.advance(2_000);
    expect(await end).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('carry the revision of other kinds: the history need not be read again', async () => {
    const watcher = await pods.watch({ resourceVersion: String(cache.revision), bookmarks: true });
    const { revision } = await storage.create('/registry/secrets/a/s', Buffer.from('{}'));
    await clock.advance(60_000);
    expect(await read(watcher)).toEqual([`BOOKMARK ${revision}`]);
    watcher.close();
  });

  it('are not sent to one who did not ask, nor before the state has been read', async () => {
    const silent = await pods.watch({ resourceVersion: String(cache.revision) });
    const state = await pods.watch({ sendInitialEvents: true, bookmarks: true });
    await clock.advance(60_000);
    await put('y', 2);
    expect(await read(silent)).toEqual(['ADDED 2']);
    expect(await read(state)).toEqual(['ADDED 1']);
    expect(await read(state)).toMatchObject([expect.stringMatching(/^BOOKMARK \d+ end$/)]);
    silent.close();
    state.close();
  });
});

describe('a slow watcher', () => {
  it.each([
    ['events', { maxQueuedEvents: 3 }],
    ['bytes', { maxQueuedBytes: 100 }],
  ])('is cut off when its queue has too many %s, and others are not', async (_, bounds) => {
    const from = String(cache.revision);
    const slow = await pods.watch({ resourceVersion: from, ...bounds });
    const other = await pods.watch({ resourceVersion: from });
    for (let n = 2; n < 7; n += 1) await put('x', n);
    await cache.reaches(Number(from) + 5, 1000);
    expect(await slow.next()).toBeUndefined();
    expect(slow.cutOff).toBe(true);
    expect(await read(other)).toEqual([2, 3, 4, 5, 6].map(n => `MODIFIED ${n}`));
    expect(other.cutOff).toBe(false);
    other.close();
  });
});

describe('the end of a watch whose past is not read to its end', () => {
  const many = (count: number): Promise<unknown> =>
    Promise.all(Array.from({ length: count }, (_, n) => put(`m${String(n).padStart(3, '0')}`, n)));

  it.each([
    ['of the state', () => '0'],
    ['of history', () => String(cache.revision)],
  ])('leaves no gap: what is queued behind the rest %s is not told', async (_, from) => {
    const resourceVersion = from();
    await many(600);
    await cache.reaches((await put('x', 2)).revision, 1000);
    const watcher = await pods.watch({ resourceVersion, timeoutMs: 5_000 });
    // 500 at most, and fewer where time is short: never all of them
    expect((await watcher.next())?.length).toBeLessThanOrEqual(500);
    await cache.reaches((await put('late', 3)).revision, 1000);
    await clock.advance(5_000);
    expect(await watcher.next()).toBeUndefined();
  });

  it('tells what is queued where the past was read', async () => {
    const watcher = await pods.watch({ resourceVersion: '0', timeoutMs: 5_000 });
    expect(await read(watcher)).toEqual(['ADDED 1']);
    await cache.reaches((await put('late', 3)).revision, 1000);
    await clock.advance(5_000);
    expect(await read(watcher)).toEqual(['ADDED 3']);
    expect(await watcher.next()).toBeUndefined();
  });
});

describe('an object that cannot be decoded', () => {
  const matches = (pod: Pod): boolean => pod.n > 0;
  const bad = (): Promise<{ revision: number }> =>
    storage.create('/registry/secrets/a/bad', Buffer.from('{"secret-content"'));
  const corrupt = {
    fault: 'corrupt',
    message: 'the stored object /registry/secrets/a/bad is corrupt: it cannot be decoded',
  };

  it('ends the watches that have to look into it, and no other', async () => {
    const secrets = cache.resource<Pod>('/registry/secrets/', value => JSON.parse(value.toString()));
    const from = String(cache.revision);
    const blind = await secrets.watch({ resourceVersion: from });
    const looking = await secrets.watch({ resourceVersion: from, matches });
    const other = await pods.watch({ resourceVersion: from, matches });
    const { revision } = await bad();
    expect(await cache.reaches(revision, 1000)).toBe(true);
    expect(await failure(looking.next())).toMatchObject(corrupt);
    expect(await blind.next()).toHaveLength(1);
    await put('y', 2);
    expect(await read(other)).toEqual(['ADDED 2']);
    expect([secrets.watcherCount, pods.watcherCount]).toEqual([1, 1]);
    blind.close();
    other.close();
  });

  it('ends a watch that meets it in the past, after what came before', async () => {
    const secrets = cache.resource<Pod>('/registry/secrets/', value => JSON.parse(value.toString()));
    await storage.create('/registry/secrets/a/a', Buffer.from('{"n":7}'));
    await cache.reaches((await bad()).revision, 1000);
    const watcher = await secrets.watch({ resourceVersion: '0', matches });
    expect(await read(watcher)).toEqual(['ADDED 7']);
    expect(await failure(watcher.next())).toMatchObject(corrupt);
    expect(secrets.watcherCount).toBe(0);
  });
});

describe('costs', () => {
  it('parses an object once for all watchers, and not at all where nobody selects', async () => {
    const from = String(cache.revision);
    const all = await pods.watch({ resourceVersion: from });
    await put('y', 2);
    await cache.reaches(Number(from) + 1, 1000);
    expect(parsed).toBe(0);
    const selecting = await Promise.all(
      Array.from({ length: 50 }, () => pods.watch({ resourceVersion: from, matches: pod => pod.n > 1 })),
    );
    expect(await Promise.all(selecting.map(w => read(w)))).toEqual(Array.from({ length: 50 }, () => ['ADDED 2']));
    expect(parsed).toBe(1);
    for (const watcher of [all, ...selecting]) watcher.close();
  });

  it('encodes a version once per media type and a frame once per kind of event', async () => {
    const from = String(cache.revision);
    const watchers = await Promise.all([1, 2, 3].map(() => pods.watch({ resourceVersion: from })));
    await put('y', 2);
    let frames = 0;
    let objects = 0;
    const object = (entry: CacheEntry<Pod>): Buffer => {
      objects += 1;
      return entry.stored;
    };
    const seen: Buffer[] = [];
    for (const watcher of watchers)
      for (const item of (await watcher.next()) ?? [])
        if (item.type !== 'BOOKMARK')
          seen.push(
            item.frame('json', event => {
              frames += 1;
              return Buffer.concat([Buffer.from('{"object":'), event.entry.encoded('json', object), Buffer.from('}')]);
            }),
          );
    expect([frames, objects, new Set(seen).size]).toEqual([1, 1, 1]);
    expect(seen[0]?.toString()).toBe(
      `{"object":{"n":2,"metadata":{"resourceVersion":"${Number(from) + 1}","name":"y"}}}`,
    );
    // a list sends the very same bytes
    expect((await pods.list()).items[1]?.encoded('json', object)).toBe(pods.peek(`${PODS}a/y`)?.stored);
    expect(objects).toBe(1);
    for (const watcher of watchers) watcher.close();
  });
});

describe('history that nobody is about to read', () => {
  it('keeps stored bytes alone, from which a watch that comes back is told the same', async () => {
    const from = String(cache.revision);
    const replay = async (): Promise<readonly WatchItem<Pod>[]> => {
      const watcher = await pods.watch({ resourceVersion: from, matches: pod => pod.n < 3 });
      const items: WatchItem<Pod>[] = [];
      // the past comes in pieces where the machine has no time
      for (
        let more = await watcher.next();
        more !== undefined;
        more = items.length < 3 ? await watcher.next() : undefined
      )
        items.push(...more);
      watcher.close();
      return items.slice(0, 3);
    };
    for (const n of [1, 2, 3]) await put('y', n);
    await cache.reaches(Number(from) + 3, 1000);
    const warm = await replay();
    expect(told(warm)).toEqual(['ADDED 1', 'MODIFIED 2', 'DELETED 2']);
    expect((await replay())[0]).toBe(warm[0]);
    for (let n = 0; n <= 1_000; n += 1) await put('z', 10 + n);
    await cache.reaches(Number(from) + 1_004, 1000);
    const cold = await replay();
    expect(told(cold)).toEqual(told(warm));
    expect(cold[0]).not.toBe(warm[0]);
  });
});

describe('revisions of the future', () => {
  it('are waited for, 3 s, then 504', async () => {
    const now = cache.revision;
    const wanted = { resourceVersion: String(now + 1) };
    const waiting = pods.list(wanted);
    await put('y', 2);
    expect((await waiting).items.length).toBe(2);
    const never = failure(pods.list({ resourceVersion: String(now + 9) }));
    const watch = failure(pods.watch({ resourceVersion: String(now + 9), sendInitialEvents: true }));
    const get = failure(pods.get(`${PODS}a/x`, { resourceVersion: String(now + 9) }));
    await clock.advance(2_999);
    await clock.advance(1);
    const message = `Too large resource version: ${now + 9}, current: ${now + 1}`;
    for (const error of [await never, await watch, await get])
      expect(error).toMatchObject({ fault: 'too-large-revision', message, retryAfterSeconds: 1 });
  });

  it('of a watch begin when they come', async () => {
    const watcher = await pods.watch({ resourceVersion: String(cache.revision + 1) });
    await put('x', 2);
    await put('x', 3);
    expect(await read(watcher)).toEqual(['MODIFIED 3']);
    watcher.close();
  });
});

describe('a consistent read', () => {
  it('asks the storage itself when the cache does not come that far in 100 ms', async () => {
    const behind = overridingStorage(storage, {
      // tells nothing
      async *watch(_, options) {
        yield* [];
        await new Promise((_, reject) => options.signal.addEventListener('abort', () => reject(options.signal.reason)));
      },
    });
    const late = new WatchCache(behind, { clock });
    const lateStop = new AbortController();
    const resource = late.resource<Pod>(PODS, value => JSON.parse(value.toString()));
    let ended: Promise<void> = Promise.resolve();
    await new Promise<void>(ready => {
      ended = late.run(lateStop.signal, ready);
    });
    await put('x', 2);
    const list = resource.list();
    const get = resource.get(`${PODS}a/x`);
    await clock.advance(100);
    expect((await list).items.map(i => i.object.n)).toEqual([2]);
    expect((await get).object.n).toBe(2);
    expect((await resource.list({ resourceVersion: '0' })).items.map(i => i.object.n)).toEqual([1]);
    lateStop.abort();
    await ended;
  });
});

it('leaves a read with the reason of its signal', async () => {
  const watcher = await pods.watch({ resourceVersion: String(cache.revision) });
  const leave = new AbortController();
  const reading = failure(watcher.next(leave.signal));
  leave.abort(new Error('left'));
  expect(await reading).toMatchObject({ message: 'left' });
  await put('x', 2);
  expect(await read(watcher)).toEqual(['MODIFIED 2']);
  watcher.close();
  expect(await watcher.next()).toBeUndefined();
});

describe('a batch of many changes', () => {
  it('lets others have their turn, who see every revision whole', async () => {
    // two objects change with each revision; looking at one takes a millisecond
    const changes = Array.from({ length: 80 }, (_, i) => ({
      type: 'put' as const,
      key: `${PODS}a/${i % 2}`,
      value: Buffer.from(JSON.stringify({ n: Math.floor(i / 2) })),
      revision: 100 + Math.floor(i / 2),
      created: i < 2,
    }));
    const big = overridingStorage(storage, {
      async *watch(_prefix, options) {
        yield { changes, revision: 139 };
        await new Promise((_resolve, reject) => {
          options.signal.addEventListener('abort', () => reject(options.signal.reason), { once: true });
        });
      },
    });
    const following = new WatchCache(big, { clock });
    const many = following.resource<Pod>(PODS, value => JSON.parse(value.toString()));
    const over = new AbortController();
    let running = Promise.resolve();
    await new Promise<void>(ready => {
      running = following.run(over.signal, () => {
        void many
          .watch({
            resourceVersion: String(following.revision),
            matches: () => {
              const until = performance.now() + 1;
              while (performance.now() < until);
              return true;
            },
          })
          .then(() => ready());
      });
    });
    const seen = new Set<number>();
    const halves: unknown[] = [];
    while (following.revision < 139) {
      await new Promise(resolve => setImmediate(resolve));
      seen.add(following.revision);
      const [even, odd] = [many.peek(`${PODS}a/0`), many.peek(`${PODS}a/1`)].map(entry => entry?.revision);
      if (even !== odd) halves.push([even, odd]);
    }
    expect(seen.size).toBeGreaterThan(4);
    expect(halves).toEqual([]);
    many.endWatchers(watchExpired());
    over.abort();
    await running;
  });
});

describe('a storage that went back, as after a restore', () => {
  it('is read anew once, however many ask for the newest meanwhile', async () => {
    let isBack = false;
    let loads = 0;
    let asked: Promise<unknown>[] = [];
    const restored = new OptimisticStorage(new MemoryStore(clock));
    const now = (): OptimisticStorage => (isBack ? restored : storage);
    const changing = overridingStorage(storage, {
      currentRevision: signal => now().currentRevision(signal),
      watch: (prefix, options) => now().watch(prefix, options),
      async list(prefix, options) {
        loads += 1;
        // clients do not wait until the cache is there again
        if (isBack && loads < 20) asked = [...asked, failure(resource.get(`${PODS}a/x`))];
        for (let turn = 0; turn < 5; turn += 1) await new Promise(resolve => setImmediate(resolve));
        options?.signal?.throwIfAborted();
        return now().list(prefix, options);
      },
    });
    for (let n = 2; n < 9; n += 1) await put('x', n);
    const over = new AbortController();
    const back = new WatchCache(changing, { clock });
    const resource = back.resource<Pod>(PODS, value => JSON.parse(value.toString()));
    let ended = Promise.resolve();
    await new Promise<void>(ready => {
      ended = back.run(over.signal, ready);
    });
    isBack = true;
    loads = 0;
    await failure(resource.get(`${PODS}a/x`));
    const revision = await restored.currentRevision();
    await expect.poll(() => back.revision).toBe(revision);
    expect(loads).toBe(1);
    await Promise.all(asked);
    over.abort();
    await ended;
  });
});
