import { expect } from 'vitest';
import type { APIGroup, APIGroupList, APIResourceList } from '../../../src/api/types/gen/meta-v1.ts';
import { type Answered, type ApiClient, type ApiObject, type Draft, refusal } from '../../harness/api-client.ts';
import type { ResourceClient } from '../../harness/resource-client.ts';
import { uniqueName } from './cluster.ts';

/** What the run through all operations of a kind needs to know of it. */
export interface OperationsOf<T extends ApiObject> {
  readonly resource: ResourceClient<T>;
  /** For a namespaced kind: the same in all namespaces. */
  readonly everywhere?: ResourceClient<T>;
  /** The object without its metadata. */
  readonly draft: Draft<T>;
  /** Called with an object that is there, between its update and its deletion: for subresources. */
  readonly meanwhile?: (object: Answered<T>) => Promise<void>;
}

/** Discovery, old style: the group and its version are listed, and the version lists all of `resources`. */
export async function expectDiscovered(
  client: ApiClient,
  group: string,
  version: string,
  resources: readonly string[],
): Promise<void> {
  const groupVersion = { groupVersion: `${group}/${version}`, version };
  const { groups } = await client.get<APIGroupList>('/apis');
  expect(groups.find(({ name }) => name === group)?.versions).toContainEqual(groupVersion);
  const { versions } = await client.get<APIGroup>(`/apis/${group}`);
  expect(versions).toContainEqual(groupVersion);
  const listed = await client.get<APIResourceList>(`/apis/${group}/${version}`);
  const names = listed.resources.map(({ name }) => name);
  expect(names).toEqual(expect.arrayContaining([...resources]));
}

/** Takes three objects of a kind through every verb, and expects what each answers and what a watch is told. */
export async function expectOperations<T extends ApiObject>(kind: OperationsOf<T>): Promise<void> {
  const { resource, everywhere = resource, draft, meanwhile = async () => {} } = kind;
  const test = uniqueName('test');
  const labelSelector = `test=${test}`;
  const named = (name: string) => ({ ...draft, metadata: { name: `${test}-${name}`, labels: { test } } }) as Draft<T>;

  const created = await resource.create(named('a'));
  expect(await refusal(resource.create(named('a')))).toMatchObject({ code: 409, reason: 'AlreadyExists' });
  await resource.create(named('b'));
  const { metadata } = await resource.list({ labelSelector });
  const watches = await Promise.all(
    [resource, everywhere].map(at => at.watch({ labelSelector, resourceVersion: metadata.resourceVersion ?? '' })),
  );
  await resource.create(named('c'));
  expect(await resource.get(`${test}-a`)).toEqual(created);
  expect(await resource.names({ labelSelector })).toEqual([`${test}-a`, `${test}-b`, `${test}-c`]);
  expect(await everywhere.names({ labelSelector })).toEqual([`${test}-a`, `${test}-b`, `${test}-c`]);

  const patched = await resource.patch(`${test}-a`, 'merge-patch', { metadata: { annotations: { patched: 'true' } } });
  expect(patched.metadata.annotations).toEqual({ patched: 'true' });
  expect(Number(patched.metadata.resourceVersion)).toBeGreaterThan(Number(created.metadata.resourceVersion));
  const annotations = { ...patched.metadata.annotations, updated: 'true' };
  const changed = { ...patched, metadata: { ...patched.metadata, annotations } };
  const updated = await resource.update(changed as unknown as Draft<T>);
  expect(updated.metadata.annotations).toEqual({ patched: 'true', updated: 'true' });
  for (const watch of watches) {
    const events = await watch.take(3);
    expect(events.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['ADDED', `${test}-c`],
      ['MODIFIED', `${test}-a`],
      ['MODIFIED', `${test}-a`],
    ]);
    expect(events.slice(1).map(({ object }) => object)).toEqual([patched, updated]);
  }

  await meanwhile(updated);

  await resource.delete(`${test}-a`);
  expect(await refusal(resource.get(`${test}-a`))).toMatchObject({ code: 404, reason: 'NotFound' });
  expect(await resource.names({ labelSelector })).toEqual([`${test}-b`, `${test}-c`]);
  await resource.deleteCollection({ labelSelector });
  expect(await resource.names({ labelSelector })).toEqual([]);
  for (const watch of watches) {
    const gone = [await watch.until(({ type }) => type === 'DELETED'), ...(await watch.take(2))];
    expect(gone.map(({ type, object }) => `${type} ${object.metadata.name}`).toSorted()).toEqual(
      ['a', 'b', 'c'].map(name => `DELETED ${test}-${name}`),
    );
    watch.close();
  }
}
