import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { decodeProtobuf, encodeProtobuf } from '../../../../src/api/protobuf/object.ts';
import { decodeWatchFrames } from '../../../../src/api/protobuf/watch-frame.ts';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { MemoryApi, PROTOBUF } from '../../../harness/memory-api.ts';

const CONFIG_MAPS = '/api/v1/namespaces/a/configmaps';
const PODS = '/api/v1/namespaces/a/pods';
const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const METADATA = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
});
afterEach(() => api.stop());

const configMap = (name: string, format = name) => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name, namespace: 'a', uid: `u-${name}`, labels: { format } },
  data: { k: name },
});
const protobuf = (type: string, object: object): Buffer => encodeProtobuf(builtinTable.struct(type), object);
const putProtobuf = (name: string): Promise<number> =>
  api.put(`/registry/configmaps/a/${name}`, protobuf('core/v1.ConfigMap', configMap(name, 'protobuf')));
const putJson = (name: string): Promise<number> => api.put(`/registry/configmaps/a/${name}`, configMap(name, 'json'));

describe('an object that is stored as protobuf', () => {
  let revision: number;
  beforeEach(async () => {
    revision = await putProtobuf('p');
  });

  it('is read as JSON, with its resourceVersion', async () => {
    const { json } = await api.ask('GET', `${CONFIG_MAPS}/p`);
    expect(json).toEqual({
      ...configMap('p', 'protobuf'),
      metadata: { ...configMap('p', 'protobuf').metadata, resourceVersion: String(revision) },
    });
  });

  it('is read as YAML', async () => {
    const { bytes } = await api.ask('GET', `${CONFIG_MAPS}/p`, { accept: 'application/yaml' });
    expect(parse(bytes.toString())).toMatchObject({ metadata: { name: 'p', resourceVersion: String(revision) } });
  });

  it('is read as protobuf', async () => {
    const { bytes, type } = await api.ask('GET', `${CONFIG_MAPS}/p`, { accept: PROTOBUF });
    expect(type).toBe(PROTOBUF);
    const object = decodeProtobuf(bytes, () => builtinTable.struct('core/v1.ConfigMap'));
    expect(object).toMatchObject({ data: { k: 'p' }, metadata: { resourceVersion: String(revision) } });
  });

  it.each([
    [
      'a table',
      TABLE,
      { kind: 'Table', rows: [{ cells: ['p', 1, expect.anything()], object: { metadata: { name: 'p' } } }] },
    ],
    [
      'its metadata',
      METADATA,
      { kind: 'PartialObjectMetadata', metadata: { name: 'p', labels: { format: 'protobuf' } } },
    ],
  ])('is read as %s', async (_, accept, expected) => {
    expect((await api.ask('GET', `${CONFIG_MAPS}/p`, { accept })).json).toMatchObject(expected);
  });

  it('is shown with the defaults that its writer did not know', async () => {
    const pod = { metadata: { name: 'x', namespace: 'a' }, spec: { containers: [{ name: 'c', image: 'i' }] } };
    const sent = { kind: 'Pod', apiVersion: 'v1', ...pod, status: {} };
    await api.put('/registry/pods/a/x', protobuf('core/v1.Pod', sent));
    const { json } = await api.ask('GET', `${PODS}/x`);
    expect(json.spec).toMatchObject({ restartPolicy: 'Always', containers: [{ terminationMessagePolicy: 'File' }] });
  });

  it('is updated, and written back as JSON', async () => {
    const { json } = await api.ask('GET', `${CONFIG_MAPS}/p`);
    const answer = await api.ask('PUT', `${CONFIG_MAPS}/p`, { body: { ...json, data: { k: 'new' } } });
    expect([answer.status, answer.json.data, answer.json.metadata.uid]).toEqual([200, { k: 'new' }, 'u-p']);
    expect(JSON.parse((await api.stored('/registry/configmaps/a/p')).toString()).data).toEqual({ k: 'new' });
  });

  it.each([
    ['application/json-patch+json', [{ op: 'replace', path: '/data/k', value: 'new' }]],
    ['application/merge-patch+json', { data: { k: 'new' } }],
    ['application/strategic-merge-patch+json', { data: { k: 'new' } }],
  ])('is patched by %s, and written back as JSON', async (contentType, body) => {
    const answer = await api.ask('PATCH', `${CONFIG_MAPS}/p`, { contentType, body });
    expect([answer.status, answer.json.data, answer.json.metadata.labels]).toEqual([
      200,
      { k: 'new' },
      { format: 'protobuf' },
    ]);
    expect(JSON.parse((await api.stored('/registry/configmaps/a/p')).toString()).data).toEqual({ k: 'new' });
  });

  it('is deleted, under a precondition on its uid', async () => {
    const options = (uid: string) => ({ kind: 'DeleteOptions', apiVersion: 'v1', preconditions: { uid } });
    expect((await api.ask('DELETE', `${CONFIG_MAPS}/p`, { body: options('other') })).status).toBe(409);
    expect((await api.ask('DELETE', `${CONFIG_MAPS}/p`, { body: options('u-p') })).status).toBe(200);
  });
});

describe('a list of objects in both formats', () => {
  beforeEach(async () => {
    await putJson('one');
    await putProtobuf('two');
    await putJson('zero');
  });

  const names = (items: readonly { readonly metadata: { readonly name: string } }[]) => items.map(i => i.metadata.name);

  it('is answered in JSON', async () => {
    const { json } = await api.ask('GET', CONFIG_MAPS);
    expect(names(json.items)).toEqual(['one', 'two', 'zero']);
    expect(json.items.map((item: object) => Object.keys(item))).toEqual(Array(3).fill(['metadata', 'data']));
    expect(json.items[1]).toMatchObject({ data: { k: 'two' } });
  });

  it('is answered in YAML', async () => {
    const { bytes } = await api.ask('GET', CONFIG_MAPS, { accept: 'application/yaml' });
    expect(names(parse(bytes.toString()).items)).toEqual(['one', 'two', 'zero']);
  });

  it('is answered in protobuf', async () => {
    const { bytes } = await api.ask('GET', CONFIG_MAPS, { accept: PROTOBUF });
    const list = decodeProtobuf(bytes, () => builtinTable.struct('core/v1.ConfigMapList'));
    expect(list['items']).toMatchObject([{ data: { k: 'one' } }, { data: { k: 'two' } }, { data: { k: 'zero' } }]);
  });

  it('is answered as a table', async () => {
    const { json } = await api.ask('GET', CONFIG_MAPS, { accept: TABLE });
    expect(json.rows.map((row: { cells: unknown[] }) => row.cells.slice(0, 2))).toEqual([
      ['one', 1],
      ['two', 1],
      ['zero', 1],
    ]);
  });

  it('is answered as metadata', async () => {
    const { json } = await api.ask('GET', CONFIG_MAPS, { accept: METADATA_LIST });
    expect([json.kind, names(json.items)]).toEqual(['PartialObjectMetadataList', ['one', 'two', 'zero']]);
  });

  it('is chosen from by labels and fields', async () => {
    const byLabel = await api.ask('GET', `${CONFIG_MAPS}?labelSelector=format%3Dprotobuf`);
    expect(names(byLabel.json.items)).toEqual(['two']);
    const byField = await api.ask('GET', `${CONFIG_MAPS}?fieldSelector=metadata.name%3Dtwo`);
    expect(names(byField.json.items)).toEqual(['two']);
  });

  it('is deleted as a collection', async () => {
    expect((await api.ask('DELETE', CONFIG_MAPS)).status).toBe(200);
    expect((await api.ask('GET', CONFIG_MAPS)).json.items).toEqual([]);
  });
});

describe('a watch of objects in both formats', () => {
  it.each([
    ['of everything', ''],
    ['by labels', '&labelSelector=format'],
  ])('%s tells them in JSON', async (_, query) => {
    await putProtobuf('old');
    const watch = await api.watch(`${CONFIG_MAPS}?watch=1${query}`);
    await putProtobuf('new');
    await putJson('new');
    await api.storage.delete('/registry/configmaps/a/old');
    const told = (await watch.events(4)).map(e => [e.type, e.object.metadata.name, e.object.metadata.labels.format]);
    expect(told).toEqual([
      ['ADDED', 'old', 'protobuf'],
      ['ADDED', 'new', 'protobuf'],
      ['MODIFIED', 'new', 'json'],
      ['DELETED', 'old', 'protobuf'],
    ]);
    await watch.close();
  });

  it('tells them in protobuf', async () => {
    await putProtobuf('old');
    await putJson('older');
    const watch = await api.watch(`${CONFIG_MAPS}?watch=1&timeoutSeconds=1`, `${PROTOBUF};stream=watch`);
    await api.clock.advance(1000);
    await watch.ended;
    const { frames } = decodeWatchFrames(watch.takeBytes(), 1 << 20);
    const type = builtinTable.struct('core/v1.ConfigMap');
    expect(frames.map(f => [f.type, decodeProtobuf(f.object, () => type)['data']])).toEqual([
      ['ADDED', { k: 'old' }],
      ['ADDED', { k: 'older' }],
    ]);
  });
});

const SECRET_KIND = { kind: 'Secret', apiVersion: 'v1', metadata: { name: 'bad', namespace: 'a' } };
const UNREADABLE: [what: string, value: () => Buffer][] = [
  ['garbage', () => Buffer.from('garbage')],
  ['nothing', () => Buffer.alloc(0)],
  ['cut JSON', () => Buffer.from('{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b')],
  ['JSON of another kind', () => Buffer.from(JSON.stringify(SECRET_KIND))],
  ['JSON with a wrong type', () => Buffer.from('{"apiVersion":"v1","kind":"ConfigMap","data":5}')],
  ['a list', () => Buffer.from('[]')],
  ['cut protobuf', () => protobuf('core/v1.ConfigMap', configMap('bad')).subarray(0, 40)],
  ['protobuf of another kind', () => protobuf('core/v1.Secret', SECRET_KIND)],
];
const CORRUPT = {
  status: 'Failure',
  reason: 'InternalError',
  code: 500,
  message: 'Internal error occurred: the stored object /registry/configmaps/a/bad is corrupt: it cannot be decoded',
};

describe.each(UNREADABLE)('an object that cannot be decoded: %s', (_, value) => {
  beforeEach(async () => {
    await putJson('a-good');
    await api.put('/registry/configmaps/a/bad', value());
  });

  it.each([
    ['GET', `${CONFIG_MAPS}/bad`, ''],
    ['GET', CONFIG_MAPS, ''],
    ['GET', CONFIG_MAPS, PROTOBUF],
    ['GET', CONFIG_MAPS, TABLE],
    ['GET', CONFIG_MAPS, METADATA_LIST],
    ['GET', `${CONFIG_MAPS}?labelSelector=x`, ''],
    ['DELETE', `${CONFIG_MAPS}/bad`, ''],
  ])('fails %s %s (%s) by a Status that names it', async (method, url, accept) => {
    const answer = await api.ask(method, url, {
      accept: accept === '' ? 'application/json' : `${accept},application/json`,
    });
    expect(answer.status).toBe(500);
    expect(answer.bytes.toString()).toContain(CORRUPT.message);
  });

  it('leaves all others as they are', async () => {
    expect((await api.ask('GET', `${CONFIG_MAPS}/a-good`)).status).toBe(200);
    expect((await api.ask('GET', '/api/v1/namespaces/default/configmaps')).json.items).toEqual([]);
  });

  it.each([
    ['without a selector', ''],
    ['with a selector', '&labelSelector=format'],
  ])('ends the watch that meets it, %s, after what came before', async (_name, query) => {
    const watch = await api.watch(`${CONFIG_MAPS}?watch=1${query}`);
    expect(await watch.events(2)).toMatchObject([{ type: 'ADDED' }, { type: 'ERROR', object: CORRUPT }]);
    await watch.ended;
  });

  it.each([
    ['without a selector', ''],
    ['with a selector', '&labelSelector=format'],
  ])('goes without a word to the watches that never saw it, %s', async (_name, query) => {
    const revision = api.cache.revision;
    const watch = await api.watch(`${CONFIG_MAPS}?watch=1&resourceVersion=${revision}${query}`);
    await api.storage.delete('/registry/configmaps/a/bad');
    await putJson('next');
    expect(await watch.events(1)).toMatchObject([{ type: 'ADDED', object: { metadata: { name: 'next' } } }]);
    await watch.close();
  });

  it('is deleted by the option that is made for it', async () => {
    const option = { ignoreStoreReadErrorWithClusterBreakingPotential: true };
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', ...option };
    expect((await api.ask('DELETE', `${CONFIG_MAPS}/bad`, { body })).json).toMatchObject({ status: 'Success' });
    expect((await api.ask('GET', `${CONFIG_MAPS}/bad`)).status).toBe(404);
  });
});

describe('the option to delete what cannot be decoded', () => {
  const options = (more: object = {}) => ({
    kind: 'DeleteOptions',
    apiVersion: 'v1',
    ignoreStoreReadErrorWithClusterBreakingPotential: true,
    ...more,
  });
  const FIELD = 'ignoreStoreReadErrorWithClusterBreakingPotential: Invalid value: true';

  it('is refused for an object that can be', async () => {
    await putJson('good');
    const { json } = await api.ask('DELETE', `${CONFIG_MAPS}/good`, { body: options() });
    expect([json.code, json.message]).toEqual([
      422,
      `configmaps "good" is invalid: ${FIELD}: is exclusively used to delete corrupt object(s), try again by removing this option`,
    ]);
  });

  it.each([
    ['dryRun', ['All']],
    ['propagationPolicy', 'Background'],
    ['orphanDependents', false],
    ['gracePeriodSeconds', 0],
    ['preconditions', { uid: 'u' }],
  ])('does not go together with %s', async (name, value) => {
    await api.put('/registry/configmaps/a/bad', Buffer.from('garbage'));
    const { json } = await api.ask('DELETE', `${CONFIG_MAPS}/bad`, { body: options({ [name]: value }) });
    expect([json.code, json.message]).toEqual([
      422,
      `DeleteOptions.meta.k8s.io "" is invalid: ${FIELD}: cannot be set together with .${name}`,
    ]);
  });

  it('is refused for collections', async () => {
    const { json } = await api.ask('DELETE', CONFIG_MAPS, { body: options() });
    expect([json.code, json.details.causes]).toMatchObject([422, [{ field: FIELD.split(':')[0] }]]);
  });

  it('needs a right of its own', async () => {
    await api.put('/registry/configmaps/a/bad', Buffer.from('garbage'));
    const { json } = await api.ask('DELETE', `${CONFIG_MAPS}/bad`, { body: options(), user: 'deleter' });
    expect([json.code, json.message]).toEqual([
      403,
      'configmaps "bad" is forbidden: not permitted to do "unsafe-delete-ignore-read-errors", reason: ',
    ]);
  });
});
