import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeProtobuf } from '../../src/api/protobuf/object.ts';
import { builtinTable } from '../../src/api/schema/builtin.ts';
import type { ConfigMap } from '../../src/api/types/gen/core-v1.ts';
import type { EtcdClient } from '../../src/etcd/client.ts';
import type { Answered, ApiClient, ListOf } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { EtcdServer } from '../harness/etcd.ts';

const MAPS = '/api/v1/namespaces/old/configmaps';
const KEY = '/registry/configmaps/old';

let etcd: EtcdServer;
let store: EtcdClient;
let server: TestApiServer;
let admin: ApiClient;

/** What a server finds at its start and cannot do without, or so one might think. */
const NEEDED = [
  'namespaces/kube-public',
  'clusterroles/view',
  'clusterrolebindings/system:basic-user',
  'priorityclasses/system-node-critical',
  'ipaddresses/10.0.0.1',
  'services/specs/default/damaged',
];

const put = (key: string, type: string, object: object) =>
  store.put(key, encodeProtobuf(builtinTable.struct(type), object));
const map = (name: string) => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name, namespace: 'old', uid: `u-${name}`, creationTimestamp: '2020-01-01T00:00:00Z' },
  data: { from: 'before' },
});

beforeAll(async () => {
  etcd = await EtcdServer.start();
  store = etcd.client();
  // what a server of upstream leaves when it stops
  await put('/registry/namespaces/old', 'core/v1.Namespace', {
    kind: 'Namespace',
    apiVersion: 'v1',
    metadata: { name: 'old', uid: 'u-old', creationTimestamp: '2020-01-01T00:00:00Z' },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  await put('/registry/clusterrolebindings/reader', 'core/v1.ConfigMap', map('not-a-binding'));
  await put(`${KEY}/one`, 'core/v1.ConfigMap', map('one'));
  await put(`${KEY}/two`, 'core/v1.ConfigMap', map('two'));
  for (const key of NEEDED) await store.put(`/registry/${key}`, Buffer.from('{"secret-text'));
  server = await TestApiServer.start({ etcd });
  admin = server.clientFor('admin', ['system:masters']);
});
afterAll(async () => {
  admin?.close();
  await server?.remove();
  store?.close();
  await etcd?.remove();
});

describe('a server that starts on the etcd of an upstream cluster', () => {
  it('serves what is there, beside what is made', async () => {
    await admin.json('POST', MAPS, { body: { metadata: { name: 'new' }, data: { from: 'now' } } });
    const list = await admin.get<ListOf<ConfigMap>>(MAPS);
    expect(list.items.map(item => [item.metadata.name, item.data?.['from']])).toEqual([
      ['new', 'now'],
      ['one', 'before'],
      ['two', 'before'],
    ]);
  });

  it('changes it, and stores it as JSON then', async () => {
    const changed = await admin.json<Answered<ConfigMap>>('PATCH', `${MAPS}/one`, {
      contentType: 'application/merge-patch+json',
      body: { data: { more: 'x' } },
    });
    expect([changed.data, changed.metadata.uid]).toEqual([{ from: 'before', more: 'x' }, 'u-one']);
    const { kvs } = await store.range(`${KEY}/one`);
    expect(JSON.parse(kvs[0]?.value.toString() ?? '').data).toEqual({ from: 'before', more: 'x' });
  });

  it('watches it from its beginning', async () => {
    const watch = await admin.watch<ConfigMap>(MAPS, { fieldSelector: 'metadata.name=two' });
    expect(await watch.next()).toMatchObject({ type: 'ADDED', object: { data: { from: 'before' } } });
    await put(`${KEY}/two`, 'core/v1.ConfigMap', { ...map('two'), data: { from: 'elsewhere' } });
    expect(await watch.next()).toMatchObject({ type: 'MODIFIED', object: { data: { from: 'elsewhere' } } });
    watch.close();
  });

  it('answers everybody though a binding cannot be decoded, and says which', async () => {
    const nobody = server.clientFor('nobody', []);
    const { status } = await nobody.request('GET', '/apis');
    nobody.close();
    expect(status).toBe(200);
    expect(server.log).toContain('left out: the stored object /registry/clusterrolebindings/reader is corrupt');
  });

  it.each(NEEDED.slice(0, 4))('starts though %s cannot be decoded, and says so without its content', key => {
    expect(server.log).toContain(`left alone: the stored object /registry/${key} is corrupt: it cannot be decoded`);
    expect(server.log).not.toContain('secret-text');
  });

  it('lets an administrator delete what cannot be decoded', async () => {
    const path = '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/reader';
    expect((await admin.request('GET', path)).status).toBe(500);
    expect((await admin.request('DELETE', path)).status).toBe(500);
    const query = { ignoreStoreReadErrorWithClusterBreakingPotential: true };
    expect((await admin.request('DELETE', path, { query })).status).toBe(200);
    expect((await admin.request('GET', path)).status).toBe(404);
  });
});
