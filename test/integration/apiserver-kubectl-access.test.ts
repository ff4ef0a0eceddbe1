import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TestApiServer } from '../harness/api-server.ts';
import { certificateRequest } from '../harness/certificate-request.ts';
import { Kubectl, newestKubectl, suiteOf } from '../harness/kubectl.ts';

const suite = suiteOf(newestKubectl());

describe.skipIf(suite.skipped)(`kubectl asks and gives rights ${suite.title}`, () => {
  let server: TestApiServer;
  let kubectl: Kubectl;
  let jane: Kubectl;

  beforeAll(async () => {
    server = await TestApiServer.start();
    kubectl = new Kubectl({
      program: suite.path,
      server,
      kubeconfig: server.kubeconfigFor('admin', ['system:masters']),
    });
    jane = kubectl.as(server.kubeconfigFor('jane', ['dev']));
    const rbac = 'rbac.authorization.k8s.io';
    await kubectl
      .given([
        { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'robot', namespace: 'default' } },
        { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'bound', namespace: 'default' } },
        { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } },
        { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-2' } },
        {
          apiVersion: 'v1',
          kind: 'Pod',
          metadata: { name: 'robotic', namespace: 'default' },
          spec: {
            serviceAccountName: 'robot',
            nodeName: 'node-1',
            containers: [{ name: 'main', image: 'registry.test/robot:1' }],
          },
        },
        {
          apiVersion: `${rbac}/v1`,
          kind: 'Role',
          metadata: { name: 'tester', namespace: 'default' },
          rules: [
            { apiGroups: [''], resources: ['pods', 'pods/log'], verbs: ['get', 'list'] },
            { apiGroups: ['apps'], resources: ['deployments/scale'], verbs: ['update'] },
            { apiGroups: [''], resources: ['configmaps'], resourceNames: ['one'], verbs: ['get'] },
            { apiGroups: [rbac], resources: ['roles'], verbs: ['create'] },
          ],
        },
        {
          apiVersion: `${rbac}/v1`,
          kind: 'RoleBinding',
          metadata: { name: 'tester', namespace: 'default' },
          roleRef: { apiGroup: rbac, kind: 'Role', name: 'tester' },
          subjects: [{ apiGroup: rbac, kind: 'Group', name: 'dev' }],
        },
      ])
      .ok('create --validate=false -f -');
  });

  afterAll(async () => {
    await server?.remove();
  });

  it.each([
    ['get pods', 'yes'],
    ['delete pods', 'no'],
    ['get pods/log', 'yes'],
    ['get pods --subresource=log', 'yes'],
    ['get pods --subresource=exec', 'no'],
    ['update deployments.apps --subresource=scale', 'yes'],
    ['get configmap/one', 'yes'],
    ['get configmap/two', 'no'],
    ['list pods -A', 'no'],
    ['get /healthz', 'yes'],
    ['get /metrics', 'no'],
    ['create selfsubjectreviews.authentication.k8s.io -A', 'yes'],
  ])('answers whether someone can %s', async (question, answer) => {
    const { out, code } = await jane.run(`auth can-i ${question}`);
    expect({ out, code }).toEqual({ out: answer, code: answer === 'yes' ? 0 : 1 });
  });

  it('answers for another user and group', async () => {
    expect(await kubectl.ok('auth can-i list pods --as=bob --as-group=dev')).toBe('yes');
    expect((await kubectl.run('auth can-i list pods --as=bob')).out).toBe('no');
    expect(await kubectl.ok('auth can-i * * -A')).toBe('yes');
  });

  it('lists what someone may do', async () => {
    const out = await jane.ok('auth can-i --list');
    expect(out).toMatch(/^configmaps +\[\] +\[one\] +\[get\]$/m);
    expect(out).toMatch(/^pods\/log +\[\] +\[\] +\[get list\]$/m);
    expect(out).toMatch(/^selfsubjectreviews.authentication.k8s.io +\[\] +\[\] +\[create\]$/m);
    expect(out).toMatch(/^ +\[\/healthz\] +\[\] +\[get\]$/m);
  });

  it('tells who asks, also under another name', async () => {
    expect(await jane.ok('auth whoami')).toMatch(/^Username +jane\nGroups +\[dev system:authenticated\]$/m);
    const out = await kubectl.ok('auth whoami -o json --as=bob --as-group=x --as-uid=7');
    expect(JSON.parse(out)).toMatchObject({
      status: { userInfo: { username: 'bob', uid: '7', groups: ['x', 'system:authenticated'] } },
    });
  });

  it.each([
    [
      'get secrets',
      'secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "default"',
    ],
    ['get pods -A', 'pods is forbidden: User "jane" cannot list resource "pods" in API group "" at the cluster scope'],
    [
      'get node node-1',
      'nodes "node-1" is forbidden: User "jane" cannot get resource "nodes" in API group "" at the cluster scope',
    ],
    [
      'get pods --as=bob',
      'pods is forbidden: User "jane" cannot impersonate-on:user-info:list resource "pods" in API group "" in the namespace "default"',
    ],
    ['get --raw /metrics', 'forbidden: User "jane" cannot get path "/metrics"'],
  ])('refuses "%s" in upstream’s sentence', async (command, sentence) => {
    expect(await jane.fails(command)).toBe(`Error from server (Forbidden): ${sentence}`);
  });

  it('lets nobody give rights that he has not got', async () => {
    expect(await jane.ok('create role less --verb=get --resource=pods')).toBe(
      'role.rbac.authorization.k8s.io/less created',
    );
    const err = await jane.fails('create role more --verb=get,delete --resource=pods');
    expect(err).toContain(
      'roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete"]}',
    );
  });

  it('reconciles roles and bindings: adds what is missing, and takes away only when told to', async () => {
    const objects = (verbs: readonly string[], users: readonly string[]) => [
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'Role',
        metadata: { name: 'kept', namespace: 'default' },
        rules: [{ apiGroups: [''], resources: ['configmaps'], verbs }],
      },
      {
        apiVersion: 'rbac.authorization.k8s.io/v1',
        kind: 'RoleBinding',
        metadata: { name: 'kept', namespace: 'default' },
        roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'kept' },
        subjects: users.map(name => ({ apiGroup: 'rbac.authorization.k8s.io', kind: 'User', name })),
      },
    ];
    const rules = () => kubectl.ok('get role kept -o', 'jsonpath={.rules[*].verbs[*]}');
    await kubectl.given(objects(['get', 'list'], ['a'])).ok('auth reconcile -f -');
    await kubectl.given(objects(['watch'], ['b'])).ok('auth reconcile -f -');
    expect((await rules()).split(' ').toSorted()).toEqual(['get', 'list', 'watch']);
    expect(await kubectl.ok('get rolebinding kept -o', 'jsonpath={.subjects[*].name}')).toBe('a b');
    await kubectl
      .given(objects(['watch'], ['b']))
      .ok('auth reconcile -f - --remove-extra-permissions --remove-extra-subjects');
    expect(await rules()).toBe('watch');
    expect(await kubectl.ok('get rolebinding kept -o', 'jsonpath={.subjects[*].name}')).toBe('b');
  });

  it('approves and denies certificate requests, once', async () => {
    await kubectl.given([certificateRequest('first'), certificateRequest('second')]).ok('create -f -');
    expect(await kubectl.ok('get csr first --no-headers')).toMatch(
      /^first +\S+ +kubernetes.io\/kube-apiserver-client +admin +24h +Pending$/,
    );
    expect(await kubectl.ok('certificate approve first')).toBe(
      'certificatesigningrequest.certificates.k8s.io/first approved',
    );
    expect(await kubectl.ok('certificate deny second')).toBe(
      'certificatesigningrequest.certificates.k8s.io/second denied',
    );
    expect(await kubectl.ok('get csr first second --no-headers')).toMatch(/^first .* Approved\nsecond .* Denied$/);
    expect(await kubectl.fails('certificate deny first')).toBe(
      'error: certificate signing request "first" is already Approved',
    );
    const text = await kubectl.ok('describe csr first');
    expect(text).toMatch(
      /Requesting User: +admin\nSigner: +kubernetes.io\/kube-apiserver-client\nRequested Duration: +24h\nStatus: +Approved/,
    );
    expect(text).toMatch(/Subject:\n +Common Name: +first\n +Serial Number: +\n +Organization: +dev/);
    expect(await kubectl.ok('get csr -o name --field-selector=spec.signerName=kubernetes.io/other')).toBe('');
  });

  it('refuses a certificate request that holds none', async () => {
    const broken = certificateRequest('broken');
    const object = { ...broken, spec: { ...broken.spec, request: Buffer.from('no request').toString('base64') } };
    expect(await kubectl.given([object]).fails('create -f -')).toContain(
      'spec.request: Invalid value: "bm8gcmVxdWVzdA==": PEM block type must be CERTIFICATE REQUEST',
    );
  });

  const claims = (token: string) =>
    JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as Record<string, unknown>;

  it('creates tokens for a time and an audience', async () => {
    const made = claims(await kubectl.ok('create token robot --duration=20m --audience=one --audience=two'));
    expect(made).toMatchObject({ sub: 'system:serviceaccount:default:robot', aud: ['one', 'two'] });
    expect(Number(made['exp']) - Number(made['iat'])).toBe(1200);
    expect(await kubectl.fails('create token robot --duration=1m')).toContain(
      'may not specify a duration less than 10 minutes',
    );
    expect(await kubectl.fails('create token nobody')).toBe(
      'error: failed to create token: serviceaccounts "nobody" not found',
    );
  });

  it.each([
    ['Secret', 'bound', 'secret bound'],
    ['Pod', 'robotic', 'pod robotic --force --grace-period=0'],
    ['Node', 'node-2', 'node node-2'],
  ])('binds a token to a %s, with which it ends', async (kind, name, target) => {
    const token = await kubectl.ok(`create token robot --bound-object-kind=${kind} --bound-object-name=${name}`);
    expect(claims(token)).toHaveProperty(['kubernetes.io', kind.toLowerCase(), 'name'], name);
    const robot = kubectl.as(server.kubeconfigWithToken(token));
    expect(await robot.ok('auth whoami -o', 'jsonpath={.status.userInfo.username}')).toBe(
      'system:serviceaccount:default:robot',
    );
    await kubectl.ok(`delete ${target}`);
    expect(await robot.fails('auth whoami')).toContain('You must be logged in to the server');
  });

  it('keeps a node to what concerns it', async () => {
    const node = kubectl.as(server.kubeconfigFor('system:node:node-1', ['system:nodes']));
    expect(await node.ok('get node node-1 -o name')).toBe('node/node-1');
    expect(await node.fails('get secrets')).toContain('User "system:node:node-1" cannot list resource "secrets"');
    expect(await node.fails('label node node-1 node-restriction.kubernetes.io/x=y')).toContain(
      'is not allowed to modify labels: node-restriction.kubernetes.io/x',
    );
  });

  it('sends away who has a wrong token', async () => {
    const stranger = kubectl.as(server.kubeconfigWithToken('nonsense'));
    expect(await stranger.fails('get pods')).toBe('error: You must be logged in to the server (Unauthorized)');
  });
});
