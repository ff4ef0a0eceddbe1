import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MemoryApi } from '../../../harness/memory-api.ts';

const PODS = '/api/v1/namespaces/a/pods';
const DEPLOYMENTS = '/apis/apps/v1/namespaces/a/deployments';
const MERGE = 'application/merge-patch+json';

let api: MemoryApi;
beforeEach(async () => {
  api = await MemoryApi.start();
});
afterEach(() => api.stop());

describe('scale', () => {
  beforeEach(async () => {
    await api.ask('POST', DEPLOYMENTS, {
      body: {
        metadata: { name: 'd' },
        spec: {
          replicas: 2,
          selector: { matchLabels: { app: 'd' } },
          template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image: 'i' }] } },
        },
      },
    });
  });

  it('is read as a Scale of the workload', async () => {
    const { json } = await api.ask('GET', `${DEPLOYMENTS}/d/scale`);
    expect(json).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      metadata: { name: 'd', namespace: 'a', resourceVersion: expect.any(String) },
      spec: { replicas: 2 },
      status: { replicas: 0, selector: 'app=d' },
    });
  });

  it.each([
    ['PUT', '', { metadata: { name: 'd' }, spec: { replicas: 5 } }],
    ['PATCH', MERGE, { spec: { replicas: 5 } }],
    ['PATCH', 'application/json-patch+json', [{ op: 'replace', path: '/spec/replicas', value: 5 }]],
  ])('is changed by %s %s', async (method, contentType, body) => {
    const asked = contentType === '' ? { body } : { body, contentType };
    const { status, json } = await api.ask(method, `${DEPLOYMENTS}/d/scale`, asked);
    expect([status, json.kind, json.spec.replicas]).toEqual([200, 'Scale', 5]);
    const workload = (await api.ask('GET', `${DEPLOYMENTS}/d`)).json;
    expect([workload.spec.replicas, workload.metadata.generation]).toEqual([5, 2]);
  });

  it.each([
    ['a negative number', { metadata: { name: 'd' }, spec: { replicas: -1 } }, 422, 'spec.replicas: Invalid value: -1'],
    [
      'another name',
      { metadata: { name: 'e' }, spec: { replicas: 1 } },
      400,
      'the name of the object (e) does not match',
    ],
    [
      'another namespace',
      { metadata: { name: 'd', namespace: 'b' }, spec: { replicas: 1 } },
      400,
      'the namespace of the provided object does not match',
    ],
    [
      'another life',
      { metadata: { name: 'd', uid: 'u' }, spec: { replicas: 1 } },
      409,
      'Operation cannot be fulfilled on deployments/scale.apps "d": Precondition failed: UID in precondition: u, UID',
    ],
    [
      'a label that is none',
      { metadata: { name: 'd', labels: { a: '-' } }, spec: { replicas: 1 } },
      422,
      'metadata.labels: Invalid value: "-"',
    ],
    ['an old version', { metadata: { name: 'd', resourceVersion: '1' }, spec: { replicas: 1 } }, 409, 'modified'],
  ])('is refused for %s', async (_, body, status, message) => {
    const { json } = await api.ask('PUT', `${DEPLOYMENTS}/d/scale`, { body });
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it('of what is not there is not found', async () => {
    expect((await api.ask('GET', `${DEPLOYMENTS}/none/scale`)).status).toBe(404);
  });
});

const pod = (name: string, more: object = {}, status: object = {}) =>
  api.put(`/registry/pods/a/${name}`, {
    kind: 'Pod',
    apiVersion: 'v1',
    metadata: { name, namespace: 'a', uid: `u-${name}`, labels: { app: 'web' } },
    spec: { containers: [{ name: 'c', image: 'i' }], ...more },
    status,
  });

describe('a binding', () => {
  const binding = (name: string, target: object = { kind: 'Node', name: 'n1' }) => ({
    kind: 'Binding',
    apiVersion: 'v1',
    metadata: { name },
    target,
  });
  beforeEach(() => pod('p'));

  it.each([
    ['of the pod', `${PODS}/p/binding`],
    ['of the namespace', '/api/v1/namespaces/a/bindings'],
  ])('%s puts the pod on its node and says that it is scheduled', async (_, url) => {
    const { status, json } = await api.ask('POST', url, { body: binding('p') });
    expect([status, json.status, json.code]).toEqual([201, 'Success', 201]);
    const bound = (await api.ask('GET', `${PODS}/p`)).json;
    expect([bound.spec.nodeName, bound.status.conditions]).toMatchObject([
      'n1',
      [{ type: 'PodScheduled', status: 'True' }],
    ]);
  });

  it.each([
    ['another name', binding('q'), 400, ''],
    ['no node', binding('p', { kind: 'Node' }), 422, 'target.name: Required value'],
    ['another kind of target', binding('p', { kind: 'Pod', name: 'x' }), 422, 'target.kind: Unsupported value: "Pod"'],
  ])('with %s is refused', async (_, body, status, message) => {
    const { json } = await api.ask('POST', `${PODS}/p/binding`, { body });
    expect([json.code, json.message]).toEqual([status, expect.stringContaining(message)]);
  });

  it('of a pod that has a node is a conflict', async () => {
    await api.ask('POST', `${PODS}/p/binding`, { body: binding('p') });
    const { json } = await api.ask('POST', `${PODS}/p/binding`, { body: binding('p', { kind: 'Node', name: 'n2' }) });
    expect([json.code, json.message]).toEqual([409, expect.stringContaining('pod p is already assigned to node "n1"')]);
  });
});

describe('an eviction', () => {
  const eviction = (name: string, more: object = {}) => ({
    kind: 'Eviction',
    apiVersion: 'policy/v1',
    metadata: { name },
    ...more,
  });
  const budget = (allowed: number) =>
    api.put('/registry/poddisruptionbudgets/a/b', {
      kind: 'PodDisruptionBudget',
      apiVersion: 'policy/v1',
      metadata: { name: 'b', namespace: 'a' },
      spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
      status: {
        disruptionsAllowed: allowed,
        currentHealthy: 3,
        desiredHealthy: 1,
        expectedPods: 3,
        observedGeneration: 0,
      },
    });
  const READY = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };

  it('deletes a pod that no budget keeps', async () => {
    await pod('p');
    const { status, json } = await api.ask('POST', `${PODS}/p/eviction`, { body: eviction('p') });
    expect([status, json.status]).toEqual([201, 'Success']);
    expect((await api.ask('GET', `${PODS}/p`)).status).toBe(404);
  });

  it('is charged to the budget', async () => {
    await pod('p', {}, READY);
    await budget(1);
    expect((await api.ask('POST', `${PODS}/p/eviction`, { body: eviction('p') })).status).toBe(201);
    const { json } = await api.ask('GET', '/apis/policy/v1/namespaces/a/poddisruptionbudgets/b');
    expect([json.status.disruptionsAllowed, Object.keys(json.status.disruptedPods)]).toEqual([0, ['p']]);
  });

  it('is refused where the budget allows none', async () => {
    await pod('p', {}, READY);
    await budget(0);
    const { json } = await api.ask('POST', `${PODS}/p/eviction`, { body: eviction('p') });
    expect([json.code, json.reason, json.message]).toEqual([
      429,
      'TooManyRequests',
      "Cannot evict pod as it would violate the pod's disruption budget.",
    ]);
    expect((await api.ask('GET', `${PODS}/p`)).status).toBe(200);
  });

  it('of a dry run leaves pod and budget as they are', async () => {
    await pod('p', {}, READY);
    await budget(1);
    const body = eviction('p', { deleteOptions: { dryRun: ['All'] } });
    expect((await api.ask('POST', `${PODS}/p/eviction`, { body })).status).toBe(201);
    expect((await api.ask('GET', `${PODS}/p`)).json.metadata.deletionTimestamp).toBeUndefined();
    const { json } = await api.ask('GET', '/apis/policy/v1/namespaces/a/poddisruptionbudgets/b');
    expect(json.status.disruptionsAllowed).toBe(1);
  });

  it.each([
    [
      'another life',
      { uid: 'other' },
      /^the UID in the precondition \(other\) does not match the UID in record \(.+\)\. The object might have been deleted and then recreated$/,
    ],
    [
      'another version',
      { resourceVersion: '1' },
      /^the ResourceVersion in the precondition \(1\) does not match the ResourceVersion in record \(\d+\)\. The object might have been modified$/,
    ],
  ])('of %s of a pod is a conflict, be the pod one that no budget counts', async (_, preconditions, because) => {
    await pod('p', {}, { phase: 'Pending' });
    const body = eviction('p', { deleteOptions: { preconditions } });
    const { json } = await api.ask('POST', `${PODS}/p/eviction`, { body });
    const [head, ...rest] = json.message.split(': ');
    expect([json.code, json.reason, head]).toEqual([409, 'Conflict', 'Operation cannot be fulfilled on Pod "p"']);
    expect(rest.join(': ')).toMatch(because);
  });

  it('of what is not there is not found', async () => {
    expect((await api.ask('POST', `${PODS}/none/eviction`, { body: eviction('none') })).status).toBe(404);
  });
});

describe('a review', () => {
  it.each([
    ['may do what its verb allows', 'get', true],
    ['may not do what it does not', 'impersonate', false],
  ])('says that a user %s', async (_, verb, allowed) => {
    const { status, json } = await api.ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      body: { spec: { user: 'jane', resourceAttributes: { verb, resource: 'pods', namespace: 'a' } } },
    });
    expect([status, json.kind, json.status.allowed]).toEqual([201, 'SubjectAccessReview', allowed]);
  });

  it('of oneself is about who asks', async () => {
    const body = { spec: { resourceAttributes: { verb: 'impersonate', resource: 'users' } } };
    const url = '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews';
    expect((await api.ask('POST', url, { body })).json.status.allowed).toBe(true);
    expect((await api.ask('POST', url, { body, user: 'jane' })).json.status.allowed).toBe(false);
  });

  it('of who one is names the user', async () => {
    const url = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const { json } = await api.ask('POST', url, { body: {}, user: 'jane' });
    expect(json.status.userInfo.username).toBe('jane');
  });

  it.each([
    ['authentication.k8s.io/v1/selfsubjectreviews', {}, { creationTimestamp: '2030-01-01T00:00:00Z' }],
    ['authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: 'a' } }, {}],
  ])('of oneself (%s) is no echo of what was asked', async (path, asked, metadata) => {
    const body = { ...asked, metadata: { name: 'x', labels: { a: 'b' } } };
    const { status, json } = await api.ask('POST', `/apis/${path}`, { body });
    expect([status, json.metadata, json.spec ?? {}]).toEqual([201, metadata, {}]);
    expect(json.status).not.toEqual({});
  });

  it('of a namespace is refused for another', async () => {
    const { json } = await api.ask('POST', '/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews', {
      body: { spec: { user: 'jane', resourceAttributes: { verb: 'get', resource: 'pods', namespace: 'default' } } },
    });
    expect([json.code, json.message]).toEqual([
      422,
      'LocalSubjectAccessReview.authorization.k8s.io "" is invalid: spec.resourceAttributes.namespace: Invalid value: "default": must match metadata.namespace',
    ]);
  });

  const resourceAttributes = { verb: 'get', resource: 'pods' };
  const nonResourceAttributes = { verb: 'get', path: '/' };
  it.each([
    [
      'no question',
      { user: 'jane' },
      'spec.resourceAttributes: Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified',
    ],
    [
      'two questions',
      { user: 'jane', resourceAttributes, nonResourceAttributes },
      'cannot be specified in combination with resourceAttributes',
    ],
    ['nobody', { resourceAttributes }, 'spec.user: Invalid value: "": at least one of user or group must be specified'],
  ])('with %s is refused', async (_, spec, message) => {
    const { json } = await api.ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body: { spec } });
    expect([json.code, json.message]).toEqual([422, expect.stringContaining(message)]);
  });

  it.each([
    [
      'a name and labels',
      { metadata: { name: 'x', labels: { b: '2', a: '1' } } },
      'metadata: Invalid value: {"name":"x","labels":{"a":"1","b":"2"}}: must be empty',
    ],
    [
      'both forms of a selector',
      { fieldSelector: { rawSelector: 'a=b', requirements: [{ key: 'a', operator: 'In', values: ['b'] }] } },
      'spec.resourceAttributes.fieldSelector.rawSelector: Invalid value: "a=b": may not specified at the same time as requirements',
    ],
    [
      'an empty selector',
      { labelSelector: {} },
      'spec.resourceAttributes.labelSelector.requirements: Required value: when spec.resourceAttributes.labelSelector is specified, requirements or rawSelector is required',
    ],
    [
      'a requirement of no field and no value',
      { fieldSelector: { requirements: [{ key: '', operator: 'In' }] } },
      "[spec.resourceAttributes.fieldSelector.requirements[0].key: Required value: must be specified, spec.resourceAttributes.fieldSelector.requirements[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn']",
    ],
    [
      'a requirement with values that it does not take',
      { labelSelector: { requirements: [{ key: 'a', operator: 'Exists', values: ['b'] }] } },
      "spec.resourceAttributes.labelSelector.requirements[0].values: Forbidden: may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
    ],
    [
      'a label that cannot be',
      { labelSelector: { requirements: [{ key: 'a', operator: 'In', values: ['-'] }] } },
      'spec.resourceAttributes.labelSelector.requirements[0].values[0]: Invalid value: "-": a valid label',
    ],
  ])('of access with %s is refused', async (_, more, message) => {
    const { metadata = {}, ...selectors } = more as { metadata?: object };
    const body = { metadata, spec: { user: 'jane', resourceAttributes: { ...resourceAttributes, ...selectors } } };
    const { json } = await api.ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body });
    const subject = 'SubjectAccessReview.authorization.k8s.io "" is invalid: ';
    expect([json.code, json.message]).toEqual([422, expect.stringContaining(subject + message)]);
    const { user: _user, ...spec } = body.spec;
    const self = { body: { metadata, spec } };
    const own = await api.ask('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', self);
    expect([own.json.code, own.json.message]).toEqual([422, expect.stringContaining(message)]);
  });

  it('of access may say what a server sets, and its namespace', async () => {
    const metadata = { uid: 'u', creationTimestamp: '2030-01-01T00:00:00Z', namespace: 'a' };
    const local = { metadata, spec: { user: 'jane', resourceAttributes: { ...resourceAttributes, namespace: 'a' } } };
    const url = '/apis/authorization.k8s.io/v1/namespaces/a/localsubjectaccessreviews';
    expect(await api.ask('POST', url, { body: local })).toMatchObject({
      status: 201,
      json: { metadata: { namespace: 'a' } },
    });
    const named = { ...local, metadata: { ...metadata, name: 'x' } };
    expect((await api.ask('POST', url, { body: named })).json.message).toContain(
      'metadata: Invalid value: {"name":"x","namespace":"a"}: must be empty except for namespace',
    );
    const elsewhere = { ...local, metadata: { namespace: 'b' } };
    expect((await api.ask('POST', url, { body: elsewhere })).json).toMatchObject({
      code: 400,
      message: 'the namespace of the provided object does not match the namespace sent on the request',
    });
  });

  const PARTLY = 'spec.resourceAttributes.fieldSelector partially ignored due to parse error';
  it.each([
    [
      'can be read',
      { fieldSelector: { rawSelector: 'spec.nodeName=n' }, labelSelector: { rawSelector: 'a=b' } },
      undefined,
    ],
    [
      'cannot be read',
      { labelSelector: { rawSelector: 'a=b=c' } },
      'spec.resourceAttributes.labelSelector ignored due to parse error',
    ],
    [
      'only a newer server knows',
      {
        fieldSelector: {
          requirements: [
            { key: 'a', operator: 'Near', values: ['b'] },
            { key: 'a', operator: 'In', values: ['b'] },
          ],
        },
        labelSelector: { requirements: [{ key: 'a', operator: 'Near', values: ['b'] }] },
      },
      `${PARTLY}; spec.resourceAttributes.labelSelector ignored due to parse error`,
    ],
  ])('of access by a selector that %s is answered, and says so', async (_, selectors, evaluationError) => {
    const body = { spec: { user: 'jane', resourceAttributes: { verb: 'list', resource: 'pods', ...selectors } } };
    const { status, json } = await api.ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', { body });
    expect([status, json.status.evaluationError]).toEqual([201, evaluationError]);
  });

  it('of a token that nobody gave says so', async () => {
    const { json } = await api.ask('POST', '/apis/authentication.k8s.io/v1/tokenreviews', {
      body: { spec: { token: 'x' } },
    });
    expect(json.status.authenticated ?? false).toBe(false);
  });
});
