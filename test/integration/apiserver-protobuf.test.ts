import { once } from 'node:events';
import * as http2 from 'node:http2';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { decodeProtobuf, encodeProtobuf } from '../../src/api/protobuf/object.ts';
import { decodeWatchFrames } from '../../src/api/protobuf/watch-frame.ts';
import { builtinTable } from '../../src/api/schema/builtin.ts';
import { loadPackages } from '../../src/api/schema/packages.ts';
import type { Deployment, DeploymentList } from '../../src/api/types/gen/apps-v1.ts';
import type { Status } from '../../src/api/types/gen/meta-v1.ts';
import type { Draft } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { overHttp1, overHttp2, type RawAnswer, type RawClient } from '../harness/raw-request.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Protobuf all the way, as controllers written in Go speak it: bodies, answers, lists, watches and refusals. */

const PROTOBUF = 'application/vnd.kubernetes.protobuf';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
const MAX_FRAME = 3 * 1024 * 1024;

let server: TestApiServer;
let admin: RawClient;

beforeAll(async () => {
  await loadPackages();
  server = await TestApiServer.start();
  admin = { port: server.port, ...server.credentials('admin', ['system:masters']) };
});
afterAll(() => server.remove());

const bodyOf = (type: string, object: object): Buffer => encodeProtobuf(builtinTable.struct(type), object);

function objectOf<T>(type: string, bytes: Buffer): T {
  return decodeProtobuf(bytes, () => builtinTable.struct(type)) as unknown as T;
}

const deployment = (name: string, replicas: number): Draft<Deployment> => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name, labels: { app: 'web' } },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: {
      metadata: { labels: { app: 'web' } },
      spec: { containers: [{ name: 'web', image: 'web:1', resources: { limits: { cpu: '100m', memory: '1Gi' } } }] },
    },
  },
});

it.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
] as const)('objects are created, read, changed, listed and deleted over %s', async (protocol, send) => {
  const name = `web-${protocol.replace(/\W/g, '').toLowerCase()}`;
  const ask = async (method: string, path: string, body?: Buffer, type = PROTOBUF): Promise<RawAnswer> => {
    const answer = await send(admin, {
      method,
      path: DEPLOYMENTS + path,
      headers: { accept: PROTOBUF, ...(body === undefined ? {} : { 'content-type': type }) },
      ...(body === undefined ? {} : { body }),
    });
    expect(answer.headers['content-type']).toBe(PROTOBUF);
    return answer;
  };
  const created = await ask('POST', '', bodyOf('apps/v1.Deployment', deployment(name, 2)));
  expect(created.status).toBe(201);
  const first = objectOf<Deployment>('apps/v1.Deployment', created.bytes);
  expect(first).toMatchObject({
    metadata: { name, namespace: 'default', generation: 1, uid: expect.stringMatching(/^[0-9a-f-]{36}$/) },
    spec: {
      replicas: 2,
      // what was not said has its default
      progressDeadlineSeconds: 600,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%' } },
      template: {
        spec: {
          restartPolicy: 'Always',
          containers: [
            { name: 'web', imagePullPolicy: 'IfNotPresent', resources: { limits: { cpu: '100m', memory: '1Gi' } } },
          ],
        },
      },
    },
  });

  const updated = await ask(
    'PUT',
    `/${name}`,
    bodyOf('apps/v1.Deployment', { ...first, spec: { ...first.spec, replicas: 3 } }),
  );
  const second = objectOf<Deployment>('apps/v1.Deployment', updated.bytes);
  expect([updated.status, second.spec?.replicas, second.metadata?.generation]).toEqual([200, 3, 2]);
  expect(Number(second.metadata?.resourceVersion)).toBeGreaterThan(Number(first.metadata?.resourceVersion));

  const patch = Buffer.from('{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}}}');
  const patched = await ask('PATCH', `/${name}`, patch, 'application/strategic-merge-patch+json');
  expect(objectOf<Deployment>('apps/v1.Deployment', patched.bytes).spec?.template.spec?.containers).toMatchObject([
    { name: 'web', image: 'web:2', imagePullPolicy: 'IfNotPresent' },
  ]);

  const read = await ask('GET', `/${name}`);
  const inJson = await send(admin, { path: `${DEPLOYMENTS}/${name}`, headers: { accept: 'application/json' } });
  const { bytes } = await send(admin, {
    method: 'POST',
    path: `${DEPLOYMENTS}?dryRun=All`,
    headers: { accept: 'application/json', 'content-type': PROTOBUF },
    body: bodyOf('apps/v1.Deployment', { ...deployment(`${name}-dry`, 1) }),
  });
  expect(JSON.parse(bytes.toString())).toMatchObject({ kind: 'Deployment', metadata: { name: `${name}-dry` } });
  expect(objectOf<Deployment>('apps/v1.Deployment', read.bytes).metadata).toMatchObject({
    uid: inJson.json.metadata.uid,
    resourceVersion: inJson.json.metadata.resourceVersion,
  });
  expect(objectOf<Deployment>('apps/v1.Deployment', read.bytes).spec?.replicas).toBe(inJson.json.spec.replicas);

  const list = objectOf<DeploymentList>('apps/v1.DeploymentList', (await ask('GET', '?labelSelector=app%3Dweb')).bytes);
  expect(list.items.map(item => item.metadata?.name)).toContain(name);
  expect(Number(list.metadata?.resourceVersion)).toBeGreaterThan(0);

  const stale = await ask('PUT', `/${name}`, bodyOf('apps/v1.Deployment', first));
  expect(objectOf<Status>('meta/v1.Status', stale.bytes)).toMatchObject({
    status: 'Failure',
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on deployments.apps "${name}": the object has been modified; please apply your changes to the latest version and try again`,
    details: { name, group: 'apps', kind: 'deployments' },
  });
  const bad = await ask('POST', '', bodyOf('apps/v1.Deployment', deployment('Bad_Name', 1)));
  expect(objectOf<Status>('meta/v1.Status', bad.bytes)).toMatchObject({
    code: 422,
    reason: 'Invalid',
    details: { causes: [{ field: 'metadata.name' }] },
  });

  const options = {
    apiVersion: 'v1',
    kind: 'DeleteOptions',
    propagationPolicy: 'Background',
    preconditions: { uid: first.metadata?.uid },
  };
  const deleted = await ask('DELETE', `/${name}`, bodyOf('meta/v1.DeleteOptions', options));
  expect(deleted.status).toBe(200);
  const gone = await ask('GET', `/${name}`);
  expect([gone.status, objectOf<Status>('meta/v1.Status', gone.bytes).reason]).toEqual([404, 'NotFound']);
});

it('a watch tells of what is created, changed and deleted', async () => {
  const session = http2.connect(server.url, admin as http2.SecureClientSessionOptions);
  const stream = session.request({
    ':path': `${DEPLOYMENTS}?watch=1&fieldSelector=metadata.name%3Dseen`,
    accept: `${PROTOBUF};stream=watch,${PROTOBUF}`,
  });
  const [response] = await once(stream, 'response');
  expect([response[':status'], response['content-type']]).toEqual([200, `${PROTOBUF};stream=watch`]);
  const seen: unknown[] = [];
  let rest: Buffer = Buffer.alloc(0);
  stream.on('data', (piece: Buffer) => {
    const decoded = decodeWatchFrames(Buffer.concat([rest, piece]), MAX_FRAME);
    rest = decoded.rest;
    for (const { type, object } of decoded.frames) {
      const { metadata, spec } = objectOf<Deployment>('apps/v1.Deployment', object);
      seen.push([type, metadata?.name, spec?.replicas]);
    }
  });
  const write = (method: string, path: string, object?: Draft<Deployment>) =>
    overHttp2(admin, {
      method,
      path: DEPLOYMENTS + path,
      headers: { accept: PROTOBUF, 'content-type': PROTOBUF },
      ...(object === undefined ? {} : { body: bodyOf('apps/v1.Deployment', object) }),
    });
  await write('POST', '', deployment('seen', 1));
  await write('POST', '', deployment('unseen', 1));
  await write('PUT', '/seen', deployment('seen', 5));
  await write('DELETE', '/seen');
  await waitFor('the events', saw => {
    saw(seen);
    return seen.length >= 3;
  });
  expect(seen).toEqual([
    ['ADDED', 'seen', 1],
    ['MODIFIED', 'seen', 5],
    ['DELETED', 'seen', 5],
  ]);
  session.destroy();
});

it('a large list comes whole, compressed or not', async () => {
  const filler = 'x'.repeat(2000);
  const names = Array.from({ length: 150 }, (_, i) => `large-${String(i).padStart(3, '0')}`);
  for (const name of names) {
    const object = { ...deployment(name, 0), metadata: { name, annotations: { filler } } };
    const { status } = await overHttp2(admin, {
      method: 'POST',
      path: DEPLOYMENTS,
      headers: { accept: PROTOBUF, 'content-type': PROTOBUF },
      body: bodyOf('apps/v1.Deployment', object),
    });
    expect(status).toBe(201);
  }
  const list = (headers: Readonly<Record<string, string>>) =>
    overHttp2(admin, { path: DEPLOYMENTS, headers: { accept: PROTOBUF, ...headers } });
  const plain = await list({});
  const small = await list({ 'accept-encoding': 'gzip' });
  expect(plain.bytes.length).toBeGreaterThan(300_000);
  expect([small.headers['content-encoding'], small.bytes.length < plain.bytes.length / 3]).toEqual(['gzip', true]);
  for (const bytes of [plain.bytes, gunzipSync(small.bytes)]) {
    const { items } = objectOf<DeploymentList>('apps/v1.DeploymentList', bytes);
    expect(items.map(item => item.metadata?.name)).toEqual(expect.arrayContaining(names));
  }
});
