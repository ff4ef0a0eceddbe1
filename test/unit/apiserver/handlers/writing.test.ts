import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryApi, PROTOBUF } from '../../../harness/memory-api.ts';

const URL = '/api/v1/namespaces/a/configmaps';
const NODES = '/api/v1/nodes';
const LEASES = '/apis/coordination.k8s.io/v1/namespaces/a/leases';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/a/deployments';
const MERGE = 'application/merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
});
afterEach(() => api.stop());

const configMap = (name: string, more: object = {}) => ({
  kind: 'ConfigMap',
  apiVersion: 'v1',
  metadata: { name },
  data: { k: 'v' },
  ...more,
});
const create = (name: string, metadata: object = {}) =>
  api.ask('POST', URL, { body: configMap(name, { metadata: { name, ...metadata } }) });
const deployment = (name: string) => ({
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  metadata: { name },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: 'c', image: 'i:1', ports: [{ containerPort: 80 }] }] },
    },
  },
});

describe('POST', () => {
  it('makes an object with what the server gives it, and answers it with 201', async () => {
    const { status, json } = await create('x');
    expect([status, json.metadata]).toEqual([
      201,
      {
        name: 'x',
        namespace: 'a',
        uid: expect.stringMatching(/^[0-9a-f-]{36}$/),
        resourceVersion: String(await api.storage.currentRevision()),
        creationTimestamp: '2030-01-01T00:00:00Z',
        managedFields: [
          {
            manager: 'unknown',
            operation: 'Update',
            apiVersion: 'v1',
            time: '2030-01-01T00:00:00Z',
            fieldsType: 'FieldsV1',
            fieldsV1: { 'f:data': { '.': {}, 'f:k': {} } },
          },
        ],
      },
    ]);
    expect((await api.ask('GET', `${URL}/x`)).json).toEqual(json);
  });

  it('passes over what only the server may say', async () => {
    const { json } = await create('x', {
      uid: 'mine',
      creationTimestamp: '2001-01-01T00:00:00Z',
      deletionTimestamp: '2001-01-01T00:00:00Z',
      selfLink: '/x',
    });
    const { uid, creationTimestamp, deletionTimestamp, selfLink } = json.metadata;
    expect([uid === 'mine', creationTimestamp, deletionTimestamp, selfLink]).toEqual([
      false,
      '2030-01-01T00:00:00Z',
      undefined,
      undefined,
    ]);
  });

  it('is refused in a dry run where the name is taken, as it would be without', async () => {
    await create('x');
    const { status, json } = await api.ask('POST', `${URL}?dryRun=All`, { body: configMap('x') });
    expect([status, json.message]).toEqual([409, 'configmaps "x" already exists']);
  });

  it('makes a name from generateName', async () => {
    const { status, json } = await api.ask('POST', URL, { body: { metadata: { generateName: 'x-' } } });
    expect([status, json.metadata.name]).toEqual([201, expect.stringMatching(/^x-[bcdfghjklmnpqrstvwxz2456789]{5}$/)]);
  });

  it('of a dry run stores nothing', async () => {
    const before = await api.storage.currentRevision();
    const { status, json } = await api.ask('POST', `${URL}?dryRun=All`, { body: configMap('x') });
    expect([status, json.metadata.name, json.metadata.resourceVersion]).toEqual([201, 'x', undefined]);
    expect(await api.storage.currentRevision()).toBe(before);
  });

  it('passes over a namespace where the kind has none', async () => {
    const { status, json } = await api.ask('POST', NODES, { body: { metadata: { name: 'n', namespace: 'a' } } });
    expect([status, json.metadata.namespace]).toEqual([201, undefined]);
  });

  it('keeps each owner once, and says so', async () => {
    const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u-1' };
    const ownerReferences = [owner, { ...owner, name: 'other' }, owner];
    const { json, warnings } = await create('x', { ownerReferences });
    expect(json.metadata.ownerReferences).toEqual([owner, { ...owner, name: 'other' }]);
    expect(warnings).toEqual([
      expect.stringContaining('contains duplicate entries; API server dedups owner references'),
    ]);
  });

  it.each([
    ['a name that is taken', URL, configMap('taken'), 409, 'configmaps "taken" already exists'],
    [
      'no name',
      URL,
      configMap(''),
      422,
      'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
    ],
    ['a bad name', URL, configMap('A'), 422, 'metadata.name: Invalid value: "A"'],
    [
      'a resourceVersion',
      URL,
      configMap('x', { metadata: { name: 'x', resourceVersion: '1' } }),
      400,
      'resourceVersion should not be set on objects to be created',
    ],
    [
      'another namespace',
      URL,
      configMap('x', { metadata: { name: 'x', namespace: 'default' } }),
      400,
      'the namespace of the provided object does not match the namespace sent on the request',
    ],
    [
      'a namespace that is not there',
      '/api/v1/namespaces/none/configmaps',
      configMap('x'),
      404,
      'namespaces "none" not found',
    ],
    [
      'a dry run of some kind',
      `${URL}?dryRun=Some`,
      configMap('x'),
      422,
      'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    ],
    [
      'a field validation that is none',
      `${URL}?fieldValidation=Some`,
      configMap('x'),
      422,
      'fieldValidation: Unsupported value: "Some": supported values: "", "Ignore", "Strict", "Warn"',
    ],
    [
      'a long field manager',
      `${URL}?fieldManager=${'x'.repeat(129)}`,
      configMap('x'),
      422,
      'fieldManager: Too long: may not be more than 128 bytes',
    ],
    [
      'a field manager that cannot be printed',
      `${URL}?fieldManager=a%09`,
      configMap('x'),
      422,
      'fieldManager: Invalid value: "a\\t": invalid character U+0009 (at position 1)',
    ],
  ])('with %s is refused', async (_, url, body, status, message) => {
    await create('taken');
    const { json } = await api.ask('POST', url, { body });
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it('answers in the form that the client wants', async () => {
    const accept = 'application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io';
    const { status, json } = await api.ask('POST', URL, { body: configMap('x'), accept });
    expect([status, json.kind, json.metadata.name]).toEqual([201, 'PartialObjectMetadata', 'x']);
    expect((await api.ask('POST', URL, { body: configMap('y'), accept: PROTOBUF })).type).toBe(PROTOBUF);
  });
});

describe('PUT', () => {
  it('replaces what is there', async () => {
    const { json } = await create('x', { labels: { a: 'b' } });
    const answer = await api.ask('PUT', `${URL}/x`, { body: { ...json, metadata: { name: 'x' }, data: { k: 'new' } } });
    expect([answer.status, answer.json.data, answer.json.metadata.labels, answer.json.metadata.uid]).toEqual([
      200,
      { k: 'new' },
      undefined,
      json.metadata.uid,
    ]);
  });

  it('of the same object writes nothing', async () => {
    const { json } = await create('x');
    const answer = await api.ask('PUT', `${URL}/x`, { body: json });
    expect([answer.status, answer.json]).toEqual([200, json]);
  });

  it.each([
    ['makes what is not there', LEASES, { metadata: { name: 'x' }, spec: { holderIdentity: 'h' } }, 201],
    ['does not make what only POST makes', URL, configMap('x'), 404],
    [
      'does not make what has a resourceVersion',
      LEASES,
      { metadata: { name: 'x', resourceVersion: '5' }, spec: {} },
      404,
    ],
  ])('%s', async (_, url, body, status) => {
    expect((await api.ask('PUT', `${url}/x`, { body })).status).toBe(status);
  });

  it.each([
    [
      'no name',
      { metadata: {} },
      400,
      'the name of the object (x based on URL) was undeterminable: name must be provided',
    ],
    [
      'another name',
      { metadata: { name: 'y' } },
      400,
      'the name of the object (y) does not match the name on the URL (x)',
    ],
    [
      'another namespace',
      { metadata: { name: 'x', namespace: 'default' } },
      400,
      'the namespace of the provided object does not match',
    ],
    [
      'an old version',
      { metadata: { name: 'x', resourceVersion: '1' } },
      409,
      'the object has been modified; please apply your changes to the latest version and try again',
    ],
    [
      'the uid of another life',
      { metadata: { name: 'x', uid: 'other' } },
      409,
      'Precondition failed: UID in precondition: other, UID in object meta: ',
    ],
  ])('with %s is refused', async (_, body, status, message) => {
    await create('x');
    const { json } = await api.ask('PUT', `${URL}/x`, { body });
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it('of a status changes that alone, and of the object all but that', async () => {
    const { json } = await api.ask('POST', DEPLOYMENTS, { body: deployment('d') });
    const both = { ...json, spec: { ...json.spec, replicas: 5 }, status: { replicas: 3, observedGeneration: 1 } };
    const status = (await api.ask('PUT', `${DEPLOYMENTS}/d/status`, { body: both })).json;
    expect([status.spec.replicas, status.status.replicas, status.metadata.generation]).toEqual([1, 3, 1]);
    const body = { ...both, metadata: { name: 'd' }, status: { replicas: 9 } };
    const spec = (await api.ask('PUT', `${DEPLOYMENTS}/d`, { body })).json;
    expect([spec.spec.replicas, spec.status.replicas, spec.metadata.generation]).toEqual([5, 3, 2]);
  });
});

describe('PATCH', () => {
  it.each([
    [MERGE, { data: { k: null, n: 'new' } }],
    [STRATEGIC, { data: { k: null, n: 'new' } }],
    [
      JSON_PATCH,
      [
        { op: 'remove', path: '/data/k' },
        { op: 'add', path: '/data/n', value: 'new' },
      ],
    ],
  ])('%s changes what it says', async (contentType, body) => {
    await create('x', { labels: { a: 'b' } });
    const { status, json } = await api.ask('PATCH', `${URL}/x`, { contentType, body });
    expect([status, json.data, json.metadata.labels]).toEqual([200, { n: 'new' }, { a: 'b' }]);
  });

  it('that is strategic finds the elements of a list by their keys', async () => {
    await api.ask('POST', DEPLOYMENTS, { body: deployment('d') });
    const body = {
      spec: {
        template: {
          spec: {
            containers: [
              { name: 'c', image: 'i:2' },
              { name: 'e', image: 'j' },
            ],
          },
        },
      },
    };
    const { json } = await api.ask('PATCH', `${DEPLOYMENTS}/d`, { contentType: STRATEGIC, body });
    expect(json.spec.template.spec.containers).toMatchObject([
      { name: 'c', image: 'i:2', ports: [{ containerPort: 80 }] },
      { name: 'e', image: 'j' },
    ]);
  });

  it('with nothing to change writes nothing', async () => {
    const { json } = await create('x');
    const answer = await api.ask('PATCH', `${URL}/x`, { contentType: MERGE, body: {} });
    expect(answer.json).toEqual(json);
  });

  it.each([
    ['a kind of patch that is none', 'application/json', {}, 415, 'the body of the request was in an unknown format'],
    ['text that is no JSON', MERGE, 'x', 400, 'error decoding patch'],
    ['a list', MERGE, [], 400, ''],
    [
      'a path that is not there',
      JSON_PATCH,
      [{ op: 'remove', path: '/none' }],
      422,
      'the server rejected our request due to an error in our request',
    ],
    [
      'a test that fails',
      JSON_PATCH,
      [{ op: 'test', path: '/data/k', value: 'other' }],
      422,
      'the server rejected our request due to an error in our request',
    ],
    ['a wrong type', MERGE, { data: 5 }, 422, 'cannot unmarshal number into Go struct field ConfigMap.data'],
    [
      'another name',
      MERGE,
      { metadata: { name: 'y' } },
      400,
      'the name of the object (y) does not match the name on the URL (x)',
    ],
    ['no name', MERGE, { metadata: { name: null } }, 400, 'the name of the object (x based on URL) was undeterminable'],
    [
      'another namespace',
      MERGE,
      { metadata: { namespace: 'default' } },
      400,
      'the namespace of the provided object does not match',
    ],
    ['an old version', MERGE, { metadata: { resourceVersion: '1' } }, 409, 'the object has been modified'],
    ['a bad value', MERGE, { metadata: { labels: { '?': 'x' } } }, 422, 'metadata.labels: Invalid value'],
  ])('with %s is refused', async (_, contentType, body, status, message) => {
    await create('x');
    const { json } = await api.ask('PATCH', `${URL}/x`, { contentType, body });
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it.each([
    [
      'force',
      `${URL}/x?force=true`,
      422,
      'PatchOptions.meta.k8s.io "" is invalid: force: Forbidden: may not be specified for non-apply patch',
    ],
    ['what is not there', `${URL}/none`, 404, 'configmaps "none" not found'],
  ])('of %s is refused', async (_, url, status, message) => {
    await create('x');
    const { json } = await api.ask('PATCH', url, { contentType: MERGE, body: {} });
    expect([json.code, json.message]).toEqual([status, message]);
  });

  it('of a dry run answers what would be', async () => {
    const { json } = await create('x');
    const answer = await api.ask('PATCH', `${URL}/x?dryRun=All`, { contentType: MERGE, body: { data: { k: 'new' } } });
    expect(answer.json.data).toEqual({ k: 'new' });
    expect((await api.ask('GET', `${URL}/x`)).json).toEqual(json);
  });
});

describe('DELETE', () => {
  const options = (more: object) => ({ kind: 'DeleteOptions', apiVersion: 'v1', ...more });

  it('answers a Status with the uid once the object is gone', async () => {
    const { json } = await create('x');
    const answer = await api.ask('DELETE', `${URL}/x`);
    expect([answer.status, answer.json]).toEqual([
      200,
      {
        kind: 'Status',
        apiVersion: 'v1',
        metadata: {},
        status: 'Success',
        details: { name: 'x', kind: 'configmaps', uid: json.metadata.uid },
      },
    ]);
    expect((await api.ask('GET', `${URL}/x`)).status).toBe(404);
  });

  it('answers the object while a finalizer keeps it, which the last one to go takes with it', async () => {
    await create('x', { finalizers: ['test.io/f'] });
    const { status, json } = await api.ask('DELETE', `${URL}/x`);
    expect([status, json.metadata.deletionTimestamp, json.metadata.deletionGracePeriodSeconds]).toEqual([
      200,
      '2030-01-01T00:00:00Z',
      0,
    ]);
    await api.ask('PATCH', `${URL}/x`, { contentType: MERGE, body: { metadata: { finalizers: null } } });
    expect((await api.ask('GET', `${URL}/x`)).status).toBe(404);
  });

  it.each([
    ['Foreground', ['foregroundDeletion'], 200],
    ['Orphan', ['orphan'], 200],
  ])('with the policy %s leaves the rest to a finalizer', async (propagationPolicy, finalizers, status) => {
    await create('x');
    const answer = await api.ask('DELETE', `${URL}/x`, { body: options({ propagationPolicy }) });
    expect([answer.status, answer.json.metadata.finalizers]).toEqual([status, finalizers]);
  });

  it('tells who wants dependents to go in the background that the object is not gone yet', async () => {
    await create('x', { finalizers: ['test.io/f'] });
    expect((await api.ask('DELETE', `${URL}/x`, { body: options({ orphanDependents: false }) })).status).toBe(202);
  });

  it('gives a pod on a node its time, shortens it, and does not lengthen it', async () => {
    const pod = {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name: 'p', namespace: 'a' },
      spec: { nodeName: 'n', terminationGracePeriodSeconds: 30, containers: [{ name: 'c', image: 'i' }] },
      status: { phase: 'Running' },
    };
    await api.put('/registry/pods/a/p', pod);
    const url = '/api/v1/namespaces/a/pods/p';
    const grace = async (query: string): Promise<number> =>
      (await api.ask('DELETE', url + query)).json.metadata.deletionGracePeriodSeconds;
    expect([await grace(''), await grace('?gracePeriodSeconds=60'), await grace('?gracePeriodSeconds=5')]).toEqual([
      30, 30, 5,
    ]);
    expect((await api.ask('DELETE', `${url}?gracePeriodSeconds=0`)).json.kind).toBe('Pod');
    expect((await api.ask('GET', url)).status).toBe(404);
  });

  it.each([
    [
      'a precondition on the uid',
      options({ preconditions: { uid: 'other' } }),
      409,
      'the UID in the precondition (other) does not match the UID in record',
    ],
    [
      'a precondition on the version',
      options({ preconditions: { resourceVersion: '1' } }),
      409,
      'the ResourceVersion in the precondition (1) does not match the ResourceVersion in record',
    ],
    [
      'a policy that is none',
      options({ propagationPolicy: 'Some' }),
      422,
      'propagationPolicy: Unsupported value: "Some": supported values: "Foreground", "Background", "Orphan", "nil"',
    ],
    [
      'two ways to say the policy',
      options({ propagationPolicy: 'Orphan', orphanDependents: true }),
      422,
      'propagationPolicy: Invalid value: "Orphan": orphanDependents and deletionPropagation cannot be both set',
    ],
    [
      'a dry run of some kind',
      options({ dryRun: ['Some'] }),
      422,
      'DeleteOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["Some"]: supported values: "All"',
    ],
    [
      'another kind',
      { kind: 'Pod', apiVersion: 'v1' },
      400,
      'Pod in version "v1" cannot be handled as a DeleteOptions',
    ],
  ])('with %s is refused', async (_, body, status, message) => {
    await create('x');
    const { json } = await api.ask('DELETE', `${URL}/x`, { body });
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(message)]);
    expect((await api.ask('GET', `${URL}/x`)).status).toBe(200);
  });

  it.each([
    ['the body', '', options({ dryRun: ['All'] })],
    ['the query', '?dryRun=All', ''],
  ])('of a dry run by %s deletes nothing', async (_, query, body) => {
    await create('x');
    expect((await api.ask('DELETE', `${URL}/x${query}`, { body })).json.status).toBe('Success');
    expect((await api.ask('GET', `${URL}/x`)).status).toBe(200);
  });

  it.each(['v1', 'meta.k8s.io/v1', 'apps/v1'])('takes options of %s', async apiVersion => {
    await create('x');
    expect((await api.ask('DELETE', `${URL}/x`, { body: { kind: 'DeleteOptions', apiVersion } })).status).toBe(200);
  });
});

describe('DELETE of a collection', () => {
  beforeEach(async () => {
    await create('one', { labels: { app: 'web' } });
    await create('two');
    await create('kept', { labels: { app: 'web' }, finalizers: ['test.io/f'] });
    await api.ask('POST', '/api/v1/namespaces/default/configmaps', { body: configMap('far') });
  });
  const left = async (): Promise<string[]> =>
    (await api.ask('GET', '/api/v1/configmaps')).json.items.map(
      (item: { metadata: { name: string } }) => item.metadata.name,
    );

  it.each([
    ['everything of the namespace', '', ['kept', 'far']],
    ['what labels choose', '?labelSelector=app%3Dweb', ['kept', 'two', 'far']],
    ['what fields choose', '?fieldSelector=metadata.name%3Dtwo', ['kept', 'one', 'far']],
    ['nothing in a dry run', '?dryRun=All', ['kept', 'one', 'two', 'far']],
  ])('deletes %s', async (_, query, expected) => {
    const { status, json } = await api.ask('DELETE', URL + query);
    expect([status, json.kind]).toEqual([200, 'ConfigMapList']);
    expect(await left()).toEqual(expected);
  });
});
