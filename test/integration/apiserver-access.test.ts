import { createPublicKey, verify } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, refusal } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every kind
type Any = any;

let server: TestApiServer;
let admin: ApiClient;
let jane: ApiClient;
let token = '';
beforeAll(async () => {
  server = await TestApiServer.start();
  admin = server.clientFor('admin', ['system:masters']);
  jane = server.clientFor('jane', ['team']);
  await post('/api/v1/namespaces/default/serviceaccounts', { metadata: { name: 'robot' } });
  token = (await post('/api/v1/namespaces/default/serviceaccounts/robot/token', { spec: {} })).status.token;
  await post(`${RBAC}/namespaces/default/roles`, {
    metadata: { name: 'reader' },
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
  });
  await post(`${RBAC}/namespaces/default/rolebindings`, {
    metadata: { name: 'team-reads' },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'team' }],
  });
});
afterAll(async () => {
  admin.close();
  jane.close();
  await server.remove();
});

const RBAC = '/apis/rbac.authorization.k8s.io/v1';
const AUTHN = '/apis/authentication.k8s.io/v1';
const AUTHZ = '/apis/authorization.k8s.io/v1';
const post = (path: string, body: object, through = admin): Promise<Any> => through.json<Any>('POST', path, { body });
const as = (headers: Readonly<Record<string, string>>, through = admin): Promise<Any> =>
  through.json<Any>('POST', `${AUTHN}/selfsubjectreviews`, { body: {}, headers });

describe('a TokenReview', () => {
  it('knows the user of a token', async () => {
    const { status } = await post(`${AUTHN}/tokenreviews`, { spec: { token } });
    expect(status).toMatchObject({
      authenticated: true,
      user: {
        username: 'system:serviceaccount:default:robot',
        groups: expect.arrayContaining([
          'system:serviceaccounts',
          'system:serviceaccounts:default',
          'system:authenticated',
        ]),
      },
      audiences: ['https://kubernetes.default.svc'],
    });
  });

  it('does not know a token that was changed, nor one for others', async () => {
    const changed = await post(`${AUTHN}/tokenreviews`, { spec: { token: `${token.slice(0, -6)}AAAAAA` } });
    expect(changed.status.authenticated ?? false).toBe(false);
    const others = await post(`${AUTHN}/tokenreviews`, { spec: { token, audiences: ['others'] } });
    expect(others.status.authenticated ?? false).toBe(false);
  });
});

describe('an access review', () => {
  const pods = (verb: string, namespace: string): object => ({ verb, resource: 'pods', namespace });

  it.each([
    ['get', 'default', true],
    ['delete', 'default', false],
    ['get', 'kube-system', false],
  ])('of oneself says of %s in %s: %s', async (verb, namespace, allowed) => {
    const { status } = await post(
      `${AUTHZ}/selfsubjectaccessreviews`,
      { spec: { resourceAttributes: pods(verb, namespace) } },
      jane,
    );
    expect(status.allowed).toBe(allowed);
  });

  it('of somebody else is for who may ask', async () => {
    const spec = { user: 'joan', groups: ['team'], resourceAttributes: pods('list', 'default') };
    expect((await post(`${AUTHZ}/subjectaccessreviews`, { spec })).status).toMatchObject({
      allowed: true,
      reason: expect.stringContaining('RBAC: allowed by RoleBinding "team-reads/default"'),
    });
    expect(await refusal(post(`${AUTHZ}/subjectaccessreviews`, { spec }, jane))).toMatchObject({ code: 403 });
  });

  it('of one namespace is about that', async () => {
    const spec = { user: 'joan', groups: ['team'], resourceAttributes: pods('list', 'default') };
    const path = `${AUTHZ}/namespaces/default/localsubjectaccessreviews`;
    expect((await post(path, { metadata: { namespace: 'default' }, spec })).status.allowed).toBe(true);
    const elsewhere = { ...spec, resourceAttributes: pods('list', 'kube-system') };
    const refused = await refusal(post(path, { metadata: { namespace: 'default' }, spec: elsewhere }));
    expect(refused.code).toBeGreaterThanOrEqual(400);
  });

  it('of paths says who may see them', async () => {
    const spec = { nonResourceAttributes: { path: '/metrics', verb: 'get' } };
    expect((await post(`${AUTHZ}/selfsubjectaccessreviews`, { spec }, jane)).status.allowed).toBe(false);
    expect((await post(`${AUTHZ}/selfsubjectaccessreviews`, { spec })).status.allowed).toBe(true);
  });

  it('of all rules lists them', async () => {
    const { status } = await post(`${AUTHZ}/selfsubjectrulesreviews`, { spec: { namespace: 'default' } }, jane);
    expect(status.resourceRules).toContainEqual({ verbs: ['get', 'list'], apiGroups: [''], resources: ['pods'] });
    expect(status.nonResourceRules.flatMap((rule: Any) => rule.nonResourceURLs)).toContain('/healthz');
  });
});

describe('who asks', () => {
  it('is told who it is', async () => {
    const { status } = await as({}, jane);
    expect(status.userInfo).toMatchObject({ username: 'jane', groups: ['team', 'system:authenticated'] });
  });

  it('may be somebody else where it has the right to', async () => {
    const { status } = await as({
      'impersonate-user': 'bob',
      'impersonate-uid': 'u-1',
      'impersonate-group': 'ops',
      'impersonate-extra-scopes': 'read',
    });
    expect(status.userInfo).toMatchObject({
      username: 'bob',
      uid: 'u-1',
      groups: ['ops', 'system:authenticated'],
      extra: { scopes: ['read'] },
    });
  });

  it('may not be somebody else where it has not', async () => {
    expect(await refusal(as({ 'impersonate-user': 'bob' }, jane))).toMatchObject({
      code: 403,
      message:
        'selfsubjectreviews.authentication.k8s.io is forbidden: User "jane" cannot impersonate-on:user-info:create resource "selfsubjectreviews" in API group "authentication.k8s.io" at the cluster scope',
    });
  });

  it('has no more rights than whom it is', async () => {
    const answer = await admin.request('GET', '/api/v1/namespaces/kube-system/secrets', {
      headers: { 'impersonate-user': 'bob' },
    });
    expect(answer.status).toBe(403);
  });
});

describe('a bootstrap token', () => {
  const secret = (id: string, data: Record<string, string>): object => ({
    metadata: { name: `bootstrap-token-${id}`, namespace: 'kube-system' },
    type: 'bootstrap.kubernetes.io/token',
    stringData: { 'token-id': id, 'token-secret': '0123456789abcdef', ...data },
  });
  const whoami = async (id: string): Promise<Any> => {
    const client = server.clientWithToken(`${id}.0123456789abcdef`);
    const answer = await client.request('POST', `${AUTHN}/selfsubjectreviews`, { body: {} });
    client.close();
    return answer.status === 201 ? JSON.parse(answer.text).status.userInfo : answer.status;
  };
  const SECRETS = '/api/v1/namespaces/kube-system/secrets';

  it('brings a node that joins in', async () => {
    const groups = 'system:bootstrappers:kubeadm:default-node-token';
    await post(SECRETS, secret('abcdef', { 'usage-bootstrap-authentication': 'true', 'auth-extra-groups': groups }));
    expect(await whoami('abcdef')).toMatchObject({
      username: 'system:bootstrap:abcdef',
      groups: expect.arrayContaining(['system:bootstrappers', groups]),
    });
  });

  it.each([
    ['is not made for that', 'nouse0', {}],
    ['has expired', 'old000', { 'usage-bootstrap-authentication': 'true', expiration: '2020-01-01T00:00:00Z' }],
  ])('is refused where it %s', async (_, id, data) => {
    await post(SECRETS, secret(id, data));
    expect(await whoami(id)).toBe(401);
  });
});

describe('RBAC', () => {
  beforeAll(async () => {
    await post(`${RBAC}/namespaces/default/roles`, {
      metadata: { name: 'role-maker' },
      rules: [
        { apiGroups: ['rbac.authorization.k8s.io'], resources: ['roles', 'rolebindings'], verbs: ['create', 'get'] },
      ],
    });
    await post(`${RBAC}/namespaces/default/rolebindings`, {
      metadata: { name: 'jane-makes-roles' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'role-maker' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
  });
  const role = (name: string, resource: string): object => ({
    metadata: { name },
    rules: [{ apiGroups: [''], resources: [resource], verbs: ['get'] }],
  });
  const binding = (name: string, roleName: string): object => ({
    metadata: { name },
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: roleName },
    subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
  });

  it('lets somebody give what it has', async () => {
    await post(`${RBAC}/namespaces/default/roles`, role('pods', 'pods'), jane);
  });

  it('lets nobody give what it has not', async () => {
    const refused = await refusal(post(`${RBAC}/namespaces/default/roles`, role('secrets', 'secrets'), jane));
    expect(refused).toMatchObject({ code: 403 });
    expect(refused.message).toContain('is attempting to grant RBAC permissions not currently held');
    expect(refused.message).toContain('{APIGroups:[""], Resources:["secrets"], Verbs:["get"]}');
  });

  it('lets nobody bind what it has not', async () => {
    const refused = await refusal(
      post(`${RBAC}/namespaces/default/rolebindings`, binding('all', 'cluster-admin'), jane),
    );
    expect(refused).toMatchObject({ code: 403 });
  });

  it('lets bind who has the right to that very role', async () => {
    await post(`${RBAC}/namespaces/default/roles`, {
      metadata: { name: 'binder' },
      rules: [
        {
          apiGroups: ['rbac.authorization.k8s.io'],
          resources: ['clusterroles'],
          verbs: ['bind'],
          resourceNames: ['view'],
        },
      ],
    });
    await post(`${RBAC}/namespaces/default/rolebindings`, {
      metadata: { name: 'jane-binds' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'binder' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name: 'jane' }],
    });
    await post(`${RBAC}/namespaces/default/rolebindings`, binding('view', 'view'), jane);
    expect(await refusal(post(`${RBAC}/namespaces/default/rolebindings`, binding('edit', 'edit'), jane))).toMatchObject(
      { code: 403 },
    );
  });
});

describe('OpenID discovery', () => {
  it('names the issuer and where its keys are', async () => {
    expect(await admin.get<Any>('/.well-known/openid-configuration')).toMatchObject({
      issuer: 'https://kubernetes.default.svc',
      jwks_uri: `${server.url}/openid/v1/jwks`,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
    });
  });

  it('has the key that tokens are signed with', async () => {
    const { keys } = await admin.get<Any>('/openid/v1/jwks');
    const [header = '', payload = '', signature = ''] = token.split('.');
    const { kid } = JSON.parse(Buffer.from(header, 'base64url').toString());
    const jwk = keys.find((key: Any) => key.kid === kid);
    const key = { key: createPublicKey({ key: jwk, format: 'jwk' }), dsaEncoding: 'ieee-p1363' as const };
    expect(verify('sha256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url'))).toBe(true);
  });
});
