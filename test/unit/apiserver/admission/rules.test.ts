import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { Decision, Lister, WriteRequest } from '../../../../src/apiserver/admission/admission.ts';
import { decideClaimResize } from '../../../../src/apiserver/admission/claim-resize.ts';
import { decideDefaultIngressClass } from '../../../../src/apiserver/admission/default-ingress-class.ts';
import { decideLimitBounds, decideLimitDefaults } from '../../../../src/apiserver/admission/limit-ranger.ts';
import { decidePodSecurity } from '../../../../src/apiserver/admission/pod-security/pod-security.ts';
import { decideOverhead, decideRuntimeClass } from '../../../../src/apiserver/admission/runtime-class.ts';
import { decideServiceAccount } from '../../../../src/apiserver/admission/service-account.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';

const lister = (objects: Readonly<Record<string, readonly object[]>>): Lister => ({
  get: ({ resource }, _namespace, name) =>
    (objects[resource] as readonly ApiObject[] | undefined)?.find(object => object.metadata.name === name),
  list: ({ resource }) => (objects[resource] ?? []) as readonly ApiObject[],
});
const write = (resource: string, object: object, more: object = {}): WriteRequest => {
  const [plural = '', ...group] = resource.split('.');
  return {
    operation: 'CREATE',
    resource: { group: group.join('.'), resource: plural },
    subresource: '',
    namespace: 'a',
    name: 'x',
    user: userInfo('jane', []),
    now: '2030-01-01T00:00:00Z',
    object,
    oldObject: undefined,
    ...more,
  } as WriteRequest;
};
const named = (name: string, rest: object = {}, metadata: object = {}): object => ({
  metadata: { name, ...metadata },
  ...rest,
});
const pod = (spec: object = {}, metadata: object = {}): object => ({
  metadata: { name: 'x', ...metadata },
  spec: { containers: [{ name: 'app', image: 'i', resources: {} }], ...spec },
  status: {},
});
const update = (oldObject: object, subresource = ''): object => ({ operation: 'UPDATE', oldObject, subresource });
/** What became of the object: the refusal's words, or what `look` sees of it. */
const outcome = (decision: Decision, look: (object: Pod) => unknown = () => 'allowed'): unknown => {
  if (decision.kind === 'deny') return decision.error.message.replace(/^.* is forbidden: /, '');
  return decision.object === undefined ? 'allowed' : look(decision.object as Pod);
};

describe('LimitRanger', () => {
  const range = (...limits: object[]): object => named('r', { spec: { limits } });
  const sized = (requests: object, limits: object = {}): object => ({
    containers: [{ name: 'app', resources: { requests, limits } }],
  });

  it('fills in what each range says in turn: the first that says something counts', () => {
    const ranges = [
      range({ type: 'Container', default: { cpu: '1' }, defaultRequest: { cpu: '500m' } }),
      range({ type: 'Container', default: { cpu: '9', memory: '1Gi' } }),
    ];
    const decided = decideLimitDefaults(write('pods', pod()), lister({ limitranges: ranges }));
    expect(outcome(decided, object => [object.spec.containers[0]?.resources, object.metadata.annotations])).toEqual([
      { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } },
      { 'kubernetes.io/limit-ranger': 'LimitRanger plugin set: memory limit for container app' },
    ]);
  });

  const cases: readonly [sentence: string, request: WriteRequest, range: object, outcome: string][] = [
    [
      'holds a pod that is resized',
      write('pods', pod(sized({ cpu: '3' }, { cpu: '3' })), update(pod(), 'resize')),
      range({ type: 'Container', max: { cpu: '2' } }),
      'maximum cpu usage per Container is 2, but limit is 3',
    ],
    [
      'does not look at other changes',
      write('pods', pod(sized({ cpu: '3' }, { cpu: '3' })), update(pod())),
      range({ type: 'Container', max: { cpu: '2' } }),
      'allowed',
    ],
    [
      'does not look at what is being deleted',
      write(
        'persistentvolumeclaims',
        named('x', { spec: { resources: { requests: { storage: '9Gi' } } } }),
        update(named('x', {}, { deletionTimestamp: '2030-01-01T00:00:00Z' })),
      ),
      range({ type: 'PersistentVolumeClaim', max: { storage: '1Gi' } }),
      'allowed',
    ],
    [
      'does not count what the runtime needs',
      write('pods', pod({ ...sized({ cpu: '1' }, { cpu: '1' }), overhead: { cpu: '5' } })),
      range({ type: 'Pod', max: { cpu: '2' } }),
      'allowed',
    ],
    [
      'holds a claim to the least and the most',
      write('persistentvolumeclaims', named('x', { spec: { resources: { requests: { storage: '3Gi' } } } })),
      range({ type: 'PersistentVolumeClaim', max: { storage: '2Gi' } }),
      'maximum storage usage per PersistentVolumeClaim is 2Gi, but request is 3Gi',
    ],
    [
      'holds limits to requests',
      write('pods', pod(sized({ cpu: '1' }, { cpu: '3' }))),
      range({ type: 'Container', maxLimitRequestRatio: { cpu: '2' } }),
      'cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000',
    ],
  ];
  it.each(cases)('%s', (_, request, each, expected) => {
    expect(outcome(decideLimitBounds(request, lister({ limitranges: [each] })))).toBe(expected);
  });
});

describe('RuntimeClass', () => {
  const runtimeclasses = [
    named('heavy', {
      overhead: { podFixed: { cpu: '250m' } },
      scheduling: { nodeSelector: { runtime: 'heavy' }, tolerations: [{ key: 'heavy', operator: 'Exists' }] },
    }),
    named('plain'),
  ];
  const objects = lister({ runtimeclasses });

  it('gives a pod its overhead, and the nodes that have the runtime', () => {
    const own = {
      nodeSelector: { disk: 'ssd' },
      tolerations: [{ key: 'heavy', operator: 'Exists', effect: 'NoSchedule' }],
    };
    const decided = decideRuntimeClass(write('pods', pod({ runtimeClassName: 'heavy', ...own })), objects);
    expect(outcome(decided, ({ spec }) => [spec.overhead, spec.nodeSelector, spec.tolerations])).toEqual([
      { cpu: '250m' },
      { disk: 'ssd', runtime: 'heavy' },
      [{ key: 'heavy', operator: 'Exists' }],
    ]);
  });

  it.each([
    ['a class that is not there', { runtimeClassName: 'gone' }, 'pod rejected: RuntimeClass "gone" not found'],
    [
      'another overhead',
      { runtimeClassName: 'heavy', overhead: { cpu: '1' } },
      "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead",
    ],
    [
      'other nodes',
      { runtimeClassName: 'heavy', nodeSelector: { runtime: 'light' } },
      'conflict: runtimeClass.scheduling.nodeSelector[runtime] = heavy; pod.spec.nodeSelector[runtime] = light',
    ],
  ])('refuses %s', (_, spec, because) => {
    expect(outcome(decideRuntimeClass(write('pods', pod(spec)), objects))).toBe(because);
  });

  it.each([
    ['the same in other words', { runtimeClassName: 'heavy', overhead: { cpu: '0.25' } }, 'allowed'],
    [
      'one without a class',
      { overhead: { cpu: '1' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
    [
      'one of a class that has none',
      { runtimeClassName: 'plain', overhead: { cpu: '1' } },
      'pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead',
    ],
  ])('judges an overhead: %s', (_, spec, expected) => {
    expect(outcome(decideOverhead(write('pods', pod(spec)), objects))).toBe(expected);
  });
});

describe('DefaultIngressClass', () => {
  const isDefault = { 'ingressclass.kubernetes.io/is-default-class': 'true' };
  const ingressclasses = [
    named('other', {}, { creationTimestamp: '2031-01-01T00:00:00Z' }),
    named('old', {}, { creationTimestamp: '2029-01-01T00:00:00Z', annotations: isDefault }),
    named('b', {}, { creationTimestamp: '2030-01-01T00:00:00Z', annotations: isDefault }),
    named('a', {}, { creationTimestamp: '2030-01-01T00:00:00Z', annotations: isDefault }),
  ];
  const INGRESSES = 'ingresses.networking.k8s.io';
  it.each([
    ['gives the newest default class, the first by name', named('x', { spec: {} }), 'a'],
    ['leaves a class that is named', named('x', { spec: { ingressClassName: 'own' } }), 'allowed'],
    [
      'leaves one that is named by the old annotation',
      named('x', { spec: {} }, { annotations: { 'kubernetes.io/ingress.class': 'own' } }),
      'allowed',
    ],
  ])('%s', (_, ingress, expected) => {
    const decided = decideDefaultIngressClass(write(INGRESSES, ingress), lister({ ingressclasses }));
    const look = (object: object): unknown =>
      (object as { readonly spec: { readonly ingressClassName?: string } }).spec.ingressClassName;
    expect(outcome(decided, look)).toBe(expected);
  });
});

describe('PersistentVolumeClaimResize', () => {
  const claim = (storage: string, storageClassName: string, phase = 'Bound'): object =>
    named('x', { spec: { storageClassName, resources: { requests: { storage } } }, status: { phase } });
  const storageclasses = [named('elastic', { allowVolumeExpansion: true }), named('rigid')];
  const NO_RESIZE =
    'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize';
  it.each([
    ['lets a claim grow whose class can', claim('2Gi', 'elastic'), claim('1Gi', 'elastic'), 'allowed'],
    ['refuses where the class cannot', claim('2Gi', 'rigid'), claim('1Gi', 'rigid'), NO_RESIZE],
    ['refuses where there is no class', claim('2Gi', ''), claim('1Gi', ''), NO_RESIZE],
    [
      'refuses before the claim is bound',
      claim('2Gi', 'elastic'),
      claim('1Gi', 'elastic', 'Pending'),
      'Only bound persistent volume claims can be expanded',
    ],
    ['does not look at what stays', claim('1Gi', 'rigid'), claim('1Gi', 'rigid'), 'allowed'],
  ])('%s', (_, object, old, expected) => {
    const request = write('persistentvolumeclaims', object, update(old));
    expect(outcome(decideClaimResize(request, lister({ storageclasses })))).toBe(expected);
  });
});

describe('ServiceAccount', () => {
  const account = (value: string): object =>
    named(
      'robot',
      { secrets: [{ name: 'known' }] },
      { annotations: { 'kubernetes.io/enforce-mountable-secrets': value } },
    );
  const debug = (name: string): object =>
    pod({
      serviceAccountName: 'robot',
      ephemeralContainers: [{ name: 'debug', env: [{ name: 'E', valueFrom: { secretKeyRef: { name, key: 'k' } } }] }],
    });
  it.each([
    ['a secret that the account lists', debug('known'), 'true', 'allowed'],
    [
      'another secret',
      debug('other'),
      'T',
      'ephemeral container debug with envVar E referencing secret.secretName="other" is not allowed because service account robot does not reference that secret',
    ],
    ['another secret where the account does not insist', debug('other'), 'no', 'allowed'],
  ])('of a container that debugs: %s', (_, object, enforce, expected) => {
    const request = write('pods', object, update(pod(), 'ephemeralcontainers'));
    expect(outcome(decideServiceAccount(request, lister({ serviceaccounts: [account(enforce)] }), 'abcde'))).toBe(
      expected,
    );
  });
});

describe('PodSecurity', () => {
  const PREFIX = 'pod-security.kubernetes.io/';
  const namespace = (labels: Record<string, string>): object =>
    named('a', {}, { labels: Object.fromEntries(Object.entries(labels).map(([key, value]) => [PREFIX + key, value])) });
  const hostile = pod({ hostNetwork: true });
  const restrictedContainer = {
    name: 'app',
    image: 'i',
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
  };
  const restrictedSpec = {
    containers: [restrictedContainer],
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
  };
  const NAMESPACES = { namespace: '', name: 'a' };

  it('warns about the template of a workload where the namespace enforces and says nothing of warnings', () => {
    const deployment = named('x', { spec: { template: hostile } });
    const objects = lister({ namespaces: [namespace({ enforce: 'baseline' })] });
    expect(decidePodSecurity(write('deployments.apps', deployment), objects)).toMatchObject({
      kind: 'allow',
      warnings: ['would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'],
    });
  });

  it('does not warn where the namespace says that it does not want to', () => {
    const deployment = named('x', { spec: { template: hostile } });
    const objects = lister({ namespaces: [namespace({ enforce: 'baseline', warn: 'privileged' })] });
    expect(decidePodSecurity(write('deployments.apps', deployment), objects)).toMatchObject({ warnings: [] });
  });

  const changes: readonly [sentence: string, object: object, old: object, subresource: string, expected: string][] = [
    ['a pod that gets another label', pod({ hostNetwork: true }, { labels: { a: 'b' } }), hostile, '', 'allowed'],
    ['a pod that gets a toleration', pod({ hostNetwork: true, tolerations: [{ key: 'a' }] }), hostile, '', 'allowed'],
    [
      'a pod that gets another image',
      pod({ hostNetwork: true, containers: [{ name: 'app', image: 'j', resources: {} }] }),
      hostile,
      '',
      'violates PodSecurity "baseline:latest": host namespaces (hostNetwork=true)',
    ],
    [
      'a pod that is debugged',
      pod({ ephemeralContainers: [{ name: 'd', image: 'i', securityContext: { privileged: true } }] }),
      pod(),
      'ephemeralcontainers',
      'violates PodSecurity "baseline:latest": privileged (container "d" must not set securityContext.privileged=true)',
    ],
    ['the status of a pod', hostile, pod(), 'status', 'allowed'],
  ];
  it.each(changes)('looks at a change: %s', (_, object, old, subresource, expected) => {
    const objects = lister({ namespaces: [namespace({ enforce: 'baseline' })] });
    expect(outcome(decidePodSecurity(write('pods', object, update(old, subresource)), objects))).toBe(expected);
  });

  it.each([
    [
      { enforce: 'high' },
      'Namespace "a" is invalid: metadata.labels[pod-security.kubernetes.io/enforce]: Invalid value: "high": must be one of privileged, baseline, restricted',
    ],
    [
      { 'warn-version': '1.30' },
      'Namespace "a" is invalid: metadata.labels[pod-security.kubernetes.io/warn-version]: Invalid value: "1.30": must be "latest" or "v1.x"',
    ],
    [{ enforce: 'baseline', 'enforce-version': 'v1.30' }, 'allowed'],
  ])('reads the labels of a namespace: %j', (labels, expected) => {
    expect(outcome(decidePodSecurity(write('namespaces', namespace(labels), NAMESPACES), lister({})))).toBe(expected);
  });

  it('leaves a namespace alone whose labels were wrong before', () => {
    const request = write('namespaces', namespace({ enforce: 'high' }), {
      ...NAMESPACES,
      ...update(namespace({ enforce: 'high' })),
    });
    expect(outcome(decidePodSecurity(request, lister({})))).toBe('allowed');
  });

  const probe = { httpGet: { path: '/', port: 80, host: '169.254.169.254' } };
  it.each([
    [
      'baseline',
      {
        containers: [
          {
            name: 'app',
            image: 'i',
            livenessProbe: probe,
            lifecycle: { preStop: { tcpSocket: { host: 'a', port: 1 } } },
          },
        ],
      },
      'probe or lifecycle host (container "app" uses probe or lifecycle hosts "169.254.169.254", "a")',
    ],
    [
      'baseline',
      { hostUsers: false, containers: [{ name: 'app', image: 'i', securityContext: { procMount: 'Unmasked' } }] },
      'allowed',
    ],
    [
      'restricted',
      { volumes: [{ name: 'v', hostPath: { path: '/' } }], ...restrictedSpec },
      'restricted volume types (volume "v" uses restricted volume type "hostPath")',
    ],
    [
      'restricted',
      {
        ...restrictedSpec,
        hostUsers: false,
        containers: [
          {
            ...restrictedContainer,
            securityContext: { ...restrictedContainer.securityContext, procMount: 'Unmasked' },
          },
        ],
      },
      'procMount (container "app" must not set securityContext.procMount to "Unmasked")',
    ],
  ])('forbids by %s %j', (level, spec, because) => {
    const objects = lister({ namespaces: [namespace({ enforce: level })] });
    const found = outcome(decidePodSecurity(write('pods', pod(spec)), objects));
    expect(String(found).replace(/^violates PodSecurity "\w+:latest": /, '')).toBe(because);
  });

  it('warns of the pods that are there when a namespace becomes stricter', () => {
    const owned = { ownerReferences: [{ uid: 'u', controller: true }] };
    const pods = [
      pod({ hostNetwork: true }, { name: 'b', ...owned }),
      pod({ hostNetwork: true }, { name: 'c', ...owned }),
      pod({ hostNetwork: true }, { name: 'a' }),
      pod({}, { name: 'good' }),
    ];
    const request = write('namespaces', namespace({ enforce: 'baseline' }), {
      ...NAMESPACES,
      ...update(namespace({})),
    });
    expect(decidePodSecurity(request, lister({ pods }))).toMatchObject({
      kind: 'allow',
      warnings: [
        'existing pods in namespace "a" violate the new PodSecurity enforce level "baseline:latest"',
        'a (and 2 other pods): host namespaces',
      ],
    });
  });
});
