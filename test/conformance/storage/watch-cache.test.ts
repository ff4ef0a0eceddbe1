import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { watchExpired } from '../../../src/apiserver/storage/errors.ts';
import type { OptimisticStorage } from '../../../src/apiserver/storage/optimistic-storage.ts';
import type { ChangeBatch, Storage } from '../../../src/apiserver/storage/storage.ts';
import type { CacheWatcher } from '../../../src/apiserver/storage/watch-cache/cache-watcher.ts';
import type { ResourceCache } from '../../../src/apiserver/storage/watch-cache/resource-cache.ts';
import { WatchCache } from '../../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { overridingStorage } from '../../harness/overriding-storage.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { etcdImplementation, type Implementation, memoryImplementation } from './implementations.ts';

const PODS = '/registry/pods/';
interface Pod {
  readonly n: number;
  readonly color: string;
}
const decode = (value: Buffer): Pod => JSON.parse(value.toString());
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    e => e,
  );

describe.each<[string, () => Implementation]>([
  ['memory', memoryImplementation],
  ['etcd', etcdImplementation],
])('watch cache on %s', (_, make) => {
  const implementation = make();
  let storage: OptimisticStorage;
  let stops: (() => Promise<void>)[] = [];
  let cache: WatchCache;
  let pods: ResourceCache<Pod>;
  beforeAll(() => implementation.open());
  afterAll(() => implementation.close());
  beforeEach(async () => {
    await implementation.reset();
    storage = implementation.storage();
    cache = await follow(storage);
    pods = cache.resource(PODS, decode);
  });
  afterEach(async () => {
    for (const stop of stops) await stop();
    stops = [];
  });

  const follow = async (over: Storage): Promise<WatchCache> => {
    const made = new WatchCache(over);
    const stop = new AbortController();
    let running = Promise.resolve();
    await new Promise<void>(ready => {
      running = made.run(stop.signal, ready);
    });
    stops.push(async () => {
      stop.abort();
      await running;
    });
    return made;
  };
  const put = async (name: string, n: number, color = 'red'): Promise<number> => {
    const value = Buffer.from(JSON.stringify({ n, color, metadata: { name } }));
    return (await storage.update(`${PODS}${name}`, () => ({ value }), { createIfMissing: true })).revision;
  };
  const remove = async (name: string): Promise<number> => (await storage.delete(`${PODS}${name}`)).revision;
  const names = (list: { items: readonly { key: string }[] }): string[] =>
    list.items.map(i => i.key.slice(PODS.length));
  /** What a watcher is told until it has been told `count` things; then it is closed. */
  const take = async (watcher: CacheWatcher<Pod>, count: number): Promise<string[]> => {
    const seen: string[] = [];
    while (seen.length < count)
      for (const item of (await watcher.next()) ?? [])
        seen.push(
          item.type === 'BOOKMARK'
            ? `BOOKMARK ${item.revision} ${item.initialEventsEnd}`
            : `${item.type} ${item.entry.key.slice(PODS.length)} ${item.entry.object.n} @${item.entry.revision}`,
        );
    watcher.close();
    return seen;
  };

  it('reads more than a page at the start and gives a late kind its objects', async () => {
    await Promise.all(Array.from({ length: 1100 }, (_, i) => put(`a/${String(i).padStart(4, '0')}`, i)));
    await storage.create('/registry/podtemplates/a/x', Buffer.from('{}'));
    const other = await follow(implementation.storage());
    const late = other.resource(PODS, decode);
    expect(late.size).toBe(1100);
    expect(other.resource(PODS, decode)).toBe(late);
    expect(names({ items: late.snapshot(`${PODS}a/`).slice(0, 2) })).toEqual(['a/0000', 'a/0001']);
    expect((await late.list()).items.length).toBe(1100);
  });

  it('shows at once, in every server, what has been acknowledged in one', async () => {
    const other = (await follow(implementation.storage())).resource(PODS, decode);
    for (let n = 0; n < 50; n += 1) {
      const revision = await put('a/x', n);
      const [mine, theirs, list] = await Promise.all([
        pods.get(`${PODS}a/x`),
        other.get(`${PODS}a/x`),
        other.list({ scope: `${PODS}a/` }),
      ]);
      expect([mine.object.n, theirs.object.n, theirs.revision]).toEqual([n, n, revision]);
      expect(list.items[0]?.object.n).toBe(n);
      expect(list.revision).toBeGreaterThanOrEqual(revision);
    }
    await remove('a/x');
    expect(await failure(other.get(`${PODS}a/x`))).toMatchObject({ fault: 'not-found' });
  });

  it('answers by resourceVersion: any, not older, exact', async () => {
    const first = await put('a/1', 1);
    const second = await put('a/2', 2);
    expect(names(await pods.list({ resourceVersion: String(second) }))).toEqual(['a/1', 'a/2']);
    expect(names(await pods.list({ resourceVersion: '0', limit: 1 }))).toEqual(['a/1', 'a/2']);
    const exact = { resourceVersion: String(first), resourceVersionMatch: 'Exact' } as const;
    expect(names(await pods.list(exact))).toEqual(['a/1']);
    expect(names(await pods.list({ resourceVersion: String(first), limit: 5 }))).toEqual(['a/1']);
    expect((await pods.get(`${PODS}a/2`, { resourceVersion: String(second) })).object.n).toBe(2);
    expect((await pods.get(`${PODS}a/1`, { resourceVersion: '0' })).object.n).toBe(1);
  });

  it('gives the first page from the cache, the next ones from the storage at the same revision', async () => {
    for (let n = 0; n < 5; n += 1) await put(`a/${n}`, n, n % 2 === 0 ? 'red' : 'blue');
    const first = await pods.list({ limit: 2 });
    expect([names(first), first.remainingItemCount]).toEqual([['a/0', 'a/1'], 3]);
    await remove('a/2');
    const second = await pods.list({ limit: 9, continue: first.continue ?? '' });
    expect([names(second), second.revision]).toEqual([['a/2', 'a/3', 'a/4'], first.revision]);
    const red = await pods.list({ limit: 1, matches: pod => pod.color === 'red' });
    expect([names(red), red.remainingItemCount]).toEqual([['a/0'], undefined]);
    const more = await pods.list({ limit: 1, matches: pod => pod.color === 'red', continue: red.continue ?? '' });
    expect([names(more), more.items[0]?.object.n]).toEqual([['a/4'], 4]);
  });

  it('tells creations, changes and deletions in order, from history and live', async () => {
    const r1 = await put('a/x', 1);
    const r2 = await put('a/x', 2);
    const watching = pods.watch({ resourceVersion: String(r1) }).then(w => take(w, 4));
    const r3 = await put('b/y', 3);
    const r4 = await remove('a/x');
    const r5 = await put('a/x', 5);
    expect(await watching).toEqual([
      `MODIFIED a/x 2 @${r2}`,
      `ADDED b/y 3 @${r3}`,
      `DELETED a/x 2 @${r4}`,
      `ADDED a/x 5 @${r5}`,
    ]);
  });

  it('tells a watcher of a namespace or of one object no others', async () => {
    const from = String(await put('a/x', 1));
    const watching = Promise.all([
      pods.watch({ resourceVersion: from, scope: `${PODS}a/` }).then(w => take(w, 2)),
      pods.watch({ resourceVersion: from, scope: `${PODS}a/x` }).then(w => take(w, 1)),
    ]);
    await put('ab/x', 2);
    const r3 = await put('a/xy', 3);
    const r4 = await put('a/x', 4);
    expect(await watching).toEqual([[`ADDED a/xy 3 @${r3}`, `MODIFIED a/x 4 @${r4}`], [`MODIFIED a/x 4 @${r4}`]]);
  });

  it('shows what leaves a selector as deleted and what enters as added', async () => {
    const from = String(await put('a/x', 1, 'blue'));
    const watching = pods.watch({ resourceVersion: from, matches: pod => pod.color === 'red' }).then(w => take(w, 4));
    const r2 = await put('a/x', 2, 'red');
    const r3 = await put('a/x', 3, 'red');
    const r4 = await put('a/x', 4, 'blue');
    await put('a/x', 5, 'blue');
    await remove('a/x');
    const r7 = await put('a/x', 7, 'red');
    expect(await watching).toEqual([
      `ADDED a/x 2 @${r2}`,
      `MODIFIED a/x 3 @${r3}`,
      // the content that matched last, as of the change that took it away
      `DELETED a/x 3 @${r4}`,
      `ADDED a/x 7 @${r7}`,
    ]);
  });

  it('sends the state first, ended by a bookmark, then what comes', async () => {
    const r1 = await put('a/x', 1);
    const r2 = await put('b/y', 2);
    const watcher = await pods.watch({ sendInitialEvents: true, bookmarks: true });
    const r3 = await put('b/y', 3);
    expect(await take(watcher, 4)).toEqual([
      `ADDED a/x 1 @${r1}`,
      `ADDED b/y 2 @${r2}`,
      `BOOKMARK ${r2} true`,
      `MODIFIED b/y 3 @${r3}`,
    ]);
    // as without a resourceVersion, but with no bookmark
    expect(await take(await pods.watch(), 2)).toEqual([`ADDED a/x 1 @${r1}`, `ADDED b/y 3 @${r3}`]);
    const fromNow = await pods.watch({ sendInitialEvents: false });
    const r4 = await put('a/x', 4);
    expect(await take(fromNow, 1)).toEqual([`MODIFIED a/x 4 @${r4}`]);
  });

  it('says how far back it goes when that is not enough', async () => {
    const old = await put('a/x', 1);
    await put('a/x', 2);
    const other = await follow(implementation.storage());
    const start = other.revision;
    const error = await failure(other.resource(PODS, decode).watch({ resourceVersion: String(old) }));
    expect(error).toMatchObject({ fault: 'expired', message: `too old resource version: ${old} (${start})` });
  });

  it('reads everything anew when the storage has lost history, and ends the watchers', async () => {
    let lose = (): void => {};
    const lost = new Promise<never>((_, reject) => {
      lose = () => reject(watchExpired());
    });
    let watches = 0;
    const forgetful = overridingStorage(storage, {
      async *watch(prefix, options) {
        watches += 1;
        const changes = storage.watch(prefix, options);
        for (;;) {
          const next: Promise<IteratorResult<ChangeBatch>> = changes.next();
          const { value } = await (watches === 1 ? Promise.race([next, lost]) : next);
          yield value;
        }
      },
    });
    const other = await follow(forgetful);
    const resource = other.resource(PODS, decode);
    const first = await put('a/x', 1);
    await other.reaches(first, 1000);
    const watcher = await resource.watch({ resourceVersion: String(first) });
    lose();
    expect(await failure(watcher.next())).toMatchObject({ fault: 'expired' });
    const second = await put('a/x', 2);
    expect((await resource.get(`${PODS}a/x`)).revision).toBe(second);
    expect(watches).toBe(2);
    expect(await failure(resource.watch({ resourceVersion: String(first - 1) }))).toMatchObject({ fault: 'expired' });
  });

  it('keeps one order for all kinds', async () => {
    const secrets = cache.resource('/registry/secrets/', value => ({ bytes: value.length }));
    const [a, b] = await Promise.all([
      pods.watch({ sendInitialEvents: false }),
      secrets.watch({ sendInitialEvents: false }),
    ]);
    for (let n = 0; n < 20; n += 1) {
      const pod = await put('a/x', n);
      const secret = await storage.update('/registry/secrets/a/s', () => ({ value: Buffer.from(String(n)) }), {
        createIfMissing: true,
      });
      await b.next();
      // who has seen the secret sees the pod that was written before it
      expect(pods.peek(`${PODS}a/x`)?.revision).toBe(pod);
      expect(cache.revision).toBe(secret.revision);
    }
    a.close();
    b.close();
    expect([pods.watcherCount, secrets.watcherCount]).toEqual([0, 0]);
  });
});

describe('watch cache and an etcd that is away', () => {
  const implementation = etcdImplementation();
  beforeAll(() => implementation.open());
  afterAll(() => implementation.close());

  it('answers with what it has where that is enough, fails in time where it is not, and goes on', async () => {
    const storage = implementation.storage();
    await storage.create(`${PODS}a/x`, Buffer.from('{"n":1}'));
    const stop = new AbortController();
    const cache = new WatchCache(storage);
    const pods = cache.resource(PODS, decode);
    let running = Promise.resolve();
    await new Promise<void>(ready => {
      running = cache.run(stop.signal, ready);
    });
    const watcher = await pods.watch({ sendInitialEvents: false });
    await implementation.server().kill();
    expect((await pods.list({ resourceVersion: '0' })).items.length).toBe(1);
    const started = performance.now();
    expect(await failure(pods.list())).toMatchObject({ code: 'unavailable' });
    expect(performance.now() - started).toBeLessThan(6_000);
    await implementation.server().start();
    const { revision } = await storage.create(`${PODS}a/y`, Buffer.from('{"n":2}'));
    expect((await watcher.next())?.[0]).toMatchObject({ type: 'ADDED', entry: { revision } });
    expect((await pods.list()).items.length).toBe(2);
    watcher.close();
    stop.abort();
    await running;
  });

  it('reads everything anew when etcd comes back with an older state', async () => {
    const storage = implementation.storage();
    const cache = new WatchCache(storage);
    const pods = cache.resource(PODS, decode);
    const stop = new AbortController();
    let running = Promise.resolve();
    await new Promise<void>(ready => {
      running = cache.run(stop.signal, ready);
    });
    for (let n = 0; n < 20; n += 1) await storage.create(`${PODS}b/${n}`, Buffer.from('{"n":1}'));
    const before = cache.revision;
    const server = implementation.server();
    await server.kill();
    server.eraseData();
    await server.start();
    const made = await storage.create(`${PODS}c/new`, Buffer.from('{"n":3}'));
    expect(made.revision).toBeLessThan(before);
    expect((await pods.list()).items.map(i => i.key)).toEqual([`${PODS}c/new`]);
    await waitFor('the cache to have read everything anew', () => pods.size === 1 && cache.revision === made.revision);
    stop.abort();
    await running;
  });
});
