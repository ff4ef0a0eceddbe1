import { describe, expect, it } from 'vitest';
import type { ResourceQuota } from '../../../../src/api/types/gen/core-v1.ts';
import type { Decision, Lister, WriteRequest } from '../../../../src/apiserver/admission/admission.ts';
import { decideDefaultTolerationSeconds } from '../../../../src/apiserver/admission/default-toleration-seconds.ts';
import { decideLimitBounds } from '../../../../src/apiserver/admission/limit-ranger.ts';
import { decideNamespaceLifecycle } from '../../../../src/apiserver/admission/namespace-lifecycle.ts';
import { decideNodeRestriction } from '../../../../src/apiserver/admission/node-restriction/node-restriction.ts';
import { decidePodSecurity } from '../../../../src/apiserver/admission/pod-security/pod-security.ts';
import { decidePriority } from '../../../../src/apiserver/admission/priority.ts';
import { decideResourceQuota } from '../../../../src/apiserver/admission/resource-quota.ts';
import { decideServiceAccount } from '../../../../src/apiserver/admission/service-account.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';

const nobody = { authorize: () => ({ kind: 'no-opinion', reason: '' }) as const };
const named = (name: string, rest: object = {}): ApiObject => ({ metadata: { name }, ...rest });

function lister(objects: Readonly<Record<string, readonly ApiObject[]>>): Lister {
  const of = (resource: string): readonly ApiObject[] => objects[resource] ?? [];
  return {
    get: ({ resource }, _, name) => of(resource).find(object => object.metadata.name === name),
    list: ({ resource }) => of(resource),
  };
}

function createPod(spec: object, more: Partial<WriteRequest> = {}): WriteRequest {
  return {
    operation: 'CREATE',
    resource: { group: '', resource: 'pods' },
    subresource: '',
    namespace: 'default',
    name: 'web',
    user: userInfo('alice', []),
    now: '2026-01-02T03:04:05Z',
    object: named('web', {
      spec: { containers: [{ name: 'app', image: 'nginx', resources: {} }], ...spec },
      status: {},
    }),
    oldObject: undefined,
    ...more,
  };
}

const text = (decision: Decision): string => (decision.kind === 'deny' ? decision.error.message : 'allowed');
const objectOf = (decision: Decision): unknown => (decision.kind === 'allow' ? decision.object : undefined);

describe("refusals, in upstream's words", () => {
  const node = userInfo('system:node:n1', ['system:nodes']);
  const restricted = named('default', {
    metadata: { name: 'default', labels: { 'pod-security.kubernetes.io/enforce': 'baseline' } },
  });
  const range = named('r', { spec: { limits: [{ type: 'Container', max: { cpu: '1' } }] } });
  const cases: readonly [sentence: string, Decision, string][] = [
    [
      'a namespace that is not there',
      decideNamespaceLifecycle(createPod({}), lister({})),
      'namespaces "default" not found',
    ],
    [
      'a namespace that is going',
      decideNamespaceLifecycle(
        createPod({}),
        lister({ namespaces: [named('default', { status: { phase: 'Terminating' } })] }),
      ),
      'pods "web" is forbidden: unable to create new content in namespace default because it is being terminated',
    ],
    [
      'a service account that is not there',
      decideServiceAccount(createPod({}), lister({}), 'abcde'),
      'pods "web" is forbidden: error looking up service account default/default: serviceaccount "default" not found',
    ],
    [
      'a priority class that is not there',
      decidePriority(createPod({ priorityClassName: 'high' }), lister({})),
      'pods "web" is forbidden: no PriorityClass with name high was found',
    ],
    [
      'a pod over the limit',
      decideLimitBounds(
        createPod({ containers: [{ name: 'app', resources: { limits: { cpu: '2' } } }] }),
        lister({ limitranges: [range] }),
      ),
      'pods "web" is forbidden: maximum cpu usage per Container is 1, but limit is 2',
    ],
    [
      'a node that makes a pod of its own',
      decideNodeRestriction(createPod({}, { user: node }), lister({}), nobody),
      'pods "web" is forbidden: pod does not have "kubernetes.io/config.mirror" annotation, node "n1" can only create mirror pods',
    ],
    [
      'a node that writes another node',
      decideNodeRestriction(
        createPod({}, { user: node, resource: { group: '', resource: 'nodes' }, object: named('n2', { spec: {} }) }),
        lister({}),
        nobody,
      ),
      'nodes "web" is forbidden: node "n1" is not allowed to modify node "n2"',
    ],
    [
      "a privileged pod on the host's network where the namespace asks for the baseline",
      decidePodSecurity(
        createPod({ hostNetwork: true, containers: [{ name: 'app', securityContext: { privileged: true } }] }),
        lister({ namespaces: [restricted] }),
      ),
      'pods "web" is forbidden: violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true), privileged (container "app" must not set securityContext.privileged=true)',
    ],
  ];
  it.each(cases)('%s', (_, decision, message) => {
    expect(text(decision)).toBe(message);
  });
});

describe('what admission adds', () => {
  it('mounts the token of the service account', () => {
    const decision = decideServiceAccount(createPod({}), lister({ serviceaccounts: [named('default')] }), 'abcde');
    expect(objectOf(decision)).toMatchObject({
      spec: {
        serviceAccountName: 'default',
        volumes: [{ name: 'kube-api-access-abcde' }],
        containers: [
          { volumeMounts: [{ mountPath: '/var/run/secrets/kubernetes.io/serviceaccount', readOnly: true }] },
        ],
      },
    });
  });
  it('mounts none where the account says so', () => {
    const account = named('default', { automountServiceAccountToken: false });
    const decision = decideServiceAccount(createPod({}), lister({ serviceaccounts: [account] }), 'abcde');
    expect(objectOf(decision)).not.toHaveProperty('spec.volumes.0');
  });
  it('tolerates a node that is away for five minutes', () => {
    expect(objectOf(decideDefaultTolerationSeconds(createPod({})))).toMatchObject({
      spec: { tolerations: [{ tolerationSeconds: 300 }, { tolerationSeconds: 300 }] },
    });
  });
  it('warns of what restricted forbids in the order of the checks', () => {
    const namespace = named('default', {
      metadata: { name: 'default', labels: { 'pod-security.kubernetes.io/warn': 'restricted' } },
    });
    expect(decidePodSecurity(createPod({}), lister({ namespaces: [namespace] }))).toMatchObject({
      warnings: [
        'would violate PodSecurity "restricted:latest": allowPrivilegeEscalation != false (container "app" must set securityContext.allowPrivilegeEscalation=false), unrestricted capabilities (container "app" must set securityContext.capabilities.drop=["ALL"]), runAsNonRoot != true (pod or container "app" must set securityContext.runAsNonRoot=true), seccompProfile (pod or container "app" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
      ],
    });
  });
});

describe('quota', () => {
  const quota = (hard: object, used: object): ResourceQuota =>
    ({ metadata: { name: 'q' }, spec: { hard }, status: { hard, used } }) as ResourceQuota;
  it('charges what a pod takes', () => {
    expect(decideResourceQuota(createPod({}), [quota({ pods: '2' }, { pods: '1' })], 0)).toMatchObject({
      kind: 'charge',
      quotas: [{ status: { used: { pods: '2' } } }],
    });
  });
  it.each([
    [
      'one pod too many',
      { pods: '1' },
      { pods: '1' },
      'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    ],
    [
      'a pod that does not say what it takes',
      { 'limits.cpu': '1' },
      { 'limits.cpu': '0' },
      'failed quota: q: must specify limits.cpu for: app',
    ],
  ])('refuses %s', (_, hard, used, because) => {
    expect(decideResourceQuota(createPod({}), [quota(hard, used)], 0)).toMatchObject({
      error: { message: `pods "web" is forbidden: ${because}` },
    });
  });
});

describe('a mirror pod', () => {
  const mirror = { metadata: { name: 'web', annotations: { 'kubernetes.io/config.mirror': 'x' } }, status: {} };
  const container = (more: object): object => ({ containers: [{ name: 'app', resources: {}, ...more }] });
  const volume = (source: object): object => ({ ...container({}), volumes: [{ name: 'v', ...source }] });
  const cases: readonly [sentence: string, spec: object, what: string][] = [
    ['an account', { ...container({}), serviceAccountName: 'robot' }, 'service accounts'],
    ['an account by its old name', { ...container({}), serviceAccount: 'robot' }, 'service accounts'],
    ['a pull secret', { ...container({}), imagePullSecrets: [{ name: 's' }] }, 'secrets'],
    ['a secret in its environment', container({ envFrom: [{ secretRef: { name: 's' } }] }), 'secrets'],
    ['a secret of a driver', volume({ csi: { driver: 'd', nodePublishSecretRef: { name: 's' } } }), 'secrets'],
    ['a secret of a file share', volume({ azureFile: { secretName: 's', shareName: 'f' } }), 'secrets'],
    ['a config map', volume({ configMap: { name: 'c' } }), 'configmaps'],
    ['a projected config map', volume({ projected: { sources: [{ configMap: { name: 'c' } }] } }), 'configmaps'],
    ['a claim', volume({ persistentVolumeClaim: { claimName: 'p' } }), 'persistentvolumeclaims'],
    ['a claim made for it', volume({ ephemeral: {} }), 'persistentvolumeclaims'],
    [
      'a claim of a device',
      { ...container({}), resourceClaims: [{ name: 'g', resourceClaimName: 'g' }] },
      'resourceclaims',
    ],
    [
      'a claim of a device from a template',
      { ...container({}), resourceClaims: [{ name: 'g', resourceClaimTemplateName: 't' }] },
      'resourceclaims',
    ],
  ];
  it.each(cases)('may not use %s', (_, spec, what) => {
    const anybody = createPod({}, { object: { ...mirror, spec } as ApiObject });
    expect(text(decideServiceAccount(anybody, lister({}), 'abcde'))).toBe(
      `pods "web" is forbidden: a mirror pod may not reference ${what}`,
    );
    const user = userInfo('system:node:n1', ['system:nodes']);
    const owner = { apiVersion: 'v1', kind: 'Node', name: 'n1', uid: 'u1', controller: true };
    const metadata = { ...mirror.metadata, ownerReferences: [owner] };
    const object = { ...mirror, metadata, spec: { ...spec, nodeName: 'n1' } } as ApiObject;
    const nodes = [{ metadata: { name: 'n1', uid: 'u1' } }];
    expect(text(decideNodeRestriction(createPod({}, { user, object }), lister({ nodes }), nobody))).toBe(
      `pods "web" is forbidden: node "n1" can not create pods that reference ${what}`,
    );
  });

  it('may use what its node has', () => {
    const object = { ...mirror, spec: volume({ hostPath: { path: '/etc' } }) } as ApiObject;
    expect(text(decideServiceAccount(createPod({}, { object }), lister({}), 'abcde'))).toBe('allowed');
  });
});
