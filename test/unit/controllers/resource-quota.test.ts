import { describe, expect, it } from 'vitest';
import { findResource } from '../../../src/api/schema/resources/registry.ts';
import type { ResourceList, ResourceQuota } from '../../../src/api/types/gen/core-v1.ts';
import { decideResourceQuota } from '../../../src/apiserver/admission/resource-quota.ts';
import { userInfo } from '../../../src/apiserver/authn/user.ts';
import type { ApiObject } from '../../../src/client/api-object.ts';
import { countedKinds } from '../../../src/controllers/resource-quota/counted-kinds.ts';
import { frees, limitedBy, sumOf, usedOf, wantedStatus } from '../../../src/controllers/resource-quota/plan.ts';
import { seededRandom } from '../../harness/random.ts';

const NOW = Date.UTC(2030, 0, 1);
const core = (resource: string) => ({ group: '', resource });
const quota = (hard: ResourceList, spec: object = {}, status: object = {}): ResourceQuota =>
  ({ metadata: { name: 'q', namespace: 'team' }, spec: { hard, ...spec }, status }) as ResourceQuota;
const pod = (cpu = '100m', spec: object = {}, status: object = {}): ApiObject =>
  ({
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'c', resources: { requests: { cpu } } }], ...spec },
    status,
  }) as ApiObject;
const service = (type: string): ApiObject =>
  ({ metadata: { name: 's' }, spec: { type, ports: [{ port: 80 }] } }) as ApiObject;
const claim = (storage: string, status: object = {}, spec: object = {}): ApiObject =>
  ({ metadata: { name: 'c' }, spec: { resources: { requests: { storage } }, ...spec }, status }) as ApiObject;

describe('the status of a quota', () => {
  const cases: readonly [sentence: string, quota: ResourceQuota, counted: ResourceList, wanted: object | undefined][] =
    [
      [
        'has the limits and what was counted',
        quota({ pods: '5' }),
        { pods: '2' },
        { hard: { pods: '5' }, used: { pods: '2' } },
      ],
      [
        'is left alone where it is right, however amounts are written',
        quota({ cpu: '1' }, {}, { hard: { cpu: '1000m' }, used: { cpu: '0.5' } }),
        { cpu: '500m' },
        undefined,
      ],
      [
        'keeps what somebody else counts',
        quota({ pods: '5', 'count/widgets.example.com': '3' }, {}, { used: { 'count/widgets.example.com': '2' } }),
        { pods: '0' },
        {
          hard: { pods: '5', 'count/widgets.example.com': '3' },
          used: { pods: '0', 'count/widgets.example.com': '2' },
        },
      ],
      [
        'loses what is limited no more',
        quota({ pods: '5' }, {}, { hard: { pods: '5', secrets: '1' }, used: { pods: '1', secrets: '1' } }),
        { pods: '1' },
        { hard: { pods: '5' }, used: { pods: '1' } },
      ],
      [
        'is written once even where nothing can be counted',
        quota({ 'count/widgets.example.com': '3' }),
        {},
        { hard: { 'count/widgets.example.com': '3' }, used: {} },
      ],
    ];
  it.each(cases)('%s', (_, given, counted, wanted) => {
    expect(wantedStatus(given, counted)).toEqual(wanted);
  });
});

describe('what an object uses of a quota', () => {
  const cases: readonly [sentence: string, quota: ResourceQuota, resource: string, object: ApiObject, used: object][] =
    [
      [
        'is what the quota limits of it',
        quota({ pods: '5', secrets: '1', 'requests.cpu': '1' }),
        'pods',
        pod(),
        { pods: '1', 'requests.cpu': '100m' },
      ],
      ['is nothing outside of its scopes', quota({ pods: '5' }, { scopes: ['BestEffort'] }), 'pods', pod(), {}],
      [
        'is its place in the count alone once a pod has ended',
        quota({ pods: '5', 'count/pods': '9' }),
        'pods',
        pod('1', {}, { phase: 'Failed' }),
        { 'count/pods': '1' },
      ],
      [
        'has storage by class',
        quota({ 'gold.storageclass.storage.k8s.io/requests.storage': '10Gi' }),
        'persistentvolumeclaims',
        claim('2Gi', {}, { storageClassName: 'gold' }),
        { 'gold.storageclass.storage.k8s.io/requests.storage': '2Gi' },
      ],
    ];
  it.each(cases)('%s', (_, given, resource, object, used) => {
    expect(usedOf(given, core(resource), limitedBy(given, core(resource)), object, NOW)).toEqual(used);
  });
});

describe('a quota is counted anew', () => {
  const all = quota({
    pods: '5',
    'requests.cpu': '4',
    'services.nodeports': '2',
    'requests.storage': '9Gi',
    'count/deployments.apps': '3',
  });
  const terminating = quota({ pods: '5' }, { scopes: ['Terminating'] });
  const cases: readonly [
    sentence: string,
    quota: ResourceQuota,
    resource: string,
    before: ApiObject | undefined,
    after: ApiObject | undefined,
    answer: boolean,
  ][] = [
    ['when something that it counts is gone', all, 'pods', pod(), undefined, true],
    ['not when something else is gone', all, 'secrets', pod(), undefined, false],
    ['not for what comes: that is charged', all, 'pods', undefined, pod(), false],
    ['when a pod ends', all, 'pods', pod(), pod('100m', {}, { phase: 'Succeeded' }), true],
    ['not when a pod runs', all, 'pods', pod(), pod('100m', {}, { phase: 'Running' }), false],
    ['when a pod asks for less', all, 'pods', pod('2'), pod('1'), true],
    ['when a pod comes under its scope', terminating, 'pods', pod(), pod('100m', { activeDeadlineSeconds: 5 }), true],
    ['when a service has no node port more', all, 'services', service('NodePort'), service('ClusterIP'), true],
    [
      'when a claim is given less',
      all,
      'persistentvolumeclaims',
      claim('1Gi', { allocatedResources: { storage: '5Gi' } }),
      claim('1Gi', { allocatedResources: { storage: '2Gi' } }),
      true,
    ],
  ];
  it.each(cases)('%s', (_, given, resource, before, after, answer) => {
    expect(frees(given, core(resource), { before, after }, NOW)).toBe(answer);
  });

  it('when an object of another group is gone that it counts by name', () => {
    const gone = { before: pod(), after: undefined };
    expect(frees(all, { group: 'apps', resource: 'deployments' }, gone, NOW)).toBe(true);
    expect(frees(all, { group: 'other', resource: 'deployments' }, gone, NOW)).toBe(false);
  });
});

describe('the kinds that are counted', () => {
  it('are all in namespaces, each once, and no events', () => {
    const kinds = countedKinds();
    const names = kinds.map(({ group, plural }) => `${plural}.${group}`);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toEqual(
      expect.arrayContaining(['pods.', 'secrets.', 'leases.coordination.k8s.io', 'roles.rbac.authorization.k8s.io']),
    );
    expect(names.filter(name => name.startsWith('events.'))).toEqual([]);
    expect(kinds).toContainEqual({ group: 'autoscaling', version: 'v2', plural: 'horizontalpodautoscalers' });
    expect(kinds.map(({ group, version, plural }) => findResource(group, version, plural)?.scope)).toEqual(
      kinds.map(() => 'namespaced'),
    );
  });
});

describe('counting', () => {
  const random = seededRandom();
  it(`finds what the API server charged, whatever is made (seed ${random.seed})`, () => {
    const hard = {
      pods: '1000',
      'count/pods': '1000',
      'requests.cpu': '1000',
      services: '1000',
      'services.nodeports': '1000',
      'services.loadbalancers': '1000',
      persistentvolumeclaims: '1000',
      'requests.storage': '1000Ti',
    };
    const zero = Object.fromEntries(Object.keys(hard).map(name => [name, '0']));
    let charged = quota(hard, {}, { hard, used: zero });
    let counted: ResourceList = zero;
    for (let step = 0; step < 300; step += 1) {
      const [resource, object] = random.pick<[string, ApiObject]>([
        ['pods', pod(random.pick(['1m', '250m', '1', '1.5']))],
        ['services', service(random.pick(['ClusterIP', 'NodePort', 'LoadBalancer']))],
        ['persistentvolumeclaims', claim(random.pick(['1Gi', '500M', '1']))],
      ]);
      const decided = decideResourceQuota(
        {
          operation: 'CREATE',
          resource: core(resource),
          subresource: '',
          namespace: 'team',
          name: 'x',
          user: userInfo('jane', []),
          now: '2030-01-01T00:00:00Z',
          object,
          oldObject: undefined,
        },
        [charged],
        NOW,
      );
      expect(decided.kind).toBe('charge');
      charged = (decided as Extract<typeof decided, { kind: 'charge' }>).quotas[0] as ResourceQuota;
      counted = sumOf(counted, usedOf(charged, core(resource), limitedBy(charged, core(resource)), object, NOW));
    }
    expect(wantedStatus(charged, counted)).toBeUndefined();
  });
});
