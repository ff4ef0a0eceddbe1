import { describe, expect, it } from 'vitest';
import type { ObjectMeta, OwnerReference } from '../../../src/api/types/gen/meta-v1.ts';
import type { ServedKind, ServedKinds } from '../../../src/client/discovery.ts';
import { AbsentOwners } from '../../../src/controllers/garbage-collector/absent-owners.ts';
import { type Attempt, DependencyGraph } from '../../../src/controllers/garbage-collector/graph.ts';
import { alternateIdentity, type Identity } from '../../../src/controllers/garbage-collector/identity.ts';
import { collectable } from '../../../src/controllers/garbage-collector/kinds.ts';
import { Monitors } from '../../../src/controllers/garbage-collector/monitors.ts';
import {
  decide,
  isLeaving,
  isSameButNewer,
  nextLookMs,
  type OwnerFound,
  ownerState,
  withoutBlocking,
  withoutFinalizer,
  withoutReferences,
} from '../../../src/controllers/garbage-collector/plan.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { waitFor } from '../../harness/wait-for.ts';

const MAP = { apiVersion: 'v1', kind: 'ConfigMap' };
const NOW = '2030-01-01T00:00:00Z';
const meta = (name: string, more: Partial<ObjectMeta> = {}): ObjectMeta => ({
  name,
  namespace: 'a',
  uid: `uid-${name}`,
  resourceVersion: '1',
  ...more,
});
const ref = (name: string, more: Partial<OwnerReference> = {}): OwnerReference => ({
  ...MAP,
  name,
  uid: `uid-${name}`,
  ...more,
});
const told = (attempts: readonly Attempt[]): string[] =>
  attempts.map(attempt => `${attempt.kind} ${'uid' in attempt ? attempt.uid : attempt.dependent.uid}`);

describe('the graph of owners', () => {
  it('has an owner that is not known yet asked for, once', () => {
    const graph = new DependencyGraph();
    expect(told(graph.observe(MAP, undefined, meta('one', { ownerReferences: [ref('owner')] })))).toEqual([
      'collect uid-owner',
    ]);
    expect(graph.observe(MAP, undefined, meta('two', { ownerReferences: [ref('owner')] }))).toEqual([]);
    expect([graph.get('uid-owner')?.virtual, graph.get('uid-owner')?.dependents.size]).toEqual([true, 2]);
  });

  it.each([
    ['foregroundDeletion', ['collect uid-child', 'collect uid-owner']],
    ['orphan', ['orphan uid-owner']],
    ['example.com/other', []],
  ])('begins once with an owner that is deleted with the finalizer %s', (finalizer, expected) => {
    const graph = new DependencyGraph();
    const before = meta('owner');
    graph.observe(MAP, undefined, before);
    graph.observe(MAP, undefined, meta('child', { ownerReferences: [ref('owner')] }));
    const deleted = meta('owner', { deletionTimestamp: NOW, finalizers: [finalizer] });
    expect(told(graph.observe(MAP, before, deleted))).toEqual(expected);
    expect(graph.observe(MAP, deleted, { ...deleted, resourceVersion: '3' })).toEqual([]);
  });

  it('tells of an owner that is in another namespace, whoever came first', () => {
    const child = meta('child', { ownerReferences: [ref('owner')] });
    const elsewhere = meta('owner', { namespace: 'b' });
    const first = new DependencyGraph();
    first.observe(MAP, undefined, elsewhere);
    expect(told(first.observe(MAP, undefined, child))).toEqual(['tell uid-child', 'collect uid-child']);
    const second = new DependencyGraph();
    second.observe(MAP, undefined, child);
    expect(told(second.observe(MAP, undefined, elsewhere))).toEqual(['tell uid-child', 'collect uid-child']);
  });

  it('has an owner looked at when what blocked it does not any more', () => {
    const graph = new DependencyGraph();
    const before = meta('child', { ownerReferences: [ref('owner', { blockOwnerDeletion: true })] });
    graph.observe(MAP, undefined, meta('owner'));
    graph.observe(MAP, undefined, before);
    const free = meta('child', { ownerReferences: [ref('owner', { blockOwnerDeletion: false })] });
    expect(told(graph.observe(MAP, before, free))).toEqual(['collect uid-owner']);
    expect(graph.get('uid-owner')?.dependents.size).toBe(1);
  });

  it('takes another uid under the same name for another object', () => {
    const graph = new DependencyGraph();
    graph.observe(MAP, undefined, meta('owner'));
    graph.observe(MAP, undefined, meta('child', { ownerReferences: [ref('owner')] }));
    expect(told(graph.observe(MAP, meta('owner'), meta('owner', { uid: 'new' })))).toEqual(['collect uid-child']);
    expect([graph.get('uid-owner'), graph.get('new')?.dependents.size]).toEqual([undefined, 0]);
  });

  it('asks under each name that references give an owner, before it is taken for absent', () => {
    const graph = new DependencyGraph();
    graph.observe(MAP, undefined, meta('wrong', { ownerReferences: [ref('owner', { name: 'x', uid: 'u' })] }));
    graph.observe(MAP, undefined, meta('right', { ownerReferences: [ref('owner', { name: 'y', uid: 'u' })] }));
    const identity = (name: string): Identity => ({ ...MAP, namespace: 'a', name, uid: 'u' });
    expect(told(graph.disprove(identity('x')))).toEqual(['collect uid-wrong']);
    expect(graph.get('u')?.identity.name).toBe('y');
    expect(told(graph.disprove(identity('y')))).toEqual(['collect uid-right']);
    expect(graph.get('u')?.identity.name).toBe('x');
  });

  it('keeps an object that a watch told of when a reference to it is proven wrong', () => {
    const graph = new DependencyGraph();
    graph.observe(MAP, undefined, meta('owner'));
    graph.observe(MAP, undefined, meta('wrong', { ownerReferences: [ref('owner', { name: 'x' })] }));
    expect(told(graph.disprove({ ...MAP, namespace: 'a', name: 'x', uid: 'uid-owner' }))).toEqual([
      'collect uid-wrong',
    ]);
    expect(graph.get('uid-owner')?.virtual).toBe(false);
  });

  it('has everything of a kind asked for that is not watched any more', () => {
    const graph = new DependencyGraph();
    graph.observe(MAP, undefined, meta('one'));
    graph.observe({ ...MAP, kind: 'Secret' }, undefined, meta('two'));
    expect(told(graph.unwatch(MAP))).toEqual(['collect uid-one']);
    expect([graph.get('uid-one')?.virtual, graph.get('uid-two')?.virtual]).toEqual([true, false]);
  });

  it('is empty when everything has gone', () => {
    const graph = new DependencyGraph();
    const child = meta('child', { ownerReferences: [ref('owner')] });
    graph.observe(MAP, undefined, child);
    graph.disprove({ ...MAP, namespace: 'a', name: 'owner', uid: 'uid-owner' });
    graph.remove(MAP, child);
    expect(graph.size).toBe(0);
  });
});

describe('what references say of an owner', () => {
  const dependent = (namespace: string, ...owners: OwnerReference[]) => ({
    identity: { ...MAP, namespace, name: 'd', uid: 'd' },
    owners,
  });
  const absent: Identity = { ...MAP, namespace: 'a', name: 'm', uid: 'u' };

  it.each([
    ['nothing else', [dependent('a', ref('m', { uid: 'u' }))], undefined],
    ['the next one', [dependent('a', ref('z', { uid: 'u' }), ref('n', { uid: 'u' }), ref('b', { uid: 'u' }))], 'n'],
    ['the first one after the last', [dependent('a', ref('c', { uid: 'u' }), ref('b', { uid: 'u' }))], 'b'],
    ['the same in another namespace', [dependent('b', ref('m', { uid: 'u' }))], 'm'],
  ])('is tried in turn: %s', (_, dependents, expected) => {
    expect(alternateIdentity(dependents, absent)?.name).toBe(expected);
  });

  it('has no namespace where the kind is known to have none', () => {
    const found = alternateIdentity([dependent('b', ref('n', { uid: 'u' }))], { ...absent, namespace: '' });
    expect(found).toEqual({ ...MAP, namespace: '', name: 'n', uid: 'u' });
  });
});

describe('owners that are known to be absent', () => {
  it('are so in the cluster or in a namespace', () => {
    const absent = new AbsentOwners();
    absent.add({ ...ref('inside'), namespace: 'a' });
    absent.add({ ...ref('cluster'), namespace: '' });
    const has = (name: string, namespace: string): boolean => absent.has(ref(name), namespace);
    expect([has('inside', 'a'), has('inside', 'b'), has('cluster', 'b')]).toEqual([true, false, true]);
  });

  it('are the latest 500', () => {
    const absent = new AbsentOwners();
    for (let i = 0; i < 500; i += 1) absent.add({ ...ref(`o${i}`), namespace: 'a' });
    expect(absent.has(ref('o0'), 'a')).toBe(true);
    absent.add({ ...ref('another'), namespace: 'a' });
    expect([absent.has(ref('o0'), 'a'), absent.has(ref('o1'), 'a')]).toEqual([true, false]);
  });
});

describe('the plan for an object', () => {
  const node = (dependents: readonly string[] = []) => {
    const graph = new DependencyGraph();
    graph.observe(MAP, undefined, meta('it'));
    const held = { deletionTimestamp: NOW, finalizers: ['foregroundDeletion'] };
    for (const name of dependents)
      graph.observe(MAP, undefined, meta(name, { ownerReferences: [ref('it')], ...(name === 'held' ? held : {}) }));
    return graph.get('uid-it') ?? expect.fail('the node is there');
  };
  const owners = (...states: OwnerFound['state'][]): OwnerFound[] =>
    states.map(state => ({ reference: ref(state), state }));

  it.each([
    ['no owner', [], owners(), {}, { act: 'keep' }],
    ['owners that are there', [], owners('solid'), {}, { act: 'keep' }],
    ['one of them gone', [], owners('solid', 'dangling'), {}, { act: 'unreference', uids: ['uid-dangling'] }],
    ['one of them waiting', ['x'], owners('solid', 'waiting'), {}, { act: 'unreference', uids: ['uid-waiting'] }],
    ['all gone', ['x'], owners('dangling'), {}, { act: 'delete', policy: 'Background' }],
    ['all gone, to be orphaned', [], owners('dangling'), { finalizers: ['orphan'] }, { policy: 'Orphan' }],
    [
      'all gone, in the foreground',
      [],
      owners('dangling'),
      { finalizers: ['foregroundDeletion'] },
      { policy: 'Foreground' },
    ],
    ['a waiting one, and nothing below', [], owners('waiting'), {}, { act: 'delete', policy: 'Background' }],
    ['a waiting one, and more below', ['x'], owners('waiting'), {}, { policy: 'Foreground', unblocks: false }],
    ['a waiting one, and below, too', ['held'], owners('waiting'), {}, { policy: 'Foreground', unblocks: true }],
  ])('with %s', (_, dependents, found, live, expected) => {
    expect(decide(node(dependents), meta('it', live), found)).toMatchObject(expected);
  });

  it.each([
    ['gone', undefined, 'dangling'],
    ['another one of its name', meta('o', { uid: 'other' }), 'dangling'],
    ['there', meta('o'), 'solid'],
    ['deleted, and held by others', meta('o', { deletionTimestamp: NOW, finalizers: ['example.com/x'] }), 'solid'],
    ['deleted in the foreground', meta('o', { deletionTimestamp: NOW, finalizers: ['foregroundDeletion'] }), 'waiting'],
  ])('sees an owner that is %s', (_, live, expected) => {
    expect(ownerState(ref('o'), live)).toBe(expected);
  });

  it('leaves alone what is on its way out, unless nobody watches it', () => {
    const leaving = { ...node(), beingDeleted: true };
    expect([isLeaving(leaving), isLeaving({ ...leaving, virtual: true }), isLeaving(node())]).toEqual([
      true,
      false,
      false,
    ]);
  });

  it.each([
    ['only its version changed', { resourceVersion: '2' }, true],
    ['nothing changed', {}, false],
    ['its owners changed', { resourceVersion: '2', ownerReferences: [ref('o')] }, false],
    ['it is another one', { resourceVersion: '2', uid: 'other' }, false],
  ])('deletes over a conflict where %s: %o', (_, change, expected) => {
    expect(isSameButNewer(meta('it'), meta('it', change))).toBe(expected);
  });

  it('writes patches for kinds with and without strategic ones', () => {
    const live = meta('it', { ownerReferences: [ref('a', { blockOwnerDeletion: true }), ref('b')] });
    const removed = withoutReferences('uid-it', ['uid-a']);
    expect(removed.strategic).toEqual({
      metadata: { uid: 'uid-it', ownerReferences: [{ $patch: 'delete', uid: 'uid-a' }] },
    });
    expect(removed.merge(live)).toEqual({
      metadata: { uid: 'uid-it', resourceVersion: '1', ownerReferences: [ref('b')] },
    });
    const freed = withoutBlocking(live);
    expect(freed.strategic).toEqual({
      metadata: { uid: 'uid-it', ownerReferences: [ref('a', { blockOwnerDeletion: false })] },
    });
    expect(freed.merge(live)).toMatchObject({ metadata: { ownerReferences: [{ name: 'a' }, { name: 'b' }] } });
  });

  it('takes away one finalizer of several, of the version that it has seen', () => {
    const live = meta('it', { finalizers: ['orphan', 'example.com/x'] });
    expect(withoutFinalizer(live, 'orphan')).toEqual({
      metadata: { resourceVersion: '1', finalizers: ['example.com/x'] },
    });
    expect(withoutFinalizer(live, 'foregroundDeletion')).toBeUndefined();
  });

  it('looks again after pauses that grow to 1,000 s', () => {
    expect([0, 1, 10, 100].map(nextLookMs)).toEqual([5, 10, 5_120, 1_000_000]);
  });
});

describe('the kinds that are watched', () => {
  const served = (plural: string, more: Partial<ServedKind> = {}): ServedKind => ({
    id: { group: '', version: 'v1', plural },
    kind: plural,
    namespaced: true,
    verbs: ['get', 'list', 'watch', 'delete'],
    isPreferred: true,
    ...more,
  });
  const custom = served('things', { id: { group: 'example.com', version: 'v1', plural: 'things' } });

  it.each([
    ['a kind with all verbs', served('pods'), 1],
    ['one that cannot be watched', served('statuses', { verbs: ['get', 'list'] }), 0],
    ['one in a version that is not preferred', served('pods', { isPreferred: false }), 0],
    ['events', served('events'), 0],
    ['events of another group', { ...custom, id: { ...custom.id, plural: 'events' } }, 1],
  ])('are chosen: %s', (_, kind, expected) => {
    expect(collectable([kind])).toHaveLength(expected);
  });

  const start = (answers: (ServedKinds | Error)[]) => {
    const clock = new FakeClock();
    const stop = new AbortController();
    const watched = new Map<string, () => void>();
    const gone: string[] = [];
    const trouble: string[] = [];
    const monitors = new Monitors({
      discover: async () => {
        const next = answers.length > 1 ? answers.shift() : answers[0];
        if (next instanceof Error) throw next;
        return next ?? { kinds: [], failures: [] };
      },
      watch: async ({ kind }, signal, onSynced) => {
        watched.set(kind, onSynced);
        await new Promise(resolve => signal.addEventListener('abort', resolve));
        watched.delete(kind);
      },
      onGone: ({ kind }) => gone.push(kind),
      clock,
      onTrouble: message => trouble.push(message),
    });
    const running = monitors.run(stop.signal);
    const end = async (): Promise<void> => {
      stop.abort();
      await running;
      expect([...watched.keys(), clock.pending]).toEqual([0]);
    };
    return { clock, watched, gone, trouble, monitors, end };
  };
  const found = (...kinds: ServedKind[]): ServedKinds => ({ kinds, failures: [] });

  it('come and go without a restart', async () => {
    const { clock, watched, gone, monitors, end } = start([
      found(served('pods')),
      found(served('pods'), custom),
      found(served('pods')),
    ]);
    await clock.advance(0);
    expect([...watched.keys()]).toEqual(['pods']);
    await clock.advance(30_000);
    expect([...watched.keys()]).toEqual(['pods', 'things']);
    expect(monitors.find({ apiVersion: 'example.com/v1', kind: 'things' })).toBe(custom);
    await clock.advance(30_000);
    expect([[...watched.keys()], gone]).toEqual([['pods'], ['things']]);
    expect(monitors.find({ apiVersion: 'example.com/v1', kind: 'things' })).toBeUndefined();
    await end();
  });

  it('stay while their group does not answer', async () => {
    const failures = [{ groupVersion: 'example.com/v1', because: 'no answer' }];
    const { clock, watched, trouble, gone, end } = start([
      found(served('pods'), custom),
      { kinds: [served('pods')], failures },
    ]);
    await clock.advance(30_000);
    expect([[...watched.keys()], gone]).toEqual([['pods', 'things'], []]);
    expect(trouble).toContain('discovery of example.com/v1 failed: no answer');
    await end();
  });

  it('are asked for again soon where the first answer fails', async () => {
    const { clock, watched, trouble, end } = start([new Error('refused'), found(served('pods'))]);
    await clock.advance(1_000);
    expect([[...watched.keys()], trouble]).toEqual([['pods'], ['discovery failed: refused']]);
    await end();
  });

  it('are waited for before anything is done, but not for ever', async () => {
    const { clock, watched, trouble, monitors, end } = start([found(served('pods'), custom)]);
    await clock.advance(0);
    watched.get('pods')?.();
    expect(monitors.isSynced).toBe(false);
    await clock.advance(30_000);
    await waitFor('the end of the wait', () => monitors.synced.then(() => true));
    expect(trouble).toEqual(['begins without the state of things.example.com/v1']);
    await end();
  });

  it('are no longer waited for when all of them are known', async () => {
    const { clock, watched, trouble, monitors, end } = start([found(served('pods'), custom)]);
    await clock.advance(0);
    for (const onSynced of watched.values()) onSynced();
    expect(monitors.isSynced).toBe(true);
    await clock.advance(60_000);
    expect(trouble).toEqual([]);
    await end();
  });
});
