import { describe, expect, it } from 'vitest';
import { EtcdStore } from '../../../src/apiserver/storage/etcd/etcd-store.ts';
import { OptimisticStorage } from '../../../src/apiserver/storage/optimistic-storage.ts';
import type { Change } from '../../../src/apiserver/storage/storage.ts';
import type { ResourceCache } from '../../../src/apiserver/storage/watch-cache/resource-cache.ts';
import { WatchCache } from '../../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { errorCode } from '../../../src/base/errors.ts';
import type { EtcdClient } from '../../../src/etcd/client.ts';
import { EtcdServer } from '../../harness/etcd.ts';
import { seededRandom } from '../../harness/random.ts';
import { waitFor } from '../../harness/wait-for.ts';
import { isFreshRead, stateAt, toldTo } from './history.ts';

/**
 * Sixteen clients with seeded random reads, writes and watches on two servers over one etcd that is killed with -9 while they work. Afterwards
 * etcd's own history judges: no event lost, repeated or out of order, no consistent read older than what had been acknowledged before it began,
 * nothing acknowledged lost. The same seed makes the same decisions, not the same interleaving.
 */
const SEEDS = (process.env['GANTRY_SEED'] ?? (process.env['GANTRY_SOAK'] === undefined ? '1' : '1,2,3,4,5,6,7,8'))
  .split(',')
  .map(Number);
const KILLS = process.env['GANTRY_SOAK'] === undefined ? 3 : 10;
const WRITERS = 6;
const READERS = 4;
const WATCHERS = 6;
const WRITES_BETWEEN_KILLS = 400;

const PODS = '/registry/pods/';
const KEYS = ['a/1', 'a/2', 'a/3', 'a/4', 'b/1', 'b/2', 'b/3', 'b/4'].map(name => PODS + name);

interface Value {
  readonly writer: number;
  readonly count: number;
}
interface Acknowledged {
  readonly type: 'put' | 'delete';
  readonly key: string;
  readonly revision: number;
  readonly text: string;
}
interface ListRead {
  readonly reader: number;
  readonly notBefore: number;
  readonly revision: number;
  readonly items: readonly (readonly [key: string, revision: number])[];
}
interface GetRead {
  readonly key: string;
  readonly notBefore: number;
  /** Undefined: not found. */
  readonly revision: number | undefined;
}

interface Server {
  readonly client: EtcdClient;
  readonly storage: OptimisticStorage;
  readonly pods: ResourceCache<Value>;
  end(): Promise<void>;
}

async function startServer(etcd: EtcdServer): Promise<Server> {
  const client = etcd.client({ retryMs: 300 });
  const storage = new OptimisticStorage(new EtcdStore(client));
  const cache = new WatchCache(storage);
  const pods = cache.resource<Value>(PODS, value => JSON.parse(value.toString()));
  const stop = new AbortController();
  let running = Promise.resolve();
  await new Promise<void>(ready => {
    running = cache.run(stop.signal, ready);
  });
  return {
    client,
    storage,
    pods,
    async end() {
      stop.abort();
      await running;
      client.close();
    },
  };
}

describe('linearizability', () => {
  it.each(SEEDS)('holds with two servers and kill -9 of etcd, seed %i', async seed => {
    const etcd = await EtcdServer.start();
    const servers = [await startServer(etcd), await startServer(etcd)];
    try {
      const run = await work(seed, etcd, servers);
      const history = await readHistory(servers[0], run.startRevision, run.endRevision);
      judge(run, history);
    } finally {
      for (const server of servers) await server.end();
      await etcd.remove();
    }
  });
});

async function work(seed: number, etcd: EtcdServer, servers: readonly Server[]) {
  const generator = seededRandom(seed);
  const random = (): number => generator.next();
  const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T;
  const startRevision = await (servers[0] as Server).storage.currentRevision();
  const stop = new AbortController();
  const acknowledged: Acknowledged[] = [];
  const lists: ListRead[] = [];
  const gets: GetRead[] = [];
  const unexpected: unknown[] = [];
  let newestAcknowledged = startRevision;
  /** Errors that an honest server may give while etcd is away or somebody else was first. */
  const allowed = new Set(['unavailable', 'deadline-exceeded', 'not-found', 'already-exists']);
  const tolerate = (error: unknown): void => {
    if (!allowed.has(errorCode(error))) unexpected.push(error);
  };

  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let count = 0; !stop.signal.aborted; count += 1) {
      const { storage, pods } = pick(servers);
      const key = pick(KEYS);
      const text = JSON.stringify({ writer, count });
      const value = Buffer.from(text);
      const cached = pods.peek(key);
      const origin = cached === undefined || random() < 0.5 ? {} : { origin: cached };
      const choice = random();
      try {
        if (choice < 0.3) {
          const { revision } = await storage.create(key, value);
          acknowledged.push({ type: 'put', key, revision, text });
          newestAcknowledged = Math.max(newestAcknowledged, revision);
        } else if (choice < 0.85) {
          const { revision } = await storage.update(key, () => ({ value }), origin);
          acknowledged.push({ type: 'put', key, revision, text });
          newestAcknowledged = Math.max(newestAcknowledged, revision);
        } else {
          const { revision } = await storage.delete(key, origin);
          acknowledged.push({ type: 'delete', key, revision, text: '' });
          newestAcknowledged = Math.max(newestAcknowledged, revision);
        }
      } catch (error) {
        tolerate(error);
      }
    }
  });

  const readers = Array.from({ length: READERS }, async (_, reader) => {
    while (!stop.signal.aborted) {
      const { pods } = pick(servers);
      const key = pick(KEYS);
      const notBefore = newestAcknowledged;
      try {
        if (random() < 0.5) {
          const list = await pods.list();
          lists.push({ reader, notBefore, revision: list.revision, items: list.items.map(i => [i.key, i.revision]) });
        } else {
          const revision = await pods.get(key).then(
            entry => entry.revision,
            error => {
              if (errorCode(error) !== 'not-found') throw error;
              return undefined;
            },
          );
          gets.push({ key, notBefore, revision });
        }
      } catch (error) {
        tolerate(error);
      }
    }
  });

  const watchers = Array.from({ length: WATCHERS }, async (_, n) => {
    const { pods } = servers[n % servers.length] as Server;
    const scope = [PODS, `${PODS}a/`, `${PODS}b/2`][n % 3] ?? PODS;
    const even = n >= 3;
    const seen: { type: string; key: string; revision: number }[] = [];
    const watcher = await pods.watch({
      scope,
      resourceVersion: String(startRevision),
      ...(even ? { matches: (value: Value) => value.count % 2 === 0 } : {}),
    });
    const reading = (async () => {
      for (;;) {
        const items = await watcher.next();
        if (items === undefined) return;
        for (const item of items)
          if (item.type !== 'BOOKMARK')
            seen.push({ type: item.type, key: item.entry.key, revision: item.entry.revision });
      }
    })();
    return { scope, even, seen, watcher, reading };
  });

  for (let kill = 0; kill < KILLS; kill += 1) {
    const before = acknowledged.length;
    await waitFor('more writes', () => acknowledged.length >= before + WRITES_BETWEEN_KILLS);
    await etcd.kill();
    await etcd.start();
  }
  const before = acknowledged.length;
  await waitFor('writes after the last kill', () => acknowledged.length >= before + WRITES_BETWEEN_KILLS / 2);
  stop.abort();
  await Promise.all([...writers, ...readers]);
  const endRevision = await (servers[0] as Server).storage.currentRevision();
  // both caches know everything once they have answered for that revision
  for (const { pods } of servers) await pods.list({ resourceVersion: String(endRevision) });
  const watched = await Promise.all(watchers);
  for (const { watcher, reading } of watched) {
    watcher.close();
    await reading;
  }
  expect(unexpected).toEqual([]);
  return { startRevision, endRevision, acknowledged, lists, gets, watched };
}

/** All that happened, told by one unbroken watch after the fact. */
async function readHistory(server: Server | undefined, after: number, until: number): Promise<Change[]> {
  const history: Change[] = [];
  const watch = server?.storage.watch('/registry/', { afterRevision: after, signal: new AbortController().signal });
  for await (const batch of watch ?? []) {
    history.push(...batch.changes);
    if (batch.revision >= until) break;
  }
  // every write here is of one key, so history without a gap is all of it
  expect(history.map(c => c.revision)).toEqual(Array.from({ length: until - after }, (_, i) => after + 1 + i));
  return history;
}

function judge(run: Awaited<ReturnType<typeof work>>, history: readonly Change[]): void {
  const byRevision = new Map(history.map(c => [c.revision, c]));
  const lost = run.acknowledged.filter(({ type, key, revision, text }) => {
    const change = byRevision.get(revision);
    return change === undefined || change.type !== type || change.key !== key || change.value.toString() !== text;
  });
  // an update that changed nothing is acknowledged with the revision that is there: the same value, so it is found too
  expect(lost).toEqual([]);

  for (const { scope, even, seen } of run.watched)
    expect(seen).toEqual(toldTo(history, { scope, matches: even ? isEven : () => true }));

  const stale = run.lists.filter(l => l.revision < l.notBefore);
  expect(stale).toEqual([]);
  for (const list of run.lists) expect(list.items).toEqual(stateAt(history, list.revision));
  for (let reader = 0; reader < READERS; reader += 1) {
    const revisions = run.lists.filter(l => l.reader === reader).map(l => l.revision);
    expect(revisions).toEqual([...revisions].sort((a, b) => a - b));
  }

  const staleGets = run.gets.filter(read => !isFreshRead(history, read.key, read.notBefore, read.revision));
  expect(staleGets).toEqual([]);
  expect(run.lists.length).toBeGreaterThan(50);
  expect(run.gets.length).toBeGreaterThan(50);
}

function isEven(value: Buffer): boolean {
  return JSON.parse(value.toString()).count % 2 === 0;
}
