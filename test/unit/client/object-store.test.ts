import { describe, expect, it } from 'vitest';
import type { ApiObject } from '../../../src/client/api-object.ts';
import { ObjectStore } from '../../../src/client/object-store.ts';

interface Item extends ApiObject {
  readonly node?: string;
}

const item = (namespace: string, name: string, version: string, node?: string): Item => ({
  metadata: { namespace, name, resourceVersion: version, uid: `${name}-uid` },
  ...(node === undefined ? {} : { node }),
});

function filled(): ObjectStore<Item> {
  const store = new ObjectStore<Item>();
  store.addIndex('node', each => (each.node === undefined ? [] : [each.node]));
  store.replace([item('a', 'one', '1', 'n1'), item('a', 'two', '2', 'n2'), item('b', 'one', '3', 'n1')]);
  return store;
}

const names = (items: readonly Item[]): string[] =>
  items.map(i => `${i.metadata.namespace}/${i.metadata.name}`).toSorted();

describe('an object store', () => {
  it('keeps an object that an index cannot be asked of, and those after it', () => {
    const store = new ObjectStore<Item>();
    store.addIndex('node', each => [(each.node as string).toUpperCase()]);
    store.replace([item('a', 'broken', '1'), item('a', 'one', '2', 'n1')]);
    expect(names(store.list())).toEqual(['a/broken', 'a/one']);
    expect(names(store.byIndex('node', 'N1'))).toEqual(['a/one']);
    store.put(item('a', 'broken', '3', 'n1'));
    store.remove('a/one');
    expect(names(store.byIndex('node', 'N1'))).toEqual(['a/broken']);
  });

  it('finds by key, by namespace and by index', () => {
    const store = filled();
    expect(store.get('b', 'one')?.metadata.resourceVersion).toBe('3');
    expect(names(store.list('a'))).toEqual(['a/one', 'a/two']);
    expect(names(store.list())).toEqual(['a/one', 'a/two', 'b/one']);
    expect(names(store.byIndex('node', 'n1'))).toEqual(['a/one', 'b/one']);
    expect(store.byIndex('node', 'nowhere')).toEqual([]);
  });

  it('moves an object in its indexes when it changes', () => {
    const store = filled();
    const change = store.put(item('a', 'one', '4', 'n2'));
    expect([change?.before?.node, change?.after?.node]).toEqual(['n1', 'n2']);
    expect(names(store.byIndex('node', 'n1'))).toEqual(['b/one']);
    expect(names(store.byIndex('node', 'n2'))).toEqual(['a/one', 'a/two']);
  });

  it('tells no change where the same version comes again', () => {
    expect(filled().put(item('a', 'one', '1', 'n1'))).toBeUndefined();
  });

  it('forgets everywhere what is removed, and tells what it was last', () => {
    const store = filled();
    const change = store.remove('a/two', item('a', 'two', '9', 'n2'));
    expect([change?.before?.metadata.resourceVersion, change?.after]).toEqual(['9', undefined]);
    expect([store.size, store.byIndex('node', 'n2'), names(store.list('a'))]).toEqual([2, [], ['a/one']]);
    expect(store.remove('a/two')).toBeUndefined();
  });

  it('tells what differs when everything is replaced', () => {
    const changes = filled().replace([item('a', 'one', '1', 'n1'), item('a', 'two', '5', 'n2'), item('c', 'new', '6')]);
    expect(changes.map(c => [c.key, c.before !== undefined, c.after !== undefined])).toEqual([
      ['b/one', true, false],
      ['a/two', true, true],
      ['c/new', false, true],
    ]);
  });

  it('fills an index that comes later', () => {
    const store = filled();
    store.addIndex('namespace', each => [each.metadata.namespace ?? '']);
    expect(names(store.byIndex('namespace', 'a'))).toEqual(['a/one', 'a/two']);
    expect(() => store.addIndex('namespace', () => [])).toThrow('there is an index namespace already');
    expect(() => store.byIndex('none', 'x')).toThrow('there is no index none');
  });

  it('does not change an array that it gave out', () => {
    const store = filled();
    const before = store.list('a');
    store.remove('a/one');
    expect(names(before)).toEqual(['a/one', 'a/two']);
  });
});
