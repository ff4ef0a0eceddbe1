import { afterEach, beforeEach, expect, it } from 'vitest';
import { PodsByNode } from '../../../../src/apiserver/handlers/pods-by-node.ts';
import { TimeSlice } from '../../../../src/base/time-slice.ts';
import { MemoryApi } from '../../../harness/memory-api.ts';

let api: MemoryApi;
let pods: PodsByNode;
beforeEach(async () => {
  api = await MemoryApi.start();
  await put('early', 'n1');
  pods = new PodsByNode(api.served('/v1/pods'));
  await pods.warm(new TimeSlice());
});
afterEach(() => api.stop());

const put = (name: string, nodeName?: string): Promise<number> =>
  api.put(`/registry/pods/a/${name}`, {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, namespace: 'a' },
    spec: { containers: [{ name: 'c', image: 'i' }], ...(nodeName === undefined ? {} : { nodeName }) },
    status: {},
  });
const on = (node: string): (string | undefined)[] => pods.on(node).map(pod => pod.metadata.name);

it('knows the pods of before and follows those that come, are bound, move on and go', async () => {
  expect([on('n1'), on('n2')]).toEqual([['early'], []]);
  await put('late');
  expect(on('')).toEqual([]);
  await put('late', 'n1');
  expect(on('n1')).toEqual(['early', 'late']);
  await put('early', 'n2');
  expect([on('n1'), on('n2')]).toEqual([['late'], ['early']]);
  const { revision } = await api.storage.delete('/registry/pods/a/late');
  await api.cache.reaches(revision, 1000);
  expect(on('n1')).toEqual([]);
});

it('answers the same array while nothing on the node changes, whatever happens on others', async () => {
  const before = pods.on('n1');
  await put('elsewhere', 'n2');
  expect(pods.on('n1')).toBe(before);
  await put('second', 'n1');
  expect(pods.on('n1')).not.toBe(before);
});

it('has no pod that cannot be decoded, and takes one back that can be again', async () => {
  expect(on('n1')).toEqual(['early']);
  await api.put('/registry/pods/a/early', Buffer.from('garbage'));
  expect(on('n1')).toEqual([]);
  await put('early', 'n1');
  expect(on('n1')).toEqual(['early']);
});

it('reads everything anew when the cache does', async () => {
  expect(on('n1')).toEqual(['early']);
  const stored = await api.storage.get('/registry/pods/a/early');
  const { cache } = api.served('/v1/pods');
  cache.load([{ ...stored, key: '/registry/pods/a/other' }], stored.revision);
  expect(on('n1')).toEqual(['early']);
  cache.load([], stored.revision);
  expect(on('n1')).toEqual([]);
});
