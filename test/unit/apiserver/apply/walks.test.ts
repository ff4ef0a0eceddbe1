import { describe, expect, it } from 'vitest';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { compareObjects } from '../../../../src/apiserver/apply/compare.ts';
import { fieldSetOf, withNamedFields } from '../../../../src/apiserver/apply/field-set.ts';
import { fieldsOf, parseFields } from '../../../../src/apiserver/apply/fields-v1.ts';
import { mergeObjects } from '../../../../src/apiserver/apply/merge.ts';
import { pathText } from '../../../../src/apiserver/apply/path-element.ts';
import type { PathSet } from '../../../../src/apiserver/apply/path-set.ts';
import { reconcileSet } from '../../../../src/apiserver/apply/reconcile-set.ts';
import { removeItems } from '../../../../src/apiserver/apply/remove-items.ts';
import { shapeOf } from '../../../../src/apiserver/apply/shape.ts';
import { shapeProblem } from '../../../../src/apiserver/apply/validate.ts';

await loadPackages(['apps/v1', 'apiextensions/v1']);
const pod = shapeOf(builtinTable.struct('core/v1.Pod'));
const service = shapeOf(builtinTable.struct('core/v1.Service'));
const volume = shapeOf(builtinTable.struct('core/v1.PersistentVolume'));
const revision = shapeOf(builtinTable.struct('apps/v1.ControllerRevision'));
const spec = (value: object) => ({ spec: value });
const containers = (...list: object[]) => spec({ containers: list });
const paths = (set: PathSet): string[] => [...set.paths()].map(pathText);

describe('what an object mentions', () => {
  it.each([
    ['scalars', { metadata: { name: 'x' } }, ['.metadata.name']],
    ['entries of maps, but not the map', { metadata: { labels: { a: '1' } } }, ['.metadata.labels.a']],
    ['a struct without anything as itself', spec({ securityContext: {} }), ['.spec.securityContext']],
    ['null as itself', spec({ nodeName: null }), ['.spec.nodeName']],
    ['no empty list whose elements are told apart', containers(), []],
    ['a list that is one value', spec({ tolerations: [{ key: 'a' }] }), ['.spec.tolerations']],
    ['a struct that is one value', spec({ nodeSelector: { a: 'b' } }), ['.spec.nodeSelector']],
    ['elements of sets', { metadata: { finalizers: ['a/b'] } }, ['.metadata.finalizers[="a/b"]']],
    [
      'elements by their keys, with the defaults of those that are missing',
      containers({ name: 'a', ports: [{ containerPort: 80 }] }),
      [
        '.spec.containers[name="a"]',
        '.spec.containers[name="a"].name',
        '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"]',
        '.spec.containers[name="a"].ports[containerPort=80,protocol="TCP"].containerPort',
      ],
    ],
    [
      'of elements that come twice only that they are there',
      containers({ name: 'a' }, { name: 'a' }),
      ['.spec.containers[name="a"]'],
    ],
  ])('%s', (_, object, expected) => {
    expect(paths(fieldSetOf(pod, object))).toEqual(expected);
  });

  it('a struct is granular where its field says so', () => {
    const claimRef = { claimRef: { name: 'c' }, nodeAffinity: { required: { nodeSelectorTerms: [] } } };
    expect(paths(fieldSetOf(volume, spec(claimRef)))).toEqual(['.spec.claimRef.name', '.spec.nodeAffinity.required']);
  });

  it('what may be anything is one value', () => {
    expect(paths(fieldSetOf(revision, { data: { a: { b: 1 } } }))).toEqual(['.data']);
  });
});

describe('how two objects differ', () => {
  it.each([
    ['not at all', containers({ name: 'a' }), containers({ name: 'a' }), [], [], []],
    [
      'in a value',
      containers({ name: 'a', image: '1' }),
      containers({ name: 'a', image: '2' }),
      [],
      ['.spec.containers[name="a"].image'],
      [],
    ],
    [
      'by an element',
      containers({ name: 'a' }),
      containers({ name: 'a' }, { name: 'b' }),
      ['.spec.containers[name="b"]', '.spec.containers[name="b"].name'],
      [],
      [],
    ],
    [
      'by a struct that went',
      spec({ securityContext: { runAsUser: 1 } }),
      spec({}),
      [],
      [],
      ['.spec.securityContext', '.spec.securityContext.runAsUser'],
    ],
    [
      'not by the order of elements',
      containers({ name: 'a' }, { name: 'b' }),
      containers({ name: 'b' }, { name: 'a' }),
      [],
      [],
      [],
    ],
    [
      'by the order of a list that is one value',
      spec({ tolerations: [{ key: 'a' }, { key: 'b' }] }),
      spec({ tolerations: [{ key: 'b' }, { key: 'a' }] }),
      [],
      ['.spec.tolerations'],
      [],
    ],
    ['by an empty list that was none', spec({ containers: null }), containers(), [], ['.spec.containers'], []],
    [
      'by elements that come twice now',
      containers({ name: 'a' }),
      containers({ name: 'a' }, { name: 'a' }),
      ['.spec.containers[name="a"]'],
      [],
      ['.spec.containers[name="a"]', '.spec.containers[name="a"].name'],
    ],
    [
      'by elements that came twice',
      containers({ name: 'a' }, { name: 'a' }),
      containers({ name: 'a' }),
      ['.spec.containers[name="a"]', '.spec.containers[name="a"].name'],
      [],
      ['.spec.containers[name="a"]'],
    ],
  ])('%s', (_, left, right, added, modified, removed) => {
    const comparison = compareObjects(pod, left, right);
    expect([paths(comparison.added), paths(comparison.modified), paths(comparison.removed)]).toEqual([
      added,
      modified,
      removed,
    ]);
  });
});

const finalizers = (...list: string[]) => ({ metadata: { finalizers: list } });

describe('two objects as one', () => {
  it.each([
    [
      'the right one counts',
      spec({ nodeName: 'a', hostname: 'h' }),
      spec({ nodeName: 'b' }),
      spec({ nodeName: 'b', hostname: 'h' }),
    ],
    ['null is a value', spec({ nodeName: 'a' }), spec({ nodeName: null }), spec({ nodeName: null })],
    [
      'elements with the same key are one',
      containers({ name: 'a', image: '1' }),
      containers({ name: 'a', tty: true }),
      containers({ name: 'a', image: '1', tty: true }),
    ],
    [
      'a list that is one value is replaced',
      spec({ tolerations: [{ key: 'a' }] }),
      spec({ tolerations: [{ key: 'b' }] }),
      spec({ tolerations: [{ key: 'b' }] }),
    ],
    ['new elements stand behind those that are there', finalizers('a/1'), finalizers('b/1'), finalizers('a/1', 'b/1')],
    [
      'the order is that of the right one',
      finalizers('a/1', 'b/1'),
      finalizers('b/1', 'a/1'),
      finalizers('b/1', 'a/1'),
    ],
    [
      'between elements of both, what the left one has alone keeps its place',
      finalizers('a/1', 'b/1', 'c/1'),
      finalizers('c/1', 'd/1', 'a/1'),
      finalizers('b/1', 'c/1', 'd/1', 'a/1'),
    ],
    ['an empty map stays one', { metadata: {} }, { metadata: { labels: {} } }, { metadata: { labels: {} } }],
  ])('%s', (_, left, right, merged) => {
    expect(mergeObjects(pod, left, right)).toEqual(merged);
  });
});

describe('an object without some of its fields', () => {
  const object = containers({ name: 'a', image: 'i', env: [{ name: 'X', value: '1' }] }, { name: 'b' });
  const element = 'k:{"name":"a"}';
  it.each([
    [
      'a value',
      { 'f:spec': { 'f:containers': { [element]: { 'f:image': {} } } } },
      containers({ name: 'a', env: [{ name: 'X', value: '1' }] }, { name: 'b' }),
    ],
    ['an element', { 'f:spec': { 'f:containers': { [element]: {} } } }, containers({ name: 'b' })],
    [
      'the last element of a list, which stays empty',
      { 'f:spec': { 'f:containers': { [element]: { 'f:env': { 'k:{"name":"X"}': {} } } } } },
      containers({ name: 'a', image: 'i', env: [] }, { name: 'b' }),
    ],
    ['the whole list', { 'f:spec': { 'f:containers': {} } }, { spec: {} }],
    ['all there is', { 'f:spec': {} }, null],
  ])('%s', (_, fields, expected) => {
    expect(removeItems(pod, object, parseFields(fields))).toEqual(expected);
  });
});

it('fields on the way to a path are named, entries and elements are not', () => {
  const set = fieldSetOf(pod, { metadata: { labels: { a: '1' } }, spec: { containers: [{ name: 'a', image: 'i' }] } });
  expect(paths(withNamedFields(pod, set))).toEqual([
    '.metadata',
    '.spec',
    '.metadata.labels',
    '.metadata.labels.a',
    '.spec.containers',
    '.spec.containers[name="a"]',
    '.spec.containers[name="a"].image',
    '.spec.containers[name="a"].name',
  ]);
});

it('who managed parts of what is one value now manages all of it', () => {
  const old = parseFields({ 'f:spec': { 'f:selector': { 'f:app': {} }, 'f:type': {} } });
  expect(fieldsOf(reconcileSet(service, old)).value).toEqual({ 'f:spec': { 'f:selector': {}, 'f:type': {} } });
  const today = parseFields({ 'f:spec': { 'f:selector': {}, 'f:type': {} } });
  expect(reconcileSet(service, today)).toBe(today);
});

describe('what is wrong with an applied object', () => {
  it.each([
    ['a field that there is not', spec({ nodename: 'a' }), '.spec.nodename: field not declared in schema'],
    [
      'an element that comes twice',
      containers({ name: 'a' }, { name: 'a' }),
      '.spec.containers: duplicate entries for key [name="a"]',
    ],
    [
      'an element that is null',
      spec({ containers: [null] }),
      '.spec.containers: element 0: associative list with keys may not have a null element',
    ],
    [
      'an element that is no object',
      spec({ containers: ['a'] }),
      '.spec.containers: element 0: associative list with keys may not have non-map elements',
    ],
    ['a list in the place of a map', spec([]), '.spec: expected map, got &{[]}'],
    [
      'a map in the place of a list',
      spec({ containers: { a: 1 } }),
      '.spec.containers: expected list, got &{map[a:1]}',
    ],
    [
      'a text in the place of a number',
      spec({ priority: '1' }),
      '.spec.priority: expected numeric (int or float), got string',
    ],
    [
      'a number in the place of a text',
      spec({ nodeName: 1 }),
      '.spec.nodeName: expected string, got &value.valueUnstructured{Value:1}',
    ],
    [
      'a text in the place of a boolean',
      spec({ hostNetwork: 'yes' }),
      '.spec.hostNetwork: expected boolean, got &{yes}',
    ],
    [
      'a map in the place of a quantity',
      containers({ name: 'a', resources: { limits: { cpu: {} } } }),
      '.spec.containers[name="a"].resources.limits.cpu: expected any scalar, got &{map[]}',
    ],
    [
      'several things',
      spec({ nodeName: 1, hostNetwork: 1 }),
      'errors:\n  .spec.nodeName: expected string, got &value.valueUnstructured{Value:1}\n  .spec.hostNetwork: expected boolean, got &{1}',
    ],
    ['nothing', containers({ name: 'a', resources: { limits: { cpu: 1 } } }), undefined],
  ])('%s', (_, object, problem) => {
    expect(shapeProblem(pod, object, 'refused')).toBe(problem);
  });

  it('what is stored may have elements twice', () => {
    expect(shapeProblem(pod, containers({ name: 'a' }, { name: 'a' }), 'allowed')).toBeUndefined();
  });

  it('a key that has no default has to be there', () => {
    const account = shapeOf(builtinTable.struct('core/v1.ServiceAccount'));
    expect(shapeProblem(account, { secrets: [{}] }, 'refused')).toBe(
      '.secrets: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)',
    );
  });
});
