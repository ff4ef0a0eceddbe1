import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { ServedResource } from '../../../../src/apiserver/handlers/served-resource.ts';
import { watchObjects } from '../../../../src/apiserver/handlers/watch.ts';
import { newContext, type RequestContext } from '../../../../src/apiserver/pipeline/context.ts';
import { requestInfo } from '../../../../src/apiserver/request-info.ts';
import { configMapStrategy } from '../../../../src/apiserver/resources/core/config-map.ts';
import { MemoryStore } from '../../../../src/apiserver/storage/memory/memory-store.ts';
import { OptimisticStorage } from '../../../../src/apiserver/storage/optimistic-storage.ts';
import { WatchCache } from '../../../../src/apiserver/storage/watch-cache/watch-cache.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { requestOf } from '../requests.ts';

let clock: FakeClock;
let served: ServedResource;
let stop: AbortController;
let running: Promise<void>;
let client: AbortController;

beforeEach(async () => {
  await loadPackages();
  clock = new FakeClock();
  const cache = new WatchCache(new OptimisticStorage(new MemoryStore(clock)), { clock });
  served = new ServedResource(configMapStrategy, cache);
  stop = new AbortController();
  client = new AbortController();
  await new Promise<void>(ready => {
    running = cache.run(stop.signal, ready);
  });
});
afterEach(async () => {
  stop.abort();
  await running;
  expect([served.cache.watcherCount, clock.pending]).toEqual([0, 0]);
});

const contextOf = (method: string, url: string, headers: Record<string, string> = {}): RequestContext => {
  const request = requestOf({ method, url, headers, signal: client.signal });
  return { ...newContext(request), info: requestInfo(method, request.path, request.query) };
};

describe('a watch is not begun', () => {
  it.each([
    ['HEAD', '/api/v1/configmaps?watch=1'],
    ['HEAD', '/api/v1/watch/configmaps'],
    ['POST', '/api/v1/watch/configmaps'],
    ['PUT', '/api/v1/watch/namespaces/a/configmaps/x'],
    ['PATCH', '/api/v1/watch/namespaces/a/configmaps/x'],
    ['DELETE', '/api/v1/watch/configmaps'],
  ])('by %s %s', async (method, url) => {
    const context = contextOf(method, url);
    expect(context.info.verb).toBe('watch');
    await expect(watchObjects(served, context)).rejects.toMatchObject({ reason: 'MethodNotAllowed' });
  });

  it('where the form of its rows is not known', async () => {
    const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
    const context = contextOf('GET', '/api/v1/configmaps?watch=1&includeObject=Everything', { accept });
    await expect(watchObjects(served, context)).rejects.toMatchObject({ reason: 'BadRequest' });
  });
});

it('ends with its request, though nobody has read the stream', async () => {
  const response = await watchObjects(served, contextOf('GET', '/api/v1/configmaps?watch=1&resourceVersion=0'));
  expect([response.status, served.cache.watcherCount]).toEqual([200, 1]);
  client.abort();
  expect(served.cache.watcherCount).toBe(0);
});

it('ends where its request ends in the very moment that it begins', async () => {
  const response = watchObjects(served, contextOf('GET', '/api/v1/configmaps?watch=1&resourceVersion=0'));
  client.abort();
  await response.catch(() => undefined);
  expect(served.cache.watcherCount).toBe(0);
});
