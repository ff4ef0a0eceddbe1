import { describe, expect, it } from 'vitest';
import type { ResourceQuota } from '../../../../src/api/types/gen/core-v1.ts';
import type { WriteRequest } from '../../../../src/apiserver/admission/admission.ts';
import { decideResourceQuota } from '../../../../src/apiserver/admission/resource-quota.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';

const NOW = Date.UTC(2030, 0, 1);
const quota = (hard: object, used: object, spec: object = {}): ResourceQuota =>
  ({ metadata: { name: 'q' }, spec: { hard, ...spec }, status: { hard, used } }) as ResourceQuota;
const write = (resource: string, object: object, more: Partial<WriteRequest> = {}): WriteRequest => {
  const [plural = '', ...group] = resource.split('.');
  return {
    operation: 'CREATE',
    resource: { group: group.join('.'), resource: plural },
    subresource: '',
    namespace: 'default',
    name: 'x',
    user: userInfo('jane', []),
    now: '2030-01-01T00:00:00Z',
    object: object as ApiObject,
    oldObject: undefined,
    ...more,
  };
};
const pod = (spec: object = {}, status: object = {}, metadata: object = {}): object => ({
  metadata: { name: 'x', ...metadata },
  spec: { containers: [{ name: 'app', resources: {} }], ...spec },
  status,
});
const sized = (requests: object, limits: object = {}): object => ({
  containers: [{ name: 'app', resources: { requests, limits } }],
});
const service = (spec: object): object => ({ metadata: { name: 'x' }, spec });
const claim = (spec: object, status: object = {}, metadata: object = {}): object => ({
  metadata: { name: 'x', ...metadata },
  spec: { resources: { requests: { storage: '1Gi' } }, ...spec },
  status,
});
const update = (oldObject: object, subresource = ''): Partial<WriteRequest> => ({
  operation: 'UPDATE',
  oldObject: { ...oldObject, metadata: { name: 'x', resourceVersion: '1' } } as ApiObject,
  subresource,
});
/** What the quota holds after the write: its words where it refuses, `-` where it is not touched. */
const outcome = (request: WriteRequest, each: ResourceQuota): string => {
  const decided = decideResourceQuota(request, [each], NOW);
  if (decided.kind === 'deny') return decided.error.message.replace(/^.* is forbidden: /, '');
  return decided.kind === 'allow' ? '-' : JSON.stringify(decided.quotas[0]?.status.used);
};

describe('a quota', () => {
  const cases: readonly [sentence: string, request: WriteRequest, quota: ResourceQuota, outcome: string][] = [
    [
      'charges for a pod that grows what it does not have yet',
      write(
        'pods',
        pod(sized({ cpu: '4' }), { containerStatuses: [{ name: 'app', resources: { requests: { cpu: '3' } } }] }),
        update(
          pod(sized({ cpu: '1' }), { containerStatuses: [{ name: 'app', resources: { requests: { cpu: '3' } } }] }),
          'resize',
        ),
      ),
      quota({ 'requests.cpu': '9' }, { 'requests.cpu': '3' }),
      '{"requests.cpu":"4"}',
    ],
    ['counts pods', write('pods', pod()), quota({ pods: '2' }, { pods: '1' }), '{"pods":"2"}'],
    [
      'counts the devices that a claim may take of each class: the most of the alternatives, all of a class as 32',
      write('resourceclaims.resource.k8s.io', {
        metadata: { name: 'x' },
        spec: {
          devices: {
            requests: [
              { name: 'a', exactly: { deviceClassName: 'gold', allocationMode: 'ExactCount', count: 2 } },
              {
                name: 'b',
                firstAvailable: [
                  { name: 'x', deviceClassName: 'gold', allocationMode: 'ExactCount', count: 3 },
                  { name: 'y', deviceClassName: 'gold', allocationMode: 'ExactCount', count: 1 },
                  { name: 'z', deviceClassName: 'tin', allocationMode: 'All' },
                ],
              },
            ],
          },
        },
      }),
      quota(
        { 'gold.deviceclass.resource.k8s.io/devices': '9', 'tin.deviceclass.resource.k8s.io/devices': '40' },
        { 'gold.deviceclass.resource.k8s.io/devices': '1', 'tin.deviceclass.resource.k8s.io/devices': '0' },
      ),
      '{"gold.deviceclass.resource.k8s.io/devices":"6","tin.deviceclass.resource.k8s.io/devices":"32"}',
    ],
    [
      'refuses one too many',
      write('pods', pod()),
      quota({ pods: '1' }, { pods: '1' }),
      'exceeded quota: q, requested: pods=1, used: pods=1, limited: pods=1',
    ],
    [
      'names all that is too much, and nothing else',
      write('pods', pod(sized({ cpu: '2', memory: '1Gi' }))),
      quota({ 'requests.cpu': '1', memory: '512Mi', pods: '5' }, { 'requests.cpu': '500m', memory: '0', pods: '0' }),
      'exceeded quota: q, requested: memory=1Gi,requests.cpu=2, used: memory=0,requests.cpu=500m, limited: memory=512Mi,requests.cpu=1',
    ],
    [
      'wants every container to say what it takes of cpu and memory',
      write('pods', pod({ initContainers: [{ name: 'init', resources: {} }] })),
      quota({ 'limits.cpu': '1', 'requests.memory': '1Gi', cpu: '1' }, {}),
      'failed quota: q: must specify cpu for: app,init; limits.cpu for: app,init; requests.memory for: app,init',
    ],
    [
      'takes the word of the pod as a whole for that',
      write('pods', pod({ resources: { requests: { cpu: '1' } } })),
      quota({ 'requests.cpu': '2' }, { 'requests.cpu': '0' }),
      '{"requests.cpu":"1"}',
    ],
    [
      'refuses while nobody has counted yet',
      write('pods', pod()),
      quota({ pods: '1', 'count/pods': '5', services: '1' }, { pods: '0' }),
      'status unknown for quota: q, resources: count/pods,pods',
    ],
    [
      'counts what is asked for by name, huge pages and devices too',
      write('pods', pod(sized({ 'hugepages-2Mi': '4Mi', 'example.com/gpu': '1', 'ephemeral-storage': '1Gi' }))),
      quota(
        { 'hugepages-2Mi': '8Mi', 'requests.example.com/gpu': '2', 'ephemeral-storage': '2Gi' },
        { 'hugepages-2Mi': '0', 'requests.example.com/gpu': '0', 'ephemeral-storage': '0' },
      ),
      '{"hugepages-2Mi":"4Mi","requests.example.com/gpu":"1","ephemeral-storage":"1Gi"}',
    ],
    [
      'is not about what its status does not limit yet',
      write('pods', pod()),
      { metadata: { name: 'q' }, spec: { hard: { pods: '0' } }, status: {} } as ResourceQuota,
      '-',
    ],
    ['is not about other kinds', write('secrets', pod()), quota({ pods: '0' }, { pods: '0' }), '-'],
    ['never counts events', write('events', pod()), quota({ 'count/events': '0' }, { 'count/events': '0' }), '-'],
    [
      'counts any kind by its name and group',
      write('widgets.example.com', pod()),
      quota({ 'count/widgets.example.com': '1' }, { 'count/widgets.example.com': '1' }),
      'exceeded quota: q, requested: count/widgets.example.com=1, used: count/widgets.example.com=1, limited: count/widgets.example.com=1',
    ],
    [
      'counts secrets by both names',
      write('secrets', pod()),
      quota({ secrets: '3', 'count/secrets': '3' }, { secrets: '1', 'count/secrets': '1' }),
      '{"secrets":"2","count/secrets":"2"}',
    ],
    [
      'does not count a change of what exists',
      write('secrets', pod(), update(pod())),
      quota({ secrets: '1' }, { secrets: '1' }),
      '-',
    ],
    [
      'counts node ports before they are given',
      write('services', service({ type: 'NodePort', ports: [{}, {}] })),
      quota({ 'services.nodeports': '1' }, { 'services.nodeports': '0' }),
      'exceeded quota: q, requested: services.nodeports=2, used: services.nodeports=0, limited: services.nodeports=1',
    ],
    [
      'charges a service that changes its type for what is new',
      write(
        'services',
        service({ type: 'LoadBalancer', ports: [{}] }),
        update(service({ type: 'ClusterIP', ports: [{}] })),
      ),
      quota(
        { services: '1', 'services.nodeports': '1', 'services.loadbalancers': '1' },
        { services: '1', 'services.nodeports': '0', 'services.loadbalancers': '0' },
      ),
      '{"services":"1","services.nodeports":"1","services.loadbalancers":"1"}',
    ],
    [
      'gives nothing back for what becomes less',
      write(
        'services',
        service({ type: 'ClusterIP', ports: [{}] }),
        update(service({ type: 'NodePort', ports: [{}] })),
      ),
      quota({ 'services.nodeports': '1' }, { 'services.nodeports': '1' }),
      '-',
    ],
    [
      'lets what shrinks pass where it is exceeded already',
      write('persistentvolumeclaims', claim({}), update(claim({ resources: { requests: { storage: '2Gi' } } }))),
      quota({ 'requests.storage': '1Gi' }, { 'requests.storage': '2Gi' }),
      '-',
    ],
    [
      'counts claims and their storage, by class too, in whole bytes',
      write(
        'persistentvolumeclaims',
        claim({ storageClassName: 'fast', resources: { requests: { storage: '1500m' } } }),
      ),
      quota(
        { 'requests.storage': '5', 'fast.storageclass.storage.k8s.io/requests.storage': '5' },
        { 'requests.storage': '1', 'fast.storageclass.storage.k8s.io/requests.storage': '0' },
      ),
      '{"requests.storage":"3","fast.storageclass.storage.k8s.io/requests.storage":"2"}',
    ],
    [
      'knows the class by its old annotation',
      write(
        'persistentvolumeclaims',
        claim({}, {}, { annotations: { 'volume.beta.kubernetes.io/storage-class': 'old' } }),
      ),
      quota(
        { 'old.storageclass.storage.k8s.io/persistentvolumeclaims': '0' },
        { 'old.storageclass.storage.k8s.io/persistentvolumeclaims': '0' },
      ),
      'exceeded quota: q, requested: old.storageclass.storage.k8s.io/persistentvolumeclaims=1, used: old.storageclass.storage.k8s.io/persistentvolumeclaims=0, limited: old.storageclass.storage.k8s.io/persistentvolumeclaims=0',
    ],
    [
      'charges what a status says was allocated, and does not refuse it',
      write(
        'persistentvolumeclaims',
        claim({}, { allocatedResources: { storage: '3Gi' } }),
        update(claim({}), 'status'),
      ),
      quota({ 'requests.storage': '1Gi' }, { 'requests.storage': '1Gi' }),
      '{"requests.storage":"3Gi"}',
    ],
    [
      'charges a pod for what it grows by when it is resized',
      write('pods', pod(sized({ cpu: '3' })), update(pod(sized({ cpu: '1' })), 'resize')),
      quota({ 'requests.cpu': '4', pods: '1' }, { 'requests.cpu': '1', pods: '1' }),
      '{"requests.cpu":"3","pods":"1"}',
    ],
    [
      'does not look at other changes of a pod',
      write('pods', pod(sized({ cpu: '3' })), update(pod(sized({ cpu: '1' })))),
      quota({ 'requests.cpu': '1' }, { 'requests.cpu': '1' }),
      '-',
    ],
    [
      'charges a pod wholly that comes under its scope',
      write('pods', pod({ activeDeadlineSeconds: 5 }), update(pod())),
      quota({ pods: '1' }, { pods: '0' }, { scopes: ['Terminating'] }),
      '{"pods":"1"}',
    ],
    [
      'counts a pod that has ended among objects alone',
      write('pods', pod({}, { phase: 'Failed' })),
      quota({ pods: '1', 'count/pods': '1' }, { pods: '0', 'count/pods': '0' }),
      '{"pods":"0","count/pods":"1"}',
    ],
    [
      'counts a pod that is overdue among objects alone',
      write('pods', pod({}, {}, { deletionTimestamp: '2029-12-31T23:59:00Z', deletionGracePeriodSeconds: 30 })),
      quota({ pods: '1', 'count/pods': '1' }, { pods: '0', 'count/pods': '0' }),
      '{"pods":"0","count/pods":"1"}',
    ],
  ];
  it.each(cases)('%s', (_, request, each, expected) => {
    expect(outcome(request, each)).toBe(expected);
  });
});

describe('the scope of a quota', () => {
  const scoped = (scopes: readonly string[]) => quota({ pods: '1' }, { pods: '0' }, { scopes });
  const selected = (scopeName: string, operator: string, values: readonly string[] = []) =>
    quota({ pods: '1' }, { pods: '0' }, { scopeSelector: { matchExpressions: [{ scopeName, operator, values }] } });
  const affine = {
    affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ namespaces: ['other'] }] } },
  };
  const cases: readonly [sentence: string, spec: object, quota: ResourceQuota, counts: boolean][] = [
    ['Terminating holds a pod with a deadline', { activeDeadlineSeconds: 0 }, scoped(['Terminating']), true],
    ['Terminating leaves others', {}, scoped(['Terminating']), false],
    ['NotTerminating holds the others', {}, scoped(['NotTerminating']), true],
    ['BestEffort holds a pod that asks for nothing', {}, scoped(['BestEffort']), true],
    ['BestEffort leaves a pod that asks', sized({ cpu: '1' }), scoped(['BestEffort']), false],
    ['NotBestEffort holds it', sized({ cpu: '1' }), scoped(['NotBestEffort']), true],
    ['all scopes have to match', {}, scoped(['BestEffort', 'Terminating']), false],
    ['PriorityClass In holds the class', { priorityClassName: 'a' }, selected('PriorityClass', 'In', ['a', 'b']), true],
    ['PriorityClass In leaves another', { priorityClassName: 'c' }, selected('PriorityClass', 'In', ['a']), false],
    ['PriorityClass NotIn holds a pod without', {}, selected('PriorityClass', 'NotIn', ['a']), true],
    [
      'PriorityClass NotIn leaves the class',
      { priorityClassName: 'a' },
      selected('PriorityClass', 'NotIn', ['a']),
      false,
    ],
    ['PriorityClass Exists holds any', { priorityClassName: 'a' }, selected('PriorityClass', 'Exists'), true],
    ['PriorityClass DoesNotExist holds none', {}, selected('PriorityClass', 'DoesNotExist'), true],
    ['CrossNamespacePodAffinity holds who looks beyond', affine, scoped(['CrossNamespacePodAffinity']), true],
    ['CrossNamespacePodAffinity leaves others', {}, scoped(['CrossNamespacePodAffinity']), false],
  ];
  it.each(cases)('%s', (_, spec, each, counts) => {
    expect(outcome(write('pods', pod(spec)), each)).toBe(counts ? '{"pods":"1"}' : '-');
  });

  it('is of claims by the class of their attributes', () => {
    const matchExpressions = [{ scopeName: 'VolumeAttributesClass', operator: 'In', values: ['gold'] }];
    const each = quota(
      { persistentvolumeclaims: '1' },
      { persistentvolumeclaims: '0' },
      { scopeSelector: { matchExpressions } },
    );
    expect(outcome(write('persistentvolumeclaims', claim({})), each)).toBe('-');
    const gold = claim({ volumeAttributesClassName: 'gold' });
    expect(outcome(write('persistentvolumeclaims', gold), each)).toBe('{"persistentvolumeclaims":"1"}');
  });

  it('of any kind leaves services, which have none', () => {
    const each = quota({ services: '0' }, { services: '0' }, { scopes: ['NotTerminating'] });
    expect(outcome(write('services', service({ ports: [] })), each)).toBe('-');
  });
});
