import { expect, it } from 'vitest';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { resourceLister } from '../../../../src/apiserver/handlers/resource-lister.ts';
import { ServedResource } from '../../../../src/apiserver/handlers/served-resource.ts';
import { configMapStrategy } from '../../../../src/apiserver/resources/core/config-map.ts';
import { MemoryStore } from '../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../src/apiserver/storage/optimistic-storage.ts';
import { WatchCache } from '../../../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { MemoryApi } from '../../../harness/memory-api.ts';

const object = (n: number): { value: Buffer } => ({
  value: Buffer.from(JSON.stringify({ metadata: { name: 'x', namespace: 'a' }, data: { n: String(n) } })),
});

it('answers the same array while nothing changes, and keeps nothing of namespaces without objects', async () => {
  await loadPackages();
  const clock = new FakeClock();
  const storage = new OptimisticStorage(new MemoryStore(clock));
  const cache = new WatchCache(storage, { clock });
  const served = new ServedResource(configMapStrategy, cache);
  const stop = new AbortController();
  let running: Promise<void> = Promise.resolve();
  await new Promise<void>(ready => {
    running = cache.run(stop.signal, ready);
  });
  const lister = resourceLister(served);
  const none = lister.list('never-seen-1');
  expect(none).toEqual([]);
  expect(Object.isFrozen(none)).toBe(true);
  // one array for all that are empty: there is nothing that could be kept by name
  expect(lister.list('never-seen-2')).toBe(none);
  expect(lister.list('a')).toBe(none);

  const key = served.key('a', 'x');
  await cache.reaches((await storage.update(key, () => object(1), { createIfMissing: true })).revision, 1000);
  const one = lister.list('a');
  expect(one).toMatchObject([{ data: { n: '1' } }]);
  expect(lister.list('a')).toBe(one);
  await cache.reaches((await storage.update(key, () => object(2))).revision, 1000);
  expect(lister.list('a')).toMatchObject([{ data: { n: '2' } }]);
  await cache.reaches((await storage.delete(key)).revision, 1000);
  expect(lister.list('a')).toBe(none);
  stop.abort();
  await running;
});

it('leaves out what cannot be decoded, and tells of it', async () => {
  const api = await MemoryApi.start();
  const told: unknown[] = [];
  const lister = resourceLister(api.served('/v1/configmaps'), error => told.push((error as Error).message));
  await api.put('/registry/configmaps/a/bad', Buffer.from('garbage'));
  await api.put('/registry/configmaps/a/good', object(1).value);
  expect(lister.list('a')).toMatchObject([{ data: { n: '1' } }]);
  expect(lister.get('a', 'bad')).toBeUndefined();
  const message = 'the stored object /registry/configmaps/a/bad is corrupt: it cannot be decoded';
  expect(told).toEqual([message, message]);
  await api.stop();
});

it('keeps the array of a namespace while others change', async () => {
  const api = await MemoryApi.start();
  const lister = resourceLister(api.served('/v1/configmaps'));
  await api.put('/registry/configmaps/a/x', object(1).value);
  const [one, all] = [lister.list('a'), lister.list('')];
  await api.put('/registry/configmaps/default/x', object(2).value);
  expect(lister.list('a')).toBe(one);
  expect(lister.list('')).not.toBe(all);
  expect(lister.list('')).toHaveLength(2);
  await api.stop();
});
