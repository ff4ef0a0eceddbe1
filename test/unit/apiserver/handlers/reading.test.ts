import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { MemoryApi } from '../../../harness/memory-api.ts';

const URL = '/api/v1/namespaces/a/configmaps';
const ALL = '/api/v1/configmaps';
const PODS = '/api/v1/namespaces/a/pods';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

let api: MemoryApi;
const revisions = new Map<string, number>();
beforeAll(async () => {
  api = await MemoryApi.start();
  for (const [name, labels] of [
    ['one', { app: 'web', tier: 'front' }],
    ['two', { app: 'db' }],
    ['three', { app: 'web' }],
    ['zero', undefined],
  ] as const)
    revisions.set(name, await put('a', name, labels));
  await put('default', 'one', { app: 'web' });
  for (const [name, node, phase] of [
    ['p1', 'n1', 'Running'],
    ['p2', 'n2', 'Pending'],
    ['p3', undefined, 'Pending'],
  ] as const)
    await api.put(`/registry/pods/a/${name}`, {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name, namespace: 'a' },
      spec: { containers: [{ name: 'c', image: 'i' }], ...(node === undefined ? {} : { nodeName: node }) },
      status: { phase },
    });
});
afterAll(() => api.stop());

const put = (namespace: string, name: string, labels?: object): Promise<number> =>
  api.put(`/registry/configmaps/${namespace}/${name}`, {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name, namespace, ...(labels === undefined ? {} : { labels }) },
  });
type Named = { readonly metadata: { readonly name: string } };
const names = (json: { items: readonly Named[] }): string[] => json.items.map(item => item.metadata.name);

describe('GET of an object', () => {
  it('answers the stored bytes with the resourceVersion', async () => {
    const { bytes, type } = await api.ask('GET', `${URL}/one`);
    expect(type).toBe('application/json');
    expect(bytes.toString()).toBe(
      `{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"${revisions.get('one')}","name":"one","namespace":"a","labels":{"app":"web","tier":"front"}}}\n`,
    );
  });

  it.each([
    ['an object that is not there', `${URL}/none`, 404, 'configmaps "none" not found'],
    [
      'a resource that is not served',
      '/apis/apps/v1/namespaces/a/nothings/x',
      404,
      'the server could not find the requested resource',
    ],
    [
      'a version that is not served',
      '/api/v2/namespaces/a/configmaps/one',
      404,
      'the server could not find the requested resource',
    ],
    [
      'an object of a namespace without it',
      '/api/v1/configmaps/one',
      404,
      'the server could not find the requested resource',
    ],
    ['a subresource that is not there', `${URL}/one/status`, 404, 'the server could not find the requested resource'],
    ['a version of the future', `${URL}/one?resourceVersion=x`, 400, 'invalid resource version'],
  ])('of %s', async (_, url, status, message) => {
    const { json } = await api.ask('GET', url);
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it.each([
    ['text/html', 406],
    ['application/json;as=Table;v=v2;g=meta.k8s.io', 406],
    ['application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io', 406],
    ['text/html,*/*', 200],
    ['application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json', 200],
  ])('for who accepts %s', async (accept, status) => {
    expect((await api.ask('GET', `${URL}/one`, { accept })).status).toBe(status);
  });
});

describe('GET of a collection', () => {
  it.each([
    ['', 'application/json'],
    ['?pretty=true', 'application/json'],
    ['', 'application/yaml'],
  ])('says kind and version once, not in each item%s of %s', async (query, accept) => {
    const { bytes } = await api.ask('GET', URL + query, { accept });
    const list = parse(bytes.toString());
    expect([list.kind, list.apiVersion]).toEqual(['ConfigMapList', 'v1']);
    expect(list.items.map((item: object) => Object.keys(item))).toEqual(Array(4).fill(['metadata']));
  });

  it('says them once of objects that are not stored, too', async () => {
    const { kind, items } = (await api.ask('GET', '/api/v1/componentstatuses')).json;
    expect([kind, items.length > 0]).toEqual(['ComponentStatusList', true]);
    expect(items.filter((item: object) => 'kind' in item || 'apiVersion' in item)).toEqual([]);
  });

  it.each<[string, string, string[]]>([
    ['of a namespace', URL, ['one', 'three', 'two', 'zero']],
    ['of all namespaces', ALL, ['one', 'three', 'two', 'zero', 'one']],
    ['of a namespace that is not there', '/api/v1/namespaces/none/configmaps', []],
    ['by a label', `${URL}?labelSelector=app%3Dweb`, ['one', 'three']],
    ['by labels that differ', `${URL}?labelSelector=app!%3Dweb`, ['two', 'zero']],
    ['by a set', `${URL}?labelSelector=app+in+(db,cache)`, ['two']],
    ['by a label that is not there', `${URL}?labelSelector=!app`, ['zero']],
    ['by two labels', `${URL}?labelSelector=app%3Dweb,tier`, ['one']],
    ['by its name', `${URL}?fieldSelector=metadata.name%3Dtwo`, ['two']],
    ['by all names but one', `${URL}?fieldSelector=metadata.name!%3Dtwo`, ['one', 'three', 'zero']],
    ['by namespace', `${ALL}?fieldSelector=metadata.namespace%3Ddefault`, ['one']],
    ['by name and label', `${URL}?fieldSelector=metadata.name%3Dtwo&labelSelector=app%3Dweb`, []],
    ['by node', `${PODS}?fieldSelector=spec.nodeName%3Dn1`, ['p1']],
    ['by what is not set', `${PODS}?fieldSelector=spec.nodeName%3D`, ['p3']],
    ['by two fields', `${PODS}?fieldSelector=status.phase%3DPending,spec.nodeName!%3D`, ['p2']],
    ['as of any version', `${URL}?resourceVersion=0`, ['one', 'three', 'two', 'zero']],
    [
      'as of any version, where a limit does not count',
      `${URL}?resourceVersion=0&limit=1`,
      ['one', 'three', 'two', 'zero'],
    ],
    ['with a limit that means none', `${URL}?limit=-1`, ['one', 'three', 'two', 'zero']],
  ])('%s', async (_, url, expected) => {
    const { status, json } = await api.ask('GET', url);
    expect([status, names(json)]).toEqual([200, expected]);
  });

  it.each([
    ['a label selector', '?labelSelector=a+b', 400, 'unable to parse requirement'],
    ['a field selector', '?fieldSelector=a', 400, "invalid selector: 'a'; can't understand 'a'"],
    [
      'a field',
      '?fieldSelector=data.x%3Dy',
      400,
      '"data.x" is not a known field selector: only "metadata.name", "metadata.namespace"',
    ],
    ['a limit', '?limit=x', 400, 'strconv.ParseInt: parsing "x": invalid syntax'],
    ['a resourceVersion', '?resourceVersion=x', 400, 'invalid resource version'],
    ['a continue token', '?continue=x', 400, 'continue'],
    [
      'a match without a version',
      '?resourceVersionMatch=Exact',
      422,
      'resourceVersionMatch is forbidden unless resourceVersion is provided',
    ],
    [
      'a match that is none',
      '?resourceVersionMatch=Some&resourceVersion=1',
      422,
      'Unsupported value: "Some": supported values: "Exact", "NotOlderThan", ""',
    ],
    [
      'Exact of any version',
      '?resourceVersionMatch=Exact&resourceVersion=0',
      422,
      'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
    ],
    ['initial events', '?sendInitialEvents=true', 422, 'sendInitialEvents is forbidden for list'],
  ])('is refused for %s', async (_, query, status, message) => {
    const { json } = await api.ask('GET', URL + query);
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it('goes on from page to page, and says how many follow', async () => {
    const first = (await api.ask('GET', `${URL}?limit=3`)).json;
    expect([names(first), first.metadata.remainingItemCount]).toEqual([['one', 'three', 'two'], 1]);
    const token = encodeURIComponent(first.metadata.continue);
    const second = (await api.ask('GET', `${URL}?limit=3&continue=${token}`)).json;
    expect([names(second), second.metadata]).toEqual([['zero'], { resourceVersion: first.metadata.resourceVersion }]);
  });

  it('does not count what follows a page that a selector chose', async () => {
    const { json } = await api.ask('GET', `${URL}?limit=1&labelSelector=app%3Dweb`);
    expect([names(json), json.metadata.remainingItemCount]).toEqual([['one'], undefined]);
    const token = encodeURIComponent(json.metadata.continue);
    const next = await api.ask('GET', `${URL}?limit=1&labelSelector=app%3Dweb&continue=${token}`);
    expect(names(next.json)).toEqual(['three']);
  });

  it.each([
    ['None', null],
    ['Metadata', { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'zero' } }],
    ['', { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata: { name: 'zero' } }],
    ['Object', { kind: 'ConfigMap', apiVersion: 'v1', metadata: { name: 'zero' } }],
  ])('as a table has in its rows what includeObject=%s says', async (include, expected) => {
    const { json } = await api.ask('GET', `${URL}?includeObject=${include}`, { accept: TABLE });
    expect(json).toMatchObject({ kind: 'Table', metadata: { resourceVersion: String(api.cache.revision) } });
    expect(json.rows.map((row: { cells: unknown[] }) => row.cells[0])).toEqual(['one', 'three', 'two', 'zero']);
    const [last] = json.rows.slice(-1);
    expect({ object: last.object }).toMatchObject({ object: expected });
  });

  it('as a table is refused for an includeObject that is none, which counts nowhere else', async () => {
    const { json } = await api.ask('GET', `${URL}?includeObject=All`, { accept: TABLE });
    expect([json.code, json.message]).toEqual([
      400,
      `Unable to convert to Table as requested: includeObject: Invalid value: "All": must be 'Metadata', 'Object', 'None', or empty`,
    ]);
    expect((await api.ask('GET', `${URL}?includeObject=All`)).status).toBe(200);
  });

  it('as metadata of v1beta1 says so in every item', async () => {
    const accept = 'application/json;as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io';
    const { json } = await api.ask('GET', URL, { accept });
    expect([json.apiVersion, json.items[0].apiVersion]).toEqual(['meta.k8s.io/v1beta1', 'meta.k8s.io/v1beta1']);
  });

  it('as metadata of one object is 406', async () => {
    const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
    const { json } = await api.ask('GET', URL, { accept });
    expect([json.code, json.message]).toEqual([
      406,
      'you requested PartialObjectMetadata, but the requested object is a list (ConfigMapList)',
    ]);
  });
});

describe('a verb that a resource has not got', () => {
  it.each([
    ['DELETE', '/api/v1/namespaces', 405],
    ['POST', `${URL}/one`, 405],
    ['PUT', URL, 405],
    ['PATCH', URL, 405],
    ['GET', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', 405],
    ['PUT', `${PODS}/p1/eviction`, 405],
    ['GET', `${PODS}/p1/binding`, 405],
    ['POST', `${PODS}/p1/status`, 405],
    ['PUT', `${PODS}/p1/exec`, 405],
    ['POST', `${PODS}/p1/log`, 405],
    ['GET', `${PODS}/p1/nothing`, 404],
  ])('%s %s: %i', async (method, url, status) => {
    const { json } = await api.ask(method, url, { body: {}, contentType: 'application/json' });
    expect(json.code).toBe(status);
  });
});

describe('what cannot be given to the client', () => {
  let before: number;
  beforeEach(() => {
    before = api.cache.revision;
  });

  it.each([
    ['POST', URL, { metadata: { name: 'new' } }],
    ['PUT', `${URL}/one`, { metadata: { name: 'one' }, data: { a: 'b' } }],
    ['DELETE', `${URL}/one`, {}],
    ['DELETE', URL, {}],
  ])('is refused before %s %s writes anything', async (method, url, body) => {
    const { json } = await api.ask(method, url, { body, accept: 'text/html' });
    expect(json.code).toBe(406);
    expect(await api.storage.currentRevision()).toBe(before);
  });
});
