import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeValue } from '../../../../src/api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../../../src/api/defaults/resources.ts';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { allResources, findResource, resourceType } from '../../../../src/api/schema/resources/registry.ts';
import { arbitraryObject } from '../arbitrary.ts';
import { seededRandom } from '../seeded-random.ts';

await loadPackages();

/** What an object of `group/version/plural` becomes. */
function defaulted(path: string, object: object): Record<string, unknown> {
  const [group = '', version = '', plural = ''] = path.split('/');
  const resource = findResource(group, version, plural);
  expect(resource).toBeDefined();
  const found = resource as NonNullable<typeof resource>;
  return withResourceDefaults(found, decodeValue(resourceType(found), object).object);
}

const UTILIZATION = {
  type: 'Resource',
  resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
};
const PERCENT = { type: 'Percent', value: 100, periodSeconds: 15 };

describe('defaults', () => {
  it.each([
    [
      'a deployment rolls by a quarter',
      'apps/v1/deployments',
      {},
      {
        spec: {
          replicas: 1,
          revisionHistoryLimit: 10,
          progressDeadlineSeconds: 600,
          strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
        },
      },
    ],
    [
      'one that recreates has no rolling numbers',
      'apps/v1/deployments',
      { spec: { strategy: { type: 'Recreate' } } },
      { spec: { strategy: { type: 'Recreate' } } },
    ],
    ['zero replicas stay', 'apps/v1/deployments', { spec: { replicas: 0 } }, { spec: { replicas: 0 } }],
    [
      'the template of a deployment gets a pod spec’s defaults',
      'apps/v1/deployments',
      { spec: { template: { spec: { containers: [{ name: 'a', image: 'b' }] } } } },
      { spec: { template: { spec: { restartPolicy: 'Always', containers: [{ imagePullPolicy: 'Always' }] } } } },
    ],
    [
      'a daemon set rolls one by one',
      'apps/v1/daemonsets',
      {},
      {
        spec: {
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
          revisionHistoryLimit: 10,
        },
      },
    ],
    [
      'a stateful set is ordered and keeps its claims',
      'apps/v1/statefulsets',
      {},
      {
        spec: {
          podManagementPolicy: 'OrderedReady',
          updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
          persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' },
          replicas: 1,
          revisionHistoryLimit: 10,
        },
      },
    ],
    ['a replica set has one replica', 'apps/v1/replicasets', {}, { spec: { replicas: 1 } }],
    [
      'a job runs once',
      'batch/v1/jobs',
      {},
      {
        spec: {
          completions: 1,
          parallelism: 1,
          backoffLimit: 6,
          completionMode: 'NonIndexed',
          suspend: false,
          podReplacementPolicy: 'TerminatingOrFailed',
          manualSelector: false,
        },
      },
    ],
    [
      'a job with a limit per index has no limit as a whole',
      'batch/v1/jobs',
      { spec: { backoffLimitPerIndex: 1 } },
      { spec: { backoffLimit: 2147483647 } },
    ],
    [
      'a job takes the labels of its template',
      'batch/v1/jobs',
      { spec: { template: { metadata: { labels: { a: 'b' } } } } },
      { metadata: { labels: { a: 'b' } } },
    ],
    [
      'a pod failure rule matches the status True',
      'batch/v1/jobs',
      { spec: { podFailurePolicy: { rules: [{ action: 'Ignore', onPodConditions: [{ type: 'X' }] }] } } },
      {
        spec: {
          podReplacementPolicy: 'Failed',
          podFailurePolicy: { rules: [{ onPodConditions: [{ status: 'True' }] }] },
        },
      },
    ],
    [
      'a cron job allows overlap and keeps three',
      'batch/v1/cronjobs',
      {},
      {
        spec: { concurrencyPolicy: 'Allow', suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 },
      },
    ],
    [
      'an autoscaler aims at 80 % CPU',
      'autoscaling/v2/horizontalpodautoscalers',
      {},
      { spec: { minReplicas: 1, metrics: [UTILIZATION] } },
    ],
    [
      'one with a behavior gets all of it',
      'autoscaling/v2/horizontalpodautoscalers',
      { spec: { behavior: { scaleUp: { selectPolicy: 'Min' } } } },
      {
        spec: {
          behavior: {
            scaleUp: {
              selectPolicy: 'Min',
              stabilizationWindowSeconds: 0,
              policies: [{ type: 'Pods', value: 4, periodSeconds: 15 }, PERCENT],
            },
            scaleDown: { selectPolicy: 'Max', policies: [PERCENT] },
          },
        },
      },
    ],
    [
      'a version 1 autoscaler has a minimum',
      'autoscaling/v1/horizontalpodautoscalers',
      {},
      { spec: { minReplicas: 1 } },
    ],
    [
      'a service is a cluster IP',
      '/v1/services',
      { spec: { ports: [{ port: 80 }] } },
      {
        spec: {
          type: 'ClusterIP',
          sessionAffinity: 'None',
          internalTrafficPolicy: 'Cluster',
          ports: [{ port: 80, protocol: 'TCP', targetPort: 80 }],
        },
      },
    ],
    [
      'a named target port stays',
      '/v1/services',
      { spec: { ports: [{ port: 80, targetPort: 'http' }] } },
      { spec: { ports: [{ targetPort: 'http' }] } },
    ],
    [
      'affinity to a client lasts three hours',
      '/v1/services',
      { spec: { sessionAffinity: 'ClientIP' } },
      { spec: { sessionAffinityConfig: { clientIP: { timeoutSeconds: 10800 } } } },
    ],
    [
      'a load balancer gets node ports, and its addresses a mode',
      '/v1/services',
      { spec: { type: 'LoadBalancer' }, status: { loadBalancer: { ingress: [{ ip: '1.2.3.4' }] } } },
      {
        spec: { externalTrafficPolicy: 'Cluster', allocateLoadBalancerNodePorts: true },
        status: { loadBalancer: { ingress: [{ ip: '1.2.3.4', ipMode: 'VIP' }] } },
      },
    ],
    ['a config map has data', '/v1/configmaps', {}, { data: {} }],
    ['a secret is opaque', '/v1/secrets', {}, { type: 'Opaque' }],
    [
      'a namespace is labelled with its name',
      '/v1/namespaces',
      { metadata: { name: 'a' } },
      { metadata: { labels: { 'kubernetes.io/metadata.name': 'a' } }, status: { phase: 'Active' } },
    ],
    [
      'a node may give all it has',
      '/v1/nodes',
      { status: { capacity: { cpu: '4' } } },
      { status: { allocatable: { cpu: '4' } } },
    ],
    [
      'a volume is kept',
      '/v1/persistentvolumes',
      {},
      { spec: { persistentVolumeReclaimPolicy: 'Retain', volumeMode: 'Filesystem' }, status: { phase: 'Pending' } },
    ],
    [
      'a claim is a file system',
      '/v1/persistentvolumeclaims',
      {},
      { spec: { volumeMode: 'Filesystem' }, status: { phase: 'Pending' } },
    ],
    [
      'an endpoint’s port is TCP',
      '/v1/endpoints',
      { subsets: [{ ports: [{ port: 1 }] }] },
      { subsets: [{ ports: [{ protocol: 'TCP' }] }] },
    ],
    [
      'a range’s maximum is the default, and that the request',
      '/v1/limitranges',
      { spec: { limits: [{ type: 'Container', max: { cpu: '2' }, min: { memory: '1Mi' } }] } },
      { spec: { limits: [{ default: { cpu: '2' }, defaultRequest: { cpu: '2', memory: '1Mi' } }] } },
    ],
    [
      'a controller selects what it makes',
      '/v1/replicationcontrollers',
      { spec: { template: { metadata: { labels: { a: 'b' } } } } },
      { metadata: { labels: { a: 'b' } }, spec: { selector: { a: 'b' }, replicas: 1 } },
    ],
    [
      'a slice’s port is TCP and nameless',
      'discovery.k8s.io/v1/endpointslices',
      { ports: [{ port: 1 }] },
      { ports: [{ name: '', protocol: 'TCP' }] },
    ],
    [
      'a policy with egress rules is about both ways',
      'networking.k8s.io/v1/networkpolicies',
      { spec: { egress: [{ ports: [{ port: 1 }] }] } },
      { spec: { policyTypes: ['Ingress', 'Egress'], egress: [{ ports: [{ protocol: 'TCP' }] }] } },
    ],
    [
      'the parameters of an ingress class are of the cluster',
      'networking.k8s.io/v1/ingressclasses',
      { spec: { parameters: { kind: 'a', name: 'b' } } },
      { spec: { parameters: { scope: 'Cluster' } } },
    ],
    [
      'a binding is about roles, and users are of the group',
      'rbac.authorization.k8s.io/v1/rolebindings',
      {
        roleRef: { kind: 'Role', name: 'a' },
        subjects: [
          { kind: 'User', name: 'u' },
          { kind: 'ServiceAccount', name: 's' },
        ],
      },
      {
        roleRef: { apiGroup: 'rbac.authorization.k8s.io' },
        subjects: [{ apiGroup: 'rbac.authorization.k8s.io' }, { kind: 'ServiceAccount', name: 's' }],
      },
    ],
    [
      'a storage class deletes and binds at once',
      'storage.k8s.io/v1/storageclasses',
      {},
      { reclaimPolicy: 'Delete', volumeBindingMode: 'Immediate' },
    ],
    [
      'a priority class preempts',
      'scheduling.k8s.io/v1/priorityclasses',
      {},
      { preemptionPolicy: 'PreemptLowerPriority' },
    ],
    [
      'a CSI driver attaches',
      'storage.k8s.io/v1/csidrivers',
      {},
      {
        spec: {
          attachRequired: true,
          fsGroupPolicy: 'ReadWriteOnceWithFSType',
          volumeLifecycleModes: ['Persistent'],
          seLinuxMount: false,
        },
      },
    ],
    [
      'a device is asked for once',
      'resource.k8s.io/v1/resourceclaims',
      { spec: { devices: { requests: [{ name: 'a', exactly: {} }] } } },
      { spec: { devices: { requests: [{ exactly: { allocationMode: 'ExactCount', count: 1 } }] } } },
    ],
  ])('%s', (_, path, object, expected) => {
    expect(defaulted(path, object)).toMatchObject(expected);
  });

  it('are their own result when applied again, for random objects of every kind', () => {
    fc.assert(
      fc.property(fc.constantFrom(...allResources()), fc.nat(), (resource, seed) => {
        const type = resourceType(resource);
        const { object } = decodeValue(type, JSON.parse(JSON.stringify(arbitraryObject(type, seededRandom(seed)))));
        const once = withResourceDefaults(resource, object);
        expect(withResourceDefaults(resource, once)).toEqual(once);
      }),
      { seed: 31, numRuns: 200 },
    );
  });
});
