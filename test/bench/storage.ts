// Figures of the storage beside etcd's own, in the same run: npm run bench -- storage
import { tmpdir } from 'node:os';
import { EtcdStore } from '../../src/apiserver/storage/etcd/etcd-store.ts';
import { OptimisticStorage } from '../../src/apiserver/storage/optimistic-storage.ts';
import type { CacheEntry } from '../../src/apiserver/storage/watch-cache/cache-entry.ts';
import { WatchCache } from '../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { EtcdServer } from '../harness/etcd.ts';

const PODS = '/registry/pods/';
const CLIENTS = 64;
const SECONDS = 2;
const OBJECTS = 5000;

interface Pod {
  readonly metadata: { readonly name: string };
}

const pod = (name: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name, namespace: 'bench', uid: name, annotations: { filling: 'x'.repeat(1200) } },
    }),
  );

/** Calls a second of `clients` callers in a loop. */
async function rate(clients: number, call: (i: number) => Promise<unknown>): Promise<number> {
  let calls = 0;
  const started = performance.now();
  const until = started + SECONDS * 1000;
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (performance.now() < until) {
        calls += 1;
        await call(calls);
      }
    }),
  );
  return calls / ((performance.now() - started) / 1000);
}

const at = (sorted: readonly number[], share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;

async function times(count: number, run: (i: number) => Promise<unknown>): Promise<string> {
  const ms: number[] = [];
  for (let i = 0; i < count; i += 1) {
    const started = performance.now();
    await run(i);
    ms.push(performance.now() - started);
  }
  ms.sort((a, b) => a - b);
  return `p50 ${at(ms, 0.5).toFixed(2)} ms, p99 ${at(ms, 0.99).toFixed(2)} ms`;
}

const print = (name: string, figure: string): void => console.log(`${name.padEnd(58)} ${figure}`);

for (const [where, parent] of [
  ['memory', '/dev/shm'],
  ['disk', tmpdir()],
] as const) {
  const etcd = await EtcdServer.start({ parent });
  const client = etcd.client();
  const storage = new OptimisticStorage(new EtcdStore(client));
  const value = pod('pod');
  await rate(CLIENTS, i => client.put(`/warm/${i % 100}`, value));
  // in turns, because the machine's speed wanders
  const raw: number[] = [];
  const ours: number[] = [];
  for (let round = 0; round < 2; round += 1) {
    raw.push(await rate(CLIENTS, i => client.put(`/registry/raw/${where}-${round}-${i}`, value)));
    ours.push(await rate(CLIENTS, i => storage.create(`${PODS}${where}-${round}/${i}`, value)));
  }
  const mean = (all: readonly number[]): number => all.reduce((sum, x) => sum + x, 0) / all.length;
  print(`etcd put, c=${CLIENTS}, data on ${where}`, `${mean(raw).toFixed(0)}/s`);
  print(
    `Storage.create, c=${CLIENTS}`,
    `${mean(ours).toFixed(0)}/s  (${(mean(ours) / mean(raw)).toFixed(2)} of etcd's put)`,
  );
  print(`Storage.create, c=1`, await times(300, i => storage.create(`${PODS}one/${i}`, value)));
  client.close();
  await etcd.remove();
}

const etcd = await EtcdServer.start();
const client = etcd.client();
const storage = new OptimisticStorage(new EtcdStore(client));
let next = 0;
await Promise.all(
  Array.from({ length: CLIENTS }, async () => {
    while (next < OBJECTS) {
      next += 1;
      const name = String(next).padStart(5, '0');
      await storage.create(`${PODS}bench/${name}`, pod(name));
    }
  }),
);
const cache = new WatchCache(storage);
const pods = cache.resource<Pod>(PODS, (bytes): Pod => JSON.parse(bytes.toString()));
const stop = new AbortController();
const started = performance.now();
let running = Promise.resolve();
await new Promise<void>(ready => {
  running = cache.run(stop.signal, ready);
});
print(`cache: read ${OBJECTS} objects at the start`, `${(performance.now() - started).toFixed(0)} ms`);

const json = (entry: CacheEntry<Pod>): Buffer => entry.stored;
const list = async (resourceVersion: string): Promise<Buffer> =>
  Buffer.concat((await pods.list({ resourceVersion })).items.map(item => item.encoded('json', json)));
print(`list ${OBJECTS}, first, every object encoded`, await times(1, () => list('')));
print(`list ${OBJECTS}, consistent, to one buffer`, await times(50, () => list('')));
print(`list ${OBJECTS} of etcd itself (Storage.list)`, await times(5, () => storage.list(PODS)));
const parses = await times(1, () => pods.list({ matches: p => p.metadata.name !== '' }));
print(`list ${OBJECTS} by selector, first, every object parsed`, parses);
print('', `again: ${await times(20, () => pods.list({ matches: p => p.metadata.name !== '' }))}`);
print(
  `get, consistent, c=${CLIENTS}`,
  `${(await rate(CLIENTS, i => pods.get(`${PODS}bench/${String((i % OBJECTS) + 1).padStart(5, '0')}`))).toFixed(0)}/s`,
);
print(
  `etcd range of one key, c=${CLIENTS}`,
  `${(await rate(CLIENTS, () => client.range(`${PODS}bench/00001`))).toFixed(0)}/s`,
);
print('get, consistent, c=1', await times(300, () => pods.get(`${PODS}bench/00001`)));

const watcher = await pods.watch({ sendInitialEvents: false });
const write = (i: number) => storage.update(`${PODS}bench/00001`, () => ({ value: pod(`w${i}`) }));
print('watch: from the call of an update to the event', await times(300, i => Promise.all([write(i), watcher.next()])));
watcher.close();
const watchers = await Promise.all(Array.from({ length: 500 }, () => pods.watch({ sendInitialEvents: false })));
const frame = (watch: (typeof watchers)[number]) =>
  watch
    .next()
    .then(items => items?.map(i => i.type !== 'BOOKMARK' && i.frame('json', e => e.entry.encoded('json', json))));
print(
  'watch: the same to the last of 500 watchers',
  await times(50, i => Promise.all([write(1000 + i), ...watchers.map(frame)])),
);
for (const one of watchers) one.close();
stop.abort();
await running;
client.close();
await etcd.remove();
