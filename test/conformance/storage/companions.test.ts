import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { CompanionConflict } from '../../../src/apiserver/storage/errors.ts';
import type { OptimisticStorage } from '../../../src/apiserver/storage/optimistic-storage.ts';
import type { ChangeBatch, Companion, StoredObject } from '../../../src/apiserver/storage/storage.ts';
import { etcdImplementation, type Implementation, memoryImplementation } from './implementations.ts';

const SERVICE = '/registry/services/specs/a/web';
const ADDRESS = '/registry/ipaddresses/10.96.0.7';
const PORTS = '/registry/ranges/servicenodeports';
const bytes = (text: string): Buffer => Buffer.from(text);
const failure = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    e => e,
  );

describe.each<[string, () => Implementation]>([
  ['memory', memoryImplementation],
  ['etcd', etcdImplementation],
])('companions of a write on %s', (_, make) => {
  const implementation = make();
  let storage: OptimisticStorage;
  beforeAll(() => implementation.open());
  afterAll(() => implementation.close());
  beforeEach(async () => {
    await implementation.reset();
    storage = implementation.storage();
  });

  const found = async (key: string): Promise<string | undefined> => {
    const { items } = await storage.list('/registry/');
    return items.find(item => item.key === key)?.value.toString();
  };
  const taken = (...names: string[]): Companion => ({ key: ADDRESS, expected: 0, write: bytes(names.join()) });
  const create = (...together: Companion[]): Promise<StoredObject> =>
    storage.create(SERVICE, bytes('service'), { together });

  it('are created with the object, at its revision', async () => {
    const { revision } = await create(taken('web'));
    expect(await storage.get(ADDRESS)).toEqual({ key: ADDRESS, value: bytes('web'), revision });
  });

  it('reach a watch in one batch with the object', async () => {
    const ending = new AbortController();
    const before = await storage.currentRevision();
    const { revision } = await create(taken('web'));
    const batches: ChangeBatch[] = [];
    for await (const batch of storage.watch('/registry/', { afterRevision: before, signal: ending.signal })) {
      batches.push(batch);
      break;
    }
    ending.abort();
    expect(batches.map(batch => batch.revision)).toEqual([revision]);
    expect(batches[0]?.changes.map(change => change.key).toSorted()).toEqual([ADDRESS, SERVICE]);
  });

  it('keep the object from being created where one of them is there already', async () => {
    const other = await storage.create(ADDRESS, bytes('other'));
    const error = await failure(create(taken('web'), { key: PORTS, expected: 0, write: bytes('ports') }));
    expect(error).toBeInstanceOf(CompanionConflict);
    expect((error as CompanionConflict).found).toEqual(
      new Map([
        [ADDRESS, other],
        [PORTS, undefined],
      ]),
    );
    expect([await found(SERVICE), await found(ADDRESS), await found(PORTS)]).toEqual([undefined, 'other', undefined]);
  });

  it('are not written where the object exists already, which counts for more than a conflict of theirs', async () => {
    await create();
    await storage.create(ADDRESS, bytes('other'));
    expect(await failure(create(taken('web')))).toMatchObject({ fault: 'exists' });
    expect(await found(ADDRESS)).toBe('other');
  });

  it('are written with an update, even of an object that stays as it is', async () => {
    await create();
    await storage.update(SERVICE, () => ({ value: bytes('service'), together: [taken('web')] }));
    expect(await found(ADDRESS)).toBe('web');
  });

  it('end an update where they are at another revision than expected, and not where the object alone is', async () => {
    const origin = await create(taken('web'));
    await storage.update(SERVICE, () => ({ value: bytes('newer') }));
    const change = (expected: number) => (current: StoredObject | undefined) => ({
      value: bytes(`${current?.value}!`),
      together: [{ key: ADDRESS, expected, write: 'delete' as const }],
    });
    expect(await failure(storage.update(SERVICE, change(origin.revision + 7), { origin }))).toMatchObject({
      fault: 'companion',
    });
    expect(await found(ADDRESS)).toBe('web');
    await storage.update(SERVICE, change(origin.revision), { origin });
    expect([await found(SERVICE), await found(ADDRESS)]).toEqual(['newer!', undefined]);
  });

  it('go with the object', async () => {
    const { revision } = await create(taken('web'));
    await storage.delete(SERVICE, { together: [{ key: ADDRESS, expected: revision, write: 'delete' }] });
    expect([await found(SERVICE), await found(ADDRESS)]).toEqual([undefined, undefined]);
  });

  it('keep the object from being deleted where they changed', async () => {
    const { revision } = await create(taken('web'));
    const together: Companion[] = [{ key: ADDRESS, expected: revision, write: 'nothing' }];
    await storage.update(ADDRESS, () => ({ value: bytes('changed') }));
    expect(await failure(storage.delete(SERVICE, { together }))).toMatchObject({ fault: 'companion' });
    expect(await found(SERVICE)).toBe('service');
  });

  it('may be compared alone', async () => {
    const other = await storage.create(ADDRESS, bytes('other'));
    await create({ key: ADDRESS, expected: other.revision, write: 'nothing' });
    expect(await storage.get(ADDRESS)).toEqual(other);
  });

  it('let one of many writers take them', async () => {
    const tries = await Promise.allSettled(
      Array.from({ length: 10 }, (_each, index) =>
        storage.create(`${SERVICE}${index}`, bytes('service'), { together: [taken(String(index))] }),
      ),
    );
    expect(tries.filter(each => each.status === 'fulfilled').length).toBe(1);
    expect((await storage.list('/registry/services/')).items.length).toBe(1);
  });
});
