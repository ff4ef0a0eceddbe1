import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCertificateRequest } from '../../src/pki/certificate-request.ts';
import { generateKey } from '../../src/pki/keys.ts';
import { type ApiClient, refusal } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every kind
type Any = any;

let server: TestApiServer;
let admin: ApiClient;
beforeAll(async () => {
  server = await TestApiServer.start();
  admin = server.clientFor('admin', ['system:masters']);
  for (const name of ['default', 'robot']) await post(`${SPACE}/serviceaccounts`, { metadata: { name } });
});
afterAll(async () => {
  admin.close();
  await server.remove();
});

const SPACE = '/api/v1/namespaces/default';
const PODS = `${SPACE}/pods`;
const post = (path: string, body: object): Promise<Any> => admin.json<Any>('POST', path, { body });
const put = (path: string, body: object): Promise<Any> => admin.json<Any>('PUT', path, { body });
const get = (path: string): Promise<Any> => admin.get<Any>(path);
const patch = (path: string, body: unknown, kind = 'merge-patch'): Promise<Any> =>
  admin.json<Any>('PATCH', path, { body, contentType: `application/${kind}+json` });
let made = 0;
const pod = (spec: object = {}, metadata: object = {}): Promise<Any> => {
  made += 1;
  const containers = [{ name: 'app', image: 'registry.test/app', resources: { requests: { cpu: '100m' } } }];
  return post(PODS, { metadata: { name: `pod-${made}`, ...metadata }, spec: { containers, ...spec } });
};
const at = (object: Any): string => `${PODS}/${object.metadata.name}`;

describe('status', () => {
  it('is written apart from the rest', async () => {
    const before = await pod();
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    const written = await put(`${at(before)}/status`, {
      ...before,
      metadata: { ...before.metadata, labels: { a: 'b' } },
      spec: { ...before.spec, containers: [{ name: 'other', image: 'i' }] },
      status,
    });
    expect(written).toMatchObject({ spec: before.spec, status });
  });

  it('is not written with the rest', async () => {
    const before = await pod();
    const labels = { a: 'b' };
    const written = await put(at(before), {
      ...before,
      metadata: { ...before.metadata, labels },
      status: { ...before.status, phase: 'Failed' },
    });
    expect(written).toMatchObject({ metadata: { labels }, status: { phase: 'Pending' } });
  });

  it('is read and patched', async () => {
    const before = await pod();
    await patch(`${at(before)}/status`, { status: { message: 'hello' } });
    expect((await get(`${at(before)}/status`)).status.message).toBe('hello');
  });
});

describe('scale', () => {
  const DEPLOYMENTS = '/apis/apps/v1/namespaces/default/deployments';
  beforeAll(async () => {
    const labels = { app: 'web' };
    const template = { metadata: { labels }, spec: { containers: [{ name: 'app', image: 'i' }] } };
    await post(DEPLOYMENTS, {
      metadata: { name: 'web' },
      spec: { replicas: 2, selector: { matchLabels: labels }, template },
    });
  });

  it('shows how many there are to be', async () => {
    expect(await get(`${DEPLOYMENTS}/web/scale`)).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 2 },
      status: { selector: 'app=web' },
    });
  });

  it('changes that and nothing else', async () => {
    const scale = await get(`${DEPLOYMENTS}/web/scale`);
    await put(`${DEPLOYMENTS}/web/scale`, { ...scale, spec: { replicas: 5 } });
    await patch(`${DEPLOYMENTS}/web/scale`, { spec: { replicas: 7 } });
    expect(await get(`${DEPLOYMENTS}/web`)).toMatchObject({ spec: { replicas: 7 }, metadata: { generation: 3 } });
  });

  it('refuses less than nothing', async () => {
    const refused = await refusal(patch(`${DEPLOYMENTS}/web/scale`, { spec: { replicas: -1 } }));
    expect(refused).toMatchObject({
      code: 422,
      message: expect.stringContaining('must be greater than or equal to 0'),
    });
  });
});

describe('binding', () => {
  const binding = (object: Any, metadata: object = {}): object => ({
    metadata: { name: object.metadata.name, ...metadata },
    target: { kind: 'Node', name: 'n1' },
  });

  it('puts a pod on a node, once', async () => {
    const before = await pod();
    const labels = { 'topology.kubernetes.io/zone': 'z' };
    const answer = await post(`${at(before)}/binding`, binding(before, { labels, annotations: { a: 'b' } }));
    expect(answer).toMatchObject({ kind: 'Status', status: 'Success', code: 201 });
    expect(await get(at(before))).toMatchObject({
      metadata: { labels, annotations: { a: 'b' } },
      spec: { nodeName: 'n1' },
      status: { conditions: [{ type: 'PodScheduled', status: 'True' }] },
    });
    const refused = await refusal(post(`${at(before)}/binding`, binding(before)));
    expect(refused).toMatchObject({
      code: 409,
      message: `Operation cannot be fulfilled on pods/binding "${before.metadata.name}": pod ${before.metadata.name} is already assigned to node "n1"`,
    });
  });

  it('goes by the collection too', async () => {
    const before = await pod();
    await post(`${SPACE}/bindings`, binding(before));
    expect((await get(at(before))).spec.nodeName).toBe('n1');
  });

  it('is of the pod that is meant', async () => {
    const before = await pod();
    const refused = await refusal(post(`${at(before)}/binding`, binding(before, { uid: 'another' })));
    expect(refused).toMatchObject({ code: 409, message: expect.stringContaining('UID in precondition: another') });
    expect(await refusal(post(`${at(before)}/binding`, binding(before, { name: 'other' })))).toMatchObject({
      code: 400,
      message: 'name in URL does not match name in Binding object',
    });
  });

  it('does not give a pod what could not be written', async () => {
    const before = await pod();
    const refused = await refusal(post(`${at(before)}/binding`, binding(before, { labels: { 'not a key': 'x' } })));
    expect(refused).toMatchObject({ code: 422 });
  });

  it('waits until the gates of a pod are open', async () => {
    const before = await pod({ schedulingGates: [{ name: 'a.b/c' }] });
    const refused = await refusal(post(`${at(before)}/binding`, binding(before)));
    expect(refused).toMatchObject({
      code: 409,
      message: expect.stringContaining('has non-empty .spec.schedulingGates'),
    });
  });
});

describe('eviction', () => {
  const BUDGETS = '/apis/policy/v1/namespaces/default/poddisruptionbudgets';
  const evict = (object: Any, more: object = {}): Promise<Any> =>
    post(`${at(object)}/eviction`, {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: object.metadata.name },
      ...more,
    });
  /** A pod that runs and is ready, on a node. */
  const working = async (app: string): Promise<Any> => {
    const before = await pod({ nodeName: 'n1' }, { labels: { app } });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    return put(`${at(before)}/status`, { ...before, status });
  };
  const budget = async (app: string, status: object): Promise<void> => {
    const spec = { minAvailable: 1, selector: { matchLabels: { app } } };
    const before = await post(BUDGETS, { metadata: { name: app }, spec });
    await put(`${BUDGETS}/${app}/status`, { ...before, status: { observedGeneration: 1, expectedPods: 2, ...status } });
  };

  it('deletes a pod that nothing guards, and says in its status why', async () => {
    const object = await working('free');
    expect(await evict(object)).toMatchObject({ kind: 'Status', status: 'Success', code: 201 });
    const after = await get(at(object));
    expect(after.metadata.deletionTimestamp).toBeDefined();
    expect(after.status.conditions).toContainEqual(
      expect.objectContaining({ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI' }),
    );
  });

  it('answers 429 with the cause DisruptionBudget where the budget is used up', async () => {
    const object = await working('tight');
    await budget('tight', { disruptionsAllowed: 0, currentHealthy: 1, desiredHealthy: 1 });
    const refused = await refusal(evict(object));
    expect(refused).toMatchObject({
      code: 429,
      reason: 'TooManyRequests',
      message: "Cannot evict pod as it would violate the pod's disruption budget.",
      details: {
        causes: [
          {
            reason: 'DisruptionBudget',
            message: 'The disruption budget tight needs 1 healthy pods and has 1 currently',
          },
        ],
      },
    });
    expect((await get(at(object))).metadata.deletionTimestamp).toBeUndefined();
  });

  it('charges the budget that allows it', async () => {
    const object = await working('loose');
    await budget('loose', { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1 });
    await evict(object);
    const { status } = await get(`${BUDGETS}/loose`);
    expect([status.disruptionsAllowed, Object.keys(status.disruptedPods)]).toEqual([0, [object.metadata.name]]);
  });

  it('does nothing in a dry run', async () => {
    const object = await working('tried');
    await evict(object, { deleteOptions: { dryRun: ['All'] } });
    expect(await get(at(object))).toEqual(object);
  });

  it('is of the pod that is meant', async () => {
    const object = await working('meant');
    expect(await refusal(evict(object, { metadata: { name: 'other' } }))).toMatchObject({
      code: 400,
      message: 'name in URL does not match name in Eviction object',
    });
    const deleteOptions = { preconditions: { uid: 'another' } };
    expect(await refusal(evict(object, { deleteOptions }))).toMatchObject({ code: 409 });
  });
});

describe('token', () => {
  const ask = (spec: object): Promise<Any> => post(`${SPACE}/serviceaccounts/robot/token`, { spec });

  it('is one of the account that works', async () => {
    const { status } = await ask({ expirationSeconds: 900 });
    const robot = server.clientWithToken(status.token);
    const review = await robot.json<Any>('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {} });
    robot.close();
    expect(review.status.userInfo).toMatchObject({ username: 'system:serviceaccount:default:robot' });
  });

  it('ends with what it is bound to', async () => {
    const object = await pod({ serviceAccountName: 'robot' });
    const { name, uid } = object.metadata;
    const { status } = await ask({ boundObjectRef: { kind: 'Pod', apiVersion: 'v1', name, uid } });
    const robot = server.clientWithToken(status.token);
    const whoami = () => robot.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {} });
    expect((await whoami()).status).toBe(201);
    await admin.json('DELETE', at(object));
    expect((await whoami()).status).toBe(401);
    robot.close();
  });

  it('lives for ten minutes at least', async () => {
    const refused = await refusal(ask({ expirationSeconds: 60 }));
    expect(refused).toMatchObject({
      code: 422,
      message: expect.stringContaining('may not specify a duration less than 10 minutes'),
    });
  });
});

describe('approval', () => {
  const CSRS = '/apis/certificates.k8s.io/v1/certificatesigningrequests';
  const request = (name: string): Promise<Any> => {
    const pem = createCertificateRequest({ subject: { commonName: 'jane', organizations: [] } }, generateKey());
    const spec = {
      signerName: 'kubernetes.io/kube-apiserver-client',
      usages: ['client auth'],
      request: Buffer.from(pem).toString('base64'),
    };
    return post(CSRS, { metadata: { name }, spec });
  };
  const approved = { type: 'Approved', status: 'True', reason: 'x', message: 'y' };

  it('is given', async () => {
    const before = await request('jane');
    await put(`${CSRS}/jane/approval`, { ...before, status: { conditions: [approved] } });
    expect((await get(`${CSRS}/jane`)).status.conditions).toMatchObject([{ type: 'Approved', status: 'True' }]);
  });

  it('is not taken back', async () => {
    const before = await request('joan');
    const given = await put(`${CSRS}/joan/approval`, { ...before, status: { conditions: [approved] } });
    const refused = await refusal(put(`${CSRS}/joan/approval`, { ...given, status: {} }));
    expect(refused).toMatchObject({
      code: 422,
      message: expect.stringContaining('updates may not remove a condition of type "Approved"'),
    });
  });
});

describe('ephemeralcontainers', () => {
  const debug = { name: 'debug', image: 'registry.test/debug', targetContainerName: 'app' };

  it('are added to a pod that runs', async () => {
    const before = await pod();
    await patch(
      `${at(before)}/ephemeralcontainers`,
      { spec: { ephemeralContainers: [debug] } },
      'strategic-merge-patch',
    );
    expect((await get(at(before))).spec.ephemeralContainers).toMatchObject([debug]);
  });

  it('are not taken away', async () => {
    const before = await pod();
    const grown = await put(`${at(before)}/ephemeralcontainers`, {
      ...before,
      spec: { ...before.spec, ephemeralContainers: [debug] },
    });
    const refused = await refusal(
      put(`${at(before)}/ephemeralcontainers`, { ...grown, spec: { ...grown.spec, ephemeralContainers: [] } }),
    );
    expect(refused).toMatchObject({ code: 422 });
  });
});

describe('resize', () => {
  const resized = (cpu: string): object => ({
    spec: { containers: [{ name: 'app', resources: { requests: { cpu } } }] },
  });

  it('changes what a container takes', async () => {
    const before = await pod();
    await patch(`${at(before)}/resize`, resized('200m'), 'strategic-merge-patch');
    expect((await get(at(before))).spec.containers[0].resources.requests).toEqual({ cpu: '200m' });
  });

  it('is the only way to change that', async () => {
    const before = await pod();
    const refused = await refusal(patch(at(before), resized('200m'), 'strategic-merge-patch'));
    expect(refused).toMatchObject({
      code: 422,
      message: expect.stringContaining('pod updates may not change fields other than'),
    });
  });
});
