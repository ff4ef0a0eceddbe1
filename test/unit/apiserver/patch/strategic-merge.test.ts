import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import type { JsonObject } from '../../../../src/apiserver/patch/json-value.ts';
import { applyStrategicMerge } from '../../../../src/apiserver/patch/strategic-merge.ts';

await loadPackages(['apps/v1']);
const pod = builtinTable.struct('core/v1.Pod');
const deployment = builtinTable.struct('apps/v1.Deployment');
const spec = (value: object) => ({ spec: value });
const containers = (...list: object[]) => spec({ containers: list });
const apply = (object: object, patch: unknown) => applyStrategicMerge(pod, object as JsonObject, patch);

describe('a strategic merge patch', () => {
  it.each([
    [
      'sets, replaces and removes members',
      spec({ nodeName: 'a', hostname: 'h' }),
      spec({ nodeName: 'b', hostname: null, priority: 1 }),
      spec({ nodeName: 'b', priority: 1 }),
    ],
    [
      'merges containers by name',
      containers({ name: 'a', image: '1' }, { name: 'b', image: '1' }),
      containers({ name: 'b', image: '2' }),
      containers({ name: 'a', image: '1' }, { name: 'b', image: '2' }),
    ],
    [
      'adds a container: what is named comes first, in the patch’s order',
      containers({ name: 'a' }),
      containers({ name: 'b' }),
      containers({ name: 'b' }, { name: 'a' }),
    ],
    [
      'removes one by $patch',
      containers({ name: 'a' }, { name: 'b' }),
      containers({ $patch: 'delete', name: 'a' }),
      containers({ name: 'b' }),
    ],
    [
      'replaces the list by $patch',
      containers({ name: 'a' }, { name: 'b' }),
      containers({ $patch: 'replace' }, { name: 'c' }),
      containers({ name: 'c' }),
    ],
    [
      'replaces a map by $patch',
      { metadata: { labels: { a: '1' } } },
      { metadata: { labels: { $patch: 'replace', b: '2' } } },
      { metadata: { labels: { b: '2' } } },
    ],
    [
      'empties a map by $patch',
      { metadata: { labels: { a: '1' } } },
      { metadata: { labels: { $patch: 'delete' } } },
      { metadata: { labels: {} } },
    ],
    [
      'replaces a list without a strategy',
      spec({ containers: [{ name: 'a', args: ['1', '2'] }] }),
      spec({ containers: [{ name: 'a', args: ['3'] }] }),
      spec({ containers: [{ name: 'a', args: ['3'] }] }),
    ],
    [
      'joins a list of texts with the strategy merge',
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { finalizers: ['b', 'c'] } },
      { metadata: { finalizers: ['a', 'b', 'c'] } },
    ],
    [
      'removes from such a list',
      { metadata: { finalizers: ['a', 'b'] } },
      { metadata: { '$deleteFromPrimitiveList/finalizers': ['a'] } },
      { metadata: { finalizers: ['b'] } },
    ],
    [
      'orders a list',
      containers({ name: 'a' }, { name: 'b' }, { name: 'c' }),
      spec({ '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }] }),
      containers({ name: 'b' }, { name: 'c' }, { name: 'a' }),
    ],
    [
      'orders and changes at once',
      containers({ name: 'a' }, { name: 'b' }),
      spec({
        '$setElementOrder/containers': [{ name: 'b' }, { name: 'c' }, { name: 'a' }],
        containers: [{ name: 'c' }],
      }),
      containers({ name: 'b' }, { name: 'c' }, { name: 'a' }),
    ],
    [
      'adds a list under an order',
      spec({}),
      spec({ '$setElementOrder/containers': [{ name: 'a' }], containers: [{ name: 'a' }] }),
      containers({ name: 'a' }),
    ],
    [
      'keeps only what $retainKeys names',
      spec({ volumes: [{ name: 'v', emptyDir: {} }] }),
      spec({ volumes: [{ $retainKeys: ['name', 'hostPath'], name: 'v', hostPath: { path: '/' } }] }),
      spec({ volumes: [{ name: 'v', hostPath: { path: '/' } }] }),
    ],
    [
      'drops nulls of what it adds',
      spec({}),
      spec({ securityContext: { runAsUser: 1, runAsGroup: null } }),
      spec({ securityContext: { runAsUser: 1 } }),
    ],
    ['adds no directive', spec({}), spec({ securityContext: { $patch: 'delete' } }), spec({})],
    [
      'keeps a label named __proto__',
      { metadata: { labels: { a: 'b' } } },
      JSON.parse('{"metadata":{"labels":{"__proto__":"x"}}}'),
      JSON.parse('{"metadata":{"labels":{"a":"b","__proto__":"x"}}}'),
    ],
  ])('%s', (_, object, patch, expected) => {
    const before = JSON.stringify([object, patch]);
    expect(JSON.stringify(apply(object, patch))).toBe(JSON.stringify(expected));
    expect(JSON.stringify([object, patch])).toBe(before);
  });

  it('merges a deletion list of objects as any other, as upstream does', () => {
    const metadata = { ownerReferences: [{ uid: '1', name: 'a' }] };
    const patch = { metadata: { '$deleteFromPrimitiveList/ownerReferences': [{ uid: '1', name: 'b' }] } };
    expect(applyStrategicMerge(deployment, { metadata }, patch)).toEqual({
      metadata: { ownerReferences: [{ uid: '1', name: 'b' }] },
    });
  });

  it('keeps only the keys of a strategy that a deployment’s patch names', () => {
    const object = spec({ strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: 1 } } });
    const patch = spec({ strategy: { $retainKeys: ['type'], type: 'Recreate' } });
    expect(applyStrategicMerge(deployment, object, patch)).toEqual(spec({ strategy: { type: 'Recreate' } }));
  });

  it.each([
    ['no object', [], 'json: cannot unmarshal array into Go value of type map[string]interface {}', 'invalid-argument'],
    ['an unknown directive', { $patch: 'x' }, 'unknown patch type: x', 'internal'],
    [
      'an element without its key',
      containers({ image: 'a' }),
      'map: map[image:a] does not contain declared merge key: name',
      'internal',
    ],
    [
      'an order without a field',
      spec({ $setElementOrder: [] }),
      'invalid patch format of setElementOrder list',
      'invalid-argument',
    ],
    [
      'an order that is no list',
      spec({ '$setElementOrder/containers': 1 }),
      'invalid patch format of setElementOrder list',
      'invalid-argument',
    ],
    [
      'an order that is not the patch’s',
      spec({
        '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
        containers: [{ name: 'b' }, { name: 'a' }],
      }),
      "doesn't match $setElementOrder list",
      'internal',
    ],
    [
      'keys beyond $retainKeys',
      spec({ $retainKeys: ['a'], nodeName: 'x' }),
      'invalid patch format of retainKeys',
      'invalid-argument',
    ],
    [
      '$retainKeys that are no list',
      spec({ $retainKeys: 1 }),
      'invalid patch format of retainKeys',
      'invalid-argument',
    ],
    [
      'a removal without a field',
      { metadata: { $deleteFromPrimitiveList: [] } },
      'invalid patch format of primitive list',
      'invalid-argument',
    ],
    ['lists of lists', containers([] as object), 'lists of lists are not supported', 'failed-precondition'],
    ['elements of two kinds', spec({ containers: ['a'] }), 'list element types are not identical', 'internal'],
    [
      'a merge into a field that is not there',
      { foo: { a: 1 } },
      'unable to find api field in struct Pod for the json field "foo"',
      'internal',
    ],
  ])('is refused with %s', (_, patch, message, code) => {
    const object = { metadata: { finalizers: ['a'] }, foo: {}, spec: { containers: [{ name: 'a' }] } };
    expect(() => apply(object, patch)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });
});

/** A container of the model: a name, and what may be set in it. */
interface Item {
  readonly name: string;
  readonly image: string;
}

/** The patch that a client makes of what it applied last and what it applies now. */
function diff(last: readonly Item[], now: readonly Item[]): object {
  const added = now.filter(item => last.find(old => old.name === item.name)?.image !== item.image);
  const removed = last.filter(item => !now.some(other => other.name === item.name));
  return spec({
    '$setElementOrder/containers': now.map(({ name }) => ({ name })),
    containers: [...added, ...removed.map(({ name }) => ({ $patch: 'delete', name }))],
  });
}

describe('applying in three ways', () => {
  const items = fc.uniqueArray(fc.record({ name: fc.constantFrom(...'abcdefg'), image: fc.constantFrom('1', '2') }), {
    selector: item => item.name,
  });
  const foreign = fc.uniqueArray(fc.record({ name: fc.constantFrom(...'xyz'), image: fc.constant('s') }), {
    selector: item => item.name,
  });

  it('gives what the client wants, in its order, and keeps what others added', () => {
    fc.assert(
      fc.property(items, items, foreign, fc.nat(7), (last, now, others, at) => {
        const live = [...last.slice(0, at), ...others, ...last.slice(at)];
        const { spec: result } = apply(containers(...live), diff(last, now)) as { spec: { containers: Item[] } };
        const mine = result.containers.filter(item => !others.some(other => other.name === item.name));
        expect(mine).toEqual(now);
        expect(result.containers.filter(item => others.some(other => other.name === item.name))).toEqual(others);
      }),
      { seed: 41, numRuns: 500 },
    );
  });

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(items, items, (last, now) => {
        const once = apply(containers(...last), diff(last, now));
        expect(apply(once, diff(now, now))).toEqual(once);
      }),
      { seed: 42 },
    );
  });
});
