import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, refusal } from '../harness/api-client.ts';
import { TestApiServer } from '../harness/api-server.ts';
import { waitFor } from '../harness/wait-for.ts';

// biome-ignore lint/suspicious/noExplicitAny: tests look into objects of every kind
type Any = any;

let server: TestApiServer;
let admin: ApiClient;
let node: ApiClient;
beforeAll(async () => {
  server = await TestApiServer.start();
  admin = server.clientFor('admin', ['system:masters']);
  node = server.clientFor('system:node:n1', ['system:nodes']);
  await space('default-a');
});
afterAll(async () => {
  admin.close();
  node.close();
  await server.remove();
});

const post = (path: string, body: object, through = admin): Promise<Any> => through.json<Any>('POST', path, { body });
const put = (path: string, body: object, through = admin): Promise<Any> => through.json<Any>('PUT', path, { body });
const inSpace = (namespace: string, plural: string): string => `/api/v1/namespaces/${namespace}/${plural}`;
const container = (more: object = {}): object => ({ name: 'app', image: 'registry.test/app', ...more });
const pod = (name: string, spec: object = {}, metadata: object = {}): object => ({
  metadata: { name, ...metadata },
  spec: { containers: [container()], ...spec },
});
/** Until admission, which reads classes as a watch tells of them, gives the default one to what would be made. */
const known = (path: string, body: object, defaulted: (spec: Any) => unknown): Promise<unknown> =>
  waitFor('the default class to be known', async () => defaulted((await post(`${path}?dryRun=All`, body)).spec));
/** A namespace with its account, which a controller would make. */
async function space(name: string, labels: Record<string, string> = {}): Promise<string> {
  await post('/api/v1/namespaces', { metadata: { name, labels } });
  await post(inSpace(name, 'serviceaccounts'), { metadata: { name: 'default' } });
  return name;
}
const quota = async (namespace: string, name: string, hard: Record<string, string>): Promise<void> => {
  const made = await post(inSpace(namespace, 'resourcequotas'), { metadata: { name }, spec: { hard } });
  const used = Object.fromEntries(Object.keys(hard).map(key => [key, '0']));
  await put(`${inSpace(namespace, 'resourcequotas')}/${name}/status`, { ...made, status: { hard, used } });
};

describe('NamespaceLifecycle', () => {
  it('refuses what is made in a namespace that is not there', async () => {
    const refused = await refusal(post(inSpace('gone', 'configmaps'), { metadata: { name: 'x' } }));
    expect(refused).toMatchObject({ code: 404, message: 'namespaces "gone" not found' });
  });

  it('refuses new content while a namespace is deleted, and lets what is there be changed', async () => {
    await space('going');
    const made = await post(inSpace('going', 'configmaps'), { metadata: { name: 'old' } });
    await admin.json('DELETE', '/api/v1/namespaces/going');
    const refused = await refusal(post(inSpace('going', 'configmaps'), { metadata: { name: 'new' } }));
    expect(refused).toMatchObject({
      code: 403,
      message:
        'configmaps "new" is forbidden: unable to create new content in namespace going because it is being terminated',
      details: { causes: [{ reason: 'NamespaceTerminating', field: 'metadata.namespace' }] },
    });
    expect(await put(`${inSpace('going', 'configmaps')}/old`, { ...made, data: { a: 'b' } })).toMatchObject({
      data: { a: 'b' },
    });
  });

  it.each(['default', 'kube-system', 'kube-public'])('keeps %s', async name => {
    const refused = await refusal(admin.json('DELETE', `/api/v1/namespaces/${name}`));
    expect(refused).toMatchObject({
      code: 403,
      message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
    });
  });
});

describe('ServiceAccount', () => {
  it('gives a pod the default account and a token', async () => {
    const { spec } = await post(inSpace('default-a', 'pods'), pod('account'));
    expect(spec.serviceAccountName).toBe('default');
    expect(spec.containers[0].volumeMounts).toMatchObject([
      { mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true },
    ]);
    expect(spec.volumes[0].projected.sources).toHaveLength(3);
  });

  it('gives no token where the pod wants none', async () => {
    const { spec } = await post(
      inSpace('default-a', 'pods'),
      pod('tokenless', { automountServiceAccountToken: false }),
    );
    expect(spec.volumes).toBeUndefined();
  });

  it('refuses an account that is not there', async () => {
    const refused = await refusal(
      post(inSpace('default-a', 'pods'), pod('stranger', { serviceAccountName: 'nobody' })),
    );
    expect(refused).toMatchObject({
      code: 403,
      message:
        'pods "stranger" is forbidden: error looking up service account default-a/nobody: serviceaccount "nobody" not found',
    });
  });
});

describe('LimitRanger', () => {
  beforeAll(async () => {
    await space('limited');
    const limits = [
      {
        type: 'Container',
        default: { cpu: '200m' },
        defaultRequest: { cpu: '100m' },
        max: { cpu: '1' },
        min: { cpu: '50m' },
      },
      { type: 'PersistentVolumeClaim', max: { storage: '1Gi' } },
    ];
    await post(inSpace('limited', 'limitranges'), { metadata: { name: 'r' }, spec: { limits } });
  });

  it('fills in what a container does not say', async () => {
    const made = await post(inSpace('limited', 'pods'), pod('filled'));
    expect(made.spec.containers[0].resources).toEqual({ limits: { cpu: '200m' }, requests: { cpu: '100m' } });
    expect(made.metadata.annotations['kubernetes.io/limit-ranger']).toBe(
      'LimitRanger plugin set: cpu request for container app; cpu limit for container app',
    );
  });

  it('refuses what is too much', async () => {
    const resources = { requests: { cpu: '2' }, limits: { cpu: '2' } };
    const refused = await refusal(
      post(inSpace('limited', 'pods'), pod('large', { containers: [container({ resources })] })),
    );
    expect(refused).toMatchObject({
      code: 403,
      message: 'pods "large" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    });
  });

  it('says what is wrong with a pod before it says what is too much', async () => {
    const resources = { requests: { cpu: '2' }, limits: { cpu: '2' } };
    const wrong = pod('large', { containers: [{ ...container({ resources }), name: 'No' }] });
    expect(await refusal(post(inSpace('limited', 'pods'), wrong))).toMatchObject({ code: 422 });
  });

  it('holds claims to their size', async () => {
    const claim = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } };
    const refused = await refusal(
      post(inSpace('limited', 'persistentvolumeclaims'), { metadata: { name: 'c' }, spec: claim }),
    );
    expect(refused.message).toBe(
      'persistentvolumeclaims "c" is forbidden: maximum storage usage per PersistentVolumeClaim is 1Gi, but request is 2Gi',
    );
  });
});

describe('Priority', () => {
  const CLASSES = '/apis/scheduling.k8s.io/v1/priorityclasses';
  beforeAll(async () => {
    await post(CLASSES, { metadata: { name: 'high' }, value: 1000, preemptionPolicy: 'Never' });
  });

  it('turns a name into a number', async () => {
    const { spec } = await post(inSpace('default-a', 'pods'), pod('high', { priorityClassName: 'high' }));
    expect([spec.priority, spec.preemptionPolicy]).toEqual([1000, 'Never']);
  });

  it('refuses a name that nobody knows', async () => {
    const refused = await refusal(post(inSpace('default-a', 'pods'), pod('unknown', { priorityClassName: 'unknown' })));
    expect(refused).toMatchObject({
      code: 403,
      message: 'pods "unknown" is forbidden: no PriorityClass with name unknown was found',
    });
  });

  it('lets one class be the default', async () => {
    await post(CLASSES, { metadata: { name: 'common' }, value: 7, globalDefault: true });
    await known(inSpace('default-a', 'pods'), pod('common'), spec => spec.priorityClassName);
    const { spec } = await post(inSpace('default-a', 'pods'), pod('common'));
    expect([spec.priorityClassName, spec.priority]).toEqual(['common', 7]);
    const refused = await refusal(post(CLASSES, { metadata: { name: 'second' }, value: 8, globalDefault: true }));
    expect(refused.message).toBe(
      'priorityclasses.scheduling.k8s.io "second" is forbidden: PriorityClass common is already marked as default. Only one default can exist',
    );
    await admin.json('DELETE', `${CLASSES}/common`);
  });
});

describe('DefaultTolerationSeconds', () => {
  it('lets a pod stay for five minutes on a node that is lost', async () => {
    const { spec } = await post(inSpace('default-a', 'pods'), pod('tolerant'));
    expect(spec.tolerations).toEqual(
      ['not-ready', 'unreachable'].map(key => ({
        key: `node.kubernetes.io/${key}`,
        operator: 'Exists',
        effect: 'NoExecute',
        tolerationSeconds: 300,
      })),
    );
  });
});

describe('TaintNodesByCondition', () => {
  it('keeps pods from a new node until it says that it is ready', async () => {
    const { spec } = await post('/api/v1/nodes', { metadata: { name: 'n9' } });
    expect(spec.taints).toEqual([{ key: 'node.kubernetes.io/not-ready', effect: 'NoSchedule' }]);
  });
});

describe('DefaultStorageClass, DefaultIngressClass and RuntimeClass', () => {
  it('give a claim the default class', async () => {
    const annotations = { 'storageclass.kubernetes.io/is-default-class': 'true' };
    await post('/apis/storage.k8s.io/v1/storageclasses', { metadata: { name: 'fast', annotations }, provisioner: 'p' });
    const spec = { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } };
    const claims = inSpace('default-a', 'persistentvolumeclaims');
    await known(claims, { metadata: { name: 'c' }, spec }, claim => claim.storageClassName);
    const made = await post(claims, { metadata: { name: 'c' }, spec });
    expect(made.spec.storageClassName).toBe('fast');
  });

  it('give an ingress the default class', async () => {
    const annotations = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
    const root = '/apis/networking.k8s.io/v1';
    await post(`${root}/ingressclasses`, { metadata: { name: 'front', annotations }, spec: { controller: 'a.b/c' } });
    const defaultBackend = { service: { name: 'web', port: { number: 80 } } };
    const ingress = { metadata: { name: 'i' }, spec: { defaultBackend } };
    await known(`${root}/namespaces/default-a/ingresses`, ingress, spec => spec.ingressClassName);
    const made = await post(`${root}/namespaces/default-a/ingresses`, ingress);
    expect(made.spec.ingressClassName).toBe('front');
  });

  it('give a pod the overhead of its runtime', async () => {
    const runtime = { metadata: { name: 'heavy' }, handler: 'heavy', overhead: { podFixed: { cpu: '250m' } } };
    await post('/apis/node.k8s.io/v1/runtimeclasses', runtime);
    const { spec } = await post(inSpace('default-a', 'pods'), pod('heavy', { runtimeClassName: 'heavy' }));
    expect(spec.overhead).toEqual({ cpu: '250m' });
    const refused = await refusal(post(inSpace('default-a', 'pods'), pod('light', { runtimeClassName: 'light' })));
    expect(refused.message).toBe('pods "light" is forbidden: pod rejected: RuntimeClass "light" not found');
  });
});

describe('ResourceQuota', () => {
  it('counts, and refuses one too many', async () => {
    await space('counted');
    await quota('counted', 'q', { configmaps: '2' });
    await post(inSpace('counted', 'configmaps'), { metadata: { name: 'one' } });
    await post(inSpace('counted', 'configmaps'), { metadata: { name: 'two' } });
    const refused = await refusal(post(inSpace('counted', 'configmaps'), { metadata: { name: 'three' } }));
    expect(refused).toMatchObject({
      code: 403,
      message:
        'configmaps "three" is forbidden: exceeded quota: q, requested: configmaps=1, used: configmaps=2, limited: configmaps=2',
    });
  });

  it('is exact where many ask at once', async () => {
    await space('crowded');
    await quota('crowded', 'first', { configmaps: '10' });
    await quota('crowded', 'second', { 'count/configmaps': '30' });
    const codes = await Promise.all(
      Array.from({ length: 30 }, async (_, index) => {
        const body = { metadata: { name: `x-${index}` } };
        return (await admin.request('POST', inSpace('crowded', 'configmaps'), { body })).status;
      }),
    );
    expect(codes.toSorted()).toEqual([...Array(10).fill(201), ...Array(20).fill(403)]);
    const { items } = await admin.get<Any>(inSpace('crowded', 'resourcequotas'));
    expect(items.map((item: Any) => item.status.used)).toEqual([{ configmaps: '10' }, { 'count/configmaps': '10' }]);
  });

  it('charges as many quotas as etcd takes, and refuses what more of them count', async () => {
    await space('divided');
    const names = Array.from({ length: 120 }, (_, index) => `q-${index}`);
    for (const name of names) await quota('divided', name, { configmaps: '9' });
    await post(inSpace('divided', 'configmaps'), { metadata: { name: 'one' } });
    await quota('divided', 'last', { configmaps: '9' });
    const refused = await refusal(post(inSpace('divided', 'configmaps'), { metadata: { name: 'two' } }));
    expect(refused).toMatchObject({ code: 403, message: expect.stringContaining('121 quotas of namespace "divided"') });
    const { items } = await admin.get<Any>(inSpace('divided', 'resourcequotas'));
    expect(items.filter((item: Any) => item.status.used.configmaps === '1')).toHaveLength(names.length);
  });

  it('wants pods to say what they take', async () => {
    await space('measured');
    await quota('measured', 'q', { 'requests.cpu': '1' });
    const refused = await refusal(post(inSpace('measured', 'pods'), pod('silent')));
    expect(refused.message).toBe('pods "silent" is forbidden: failed quota: q: must specify requests.cpu for: app');
  });
});

describe('PodSecurity', () => {
  const hostile = { hostNetwork: true };

  it('refuses a pod by the level of its namespace', async () => {
    await space('guarded', { 'pod-security.kubernetes.io/enforce': 'baseline' });
    const refused = await refusal(post(inSpace('guarded', 'pods'), pod('hostile', hostile)));
    expect(refused).toMatchObject({
      code: 403,
      message:
        'pods "hostile" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    });
  });

  it('refuses a level that nobody knows', async () => {
    const labels = { 'pod-security.kubernetes.io/enforce': 'high' };
    const refused = await refusal(post('/api/v1/namespaces', { metadata: { name: 'wrong', labels } }));
    expect(refused).toMatchObject({ code: 422, reason: 'Invalid' });
  });
});

describe('NodeRestriction', () => {
  beforeAll(async () => {
    await post('/api/v1/nodes', { metadata: { name: 'n1' } }, node);
  });

  it('lets a node make its own CSINode, and no other', async () => {
    const path = '/apis/storage.k8s.io/v1/csinodes';
    await post(path, { metadata: { name: 'n1' }, spec: { drivers: [] } }, node);
    const refused = await refusal(post(path, { metadata: { name: 'n2' }, spec: { drivers: [] } }, node));
    expect(refused).toMatchObject({
      code: 403,
      message:
        'csinodes.storage.k8s.io "n2" is forbidden: can only access CSINode with the same name as the requesting node',
    });
  });

  it('lets a node make the lease of its name, and no other', async () => {
    const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
    await post(path, { metadata: { name: 'n1' }, spec: {} }, node);
    const refused = await refusal(post(path, { metadata: { name: 'n2' }, spec: {} }, node));
    expect(refused.message).toContain('can only access node lease with the same name as the requesting node');
  });

  it('lets a node make no pod that is no mirror of its own', async () => {
    const refused = await refusal(post(inSpace('default-a', 'pods'), pod('own', { nodeName: 'n1' }), node));
    expect(refused.message).toBe(
      'pods "own" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
    );
  });

  it('lets a node give itself no label that others trust', async () => {
    const found = await admin.get<Any>('/api/v1/nodes/n1');
    const labels = { ...found.metadata.labels, 'node-restriction.kubernetes.io/x': 'y' };
    const refused = await refusal(put('/api/v1/nodes/n1', { ...found, metadata: { ...found.metadata, labels } }, node));
    expect(refused.message).toBe(
      'nodes "n1" is forbidden: is not allowed to modify labels: node-restriction.kubernetes.io/x',
    );
  });

  it('lets a node claim no devices by the status of its pods', async () => {
    const made = await post(inSpace('default-a', 'pods'), pod('claimer', { nodeName: 'n1' }));
    const status = { ...made.status, resourceClaimStatuses: [{ name: 'gpu', resourceClaimName: 'c' }] };
    const refused = await refusal(put(`${inSpace('default-a', 'pods')}/claimer/status`, { ...made, status }, node));
    expect(refused.message).toBe('pods "claimer" is forbidden: node "n1" cannot update resource claim statues');
  });
});
