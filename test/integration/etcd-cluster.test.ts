import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { EtcdStore } from '../../src/apiserver/storage/etcd/etcd-store.ts';
import { OptimisticStorage } from '../../src/apiserver/storage/optimistic-storage.ts';
import type { ResourceCache } from '../../src/apiserver/storage/watch-cache/resource-cache.ts';
import { WatchCache } from '../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { EtcdClient } from '../../src/etcd/client.ts';
import { EtcdServer } from '../harness/etcd.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The API server's storage and cache over three members, of which one is away. */

let members: readonly EtcdServer[] = [];
let test = 0;

beforeAll(async () => {
  members = await EtcdServer.startCluster(3);
}, 60_000);
afterAll(() => Promise.all(members.map(member => member.remove())));
beforeEach(() => {
  test += 1;
});

/** A storage that begins at the first member, its cache, and what a watcher of that is told. */
async function follower(timeoutMs: number) {
  const client = new EtcdClient({ endpoints: members.map(member => member.endpoint), timeoutMs });
  const storage = new OptimisticStorage(new EtcdStore(client));
  const cache = new WatchCache(storage, { root: `/registry/t${test}/` });
  const prefix = `/registry/t${test}/configmaps/`;
  const resource: ResourceCache<{ n: number }> = cache.resource(prefix, value => JSON.parse(value.toString()));
  const stop = new AbortController();
  const running = cache.run(stop.signal);
  await waitFor('the cache to be ready', () => cache.ready, { timeoutMs: 20_000 });
  const watcher = await resource.watch({ resourceVersion: String(cache.revision) });
  const told: string[] = [];
  const reading = (async () => {
    for (let items = await watcher.next(); items !== undefined; items = await watcher.next())
      for (const item of items)
        told.push(item.type === 'BOOKMARK' ? 'BOOKMARK' : `${item.type} ${item.entry.object.n}`);
  })();
  return {
    storage,
    told,
    /** One write; false when it cannot be told whether it was carried out. */
    create: (n: number): Promise<boolean> =>
      storage.create(`${prefix}a/${n}`, Buffer.from(JSON.stringify({ n }))).then(
        () => true,
        () => false,
      ),
    /** In the order in which they were carried out. */
    stored: async () =>
      (await storage.list(prefix)).items
        .toSorted((a, b) => a.revision - b.revision)
        .map(item => JSON.parse(item.value.toString()).n as number),
    async close() {
      watcher.close();
      await reading;
      stop.abort(new Error('the test is over'));
      await running;
      client.close();
    },
  };
}

type Follower = Awaited<ReturnType<typeof follower>>;

/** Writes numbers one after the other and gives those that were acknowledged. */
async function write(of: Follower, from: number, to: number): Promise<number[]> {
  const acknowledged: number[] = [];
  for (let n = from; n < to; n += 1) if (await of.create(n)) acknowledged.push(n);
  return acknowledged;
}

/**
 * Nothing that was acknowledged is lost, and the watcher was told all that is stored, once and in order. A write whose answer did not come may be carried out
 * after later ones, when the member that has it goes on.
 */
async function expectWhole(of: Follower, acknowledged: readonly number[]): Promise<void> {
  const stored = await waitFor('the watcher to be told what is stored, as it was stored', async saw => {
    const numbers = await of.stored();
    saw({ stored: numbers, told: of.told });
    return isDeepStrictEqual(
      of.told,
      numbers.map(n => `ADDED ${n}`),
    )
      ? numbers
      : undefined;
  });
  expect(stored).toEqual(expect.arrayContaining([...acknowledged]));
}

it('loses and repeats nothing when one member after the other is killed and comes back', async () => {
  const one = await follower(5_000);
  const acknowledged = await write(one, 0, 10);
  for (const [index, member] of members.entries()) {
    const from = 10 + index * 20;
    const writing = write(one, from, from + 20);
    await member.kill();
    acknowledged.push(...(await writing));
    await member.start();
  }
  // a write under way at each death, and those of the election after a leader's
  expect(acknowledged.length).toBeGreaterThan(40);
  await expectWhole(one, acknowledged);
  await one.close();
}, 120_000);

it('goes on at another member when the one in use keeps silent', async () => {
  const one = await follower(3_000);
  const acknowledged = await write(one, 0, 5);
  members[0]?.freeze();
  try {
    acknowledged.push(...(await write(one, 5, 15)));
  } finally {
    members[0]?.thaw();
  }
  // the one that met the silence, and at most one more while a new leader is chosen
  expect(acknowledged.length).toBeGreaterThanOrEqual(13);
  await expectWhole(one, acknowledged);
  await one.close();
}, 120_000);
