/**
 * One object of every kind that the API server stores, all valid together. Namespaced ones lie in the namespace `shop`. They refer to each
 * other as those of a small web shop would.
 */

interface SampleObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string };
  readonly [field: string]: unknown;
}

/** The namespace of the samples. */
export const SHOP = 'shop';

const container = (image: string) => ({ containers: [{ name: 'main', image: `registry.test/${image}` }] });
const workload = (app: string, more: object = {}) => ({
  selector: { matchLabels: { app } },
  template: { metadata: { labels: { app } }, spec: container(`${app}:1`) },
  ...more,
});
const once = { template: { spec: { restartPolicy: 'Never', ...container('job:1') } } };
const claim = {
  devices: {
    requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example', allocationMode: 'ExactCount', count: 1 } }],
  },
};

function clusterWide(apiVersion: string, kind: string, name: string, more: object = {}): SampleObject {
  return { apiVersion, kind, metadata: { name }, ...more };
}

function inShop(apiVersion: string, kind: string, name: string, more: object = {}, labels?: object): SampleObject {
  return {
    apiVersion,
    kind,
    metadata: { name, namespace: SHOP, ...(labels === undefined ? {} : { labels }) },
    ...more,
  };
}

/** What must be there before the others: the namespace with its account, and a quota whose status no controller fills in. */
export const SAMPLE_FOUNDATIONS: readonly SampleObject[] = [
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: SHOP, labels: { team: 'a' } } },
  inShop('v1', 'ServiceAccount', 'default'),
  inShop('v1', 'LimitRange', 'limits', {
    spec: { limits: [{ type: 'Container', default: { cpu: '200m' }, defaultRequest: { cpu: '100m' } }] },
  }),
];

export const SAMPLE_OBJECTS: readonly SampleObject[] = [
  clusterWide('v1', 'Node', 'node-1'),
  inShop('v1', 'ConfigMap', 'settings', { data: { colour: 'blue' } }),
  inShop('v1', 'Secret', 'keys', { data: { password: 'czNjcmV0' } }),
  inShop(
    'v1',
    'Pod',
    'one',
    {
      spec: {
        nodeName: 'node-1',
        containers: [
          {
            name: 'main',
            image: 'registry.test/web:1',
            ports: [{ name: 'http', containerPort: 80 }],
            env: [{ name: 'COLOUR', valueFrom: { configMapKeyRef: { name: 'settings', key: 'colour' } } }],
            livenessProbe: { httpGet: { path: '/', port: 80 } },
          },
        ],
      },
    },
    { app: 'web', tier: 'front' },
  ),
  inShop('v1', 'PodTemplate', 'template', { template: { metadata: { labels: { app: 'x' } }, spec: container('x:1') } }),
  inShop('v1', 'ReplicationController', 'old', {
    spec: { selector: { app: 'old' }, template: { metadata: { labels: { app: 'old' } }, spec: container('old:1') } },
  }),
  inShop('v1', 'Service', 'web', { spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 'http' }] } }),
  inShop('v1', 'Endpoints', 'manual', {
    subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ port: 80, protocol: 'TCP' }] }],
  }),
  inShop('v1', 'PersistentVolumeClaim', 'data', {
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'slow', resources: { requests: { storage: '1Gi' } } },
  }),
  clusterWide('v1', 'PersistentVolume', 'disk', {
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      hostPath: { path: '/srv/disk' },
      storageClassName: 'slow',
    },
  }),
  inShop('apps/v1', 'Deployment', 'web', { spec: workload('web', { replicas: 2 }) }, { app: 'web' }),
  inShop('apps/v1', 'ReplicaSet', 'web-1', { spec: workload('web', { replicas: 2 }) }),
  inShop('apps/v1', 'StatefulSet', 'db', { spec: workload('db', { serviceName: 'db' }) }),
  inShop('apps/v1', 'DaemonSet', 'agent', { spec: workload('agent') }),
  inShop('apps/v1', 'ControllerRevision', 'revision', { revision: 1, data: { any: 'thing' } }),
  inShop('batch/v1', 'Job', 'once', { spec: once }),
  inShop('batch/v1', 'CronJob', 'nightly', { spec: { schedule: '0 3 * * *', jobTemplate: { spec: once } } }),
  inShop('autoscaling/v2', 'HorizontalPodAutoscaler', 'web', {
    spec: { scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 5 },
  }),
  inShop('policy/v1', 'PodDisruptionBudget', 'web', {
    spec: { minAvailable: 1, selector: { matchLabels: { app: 'web' } } },
  }),
  inShop('networking.k8s.io/v1', 'Ingress', 'web', {
    spec: {
      rules: [
        {
          host: 'web.test',
          http: {
            paths: [{ path: '/', pathType: 'Prefix', backend: { service: { name: 'web', port: { number: 80 } } } }],
          },
        },
      ],
    },
  }),
  inShop('networking.k8s.io/v1', 'NetworkPolicy', 'deny', { spec: { podSelector: {}, policyTypes: ['Ingress'] } }),
  clusterWide('networking.k8s.io/v1', 'IngressClass', 'front', { spec: { controller: 'test.example/front' } }),
  clusterWide('networking.k8s.io/v1', 'ServiceCIDR', 'more', { spec: { cidrs: ['10.97.0.0/24'] } }),
  {
    ...clusterWide('networking.k8s.io/v1', 'IPAddress', '10.97.0.9', {
      spec: { parentRef: { resource: 'services', namespace: SHOP, name: 'web' } },
    }),
    metadata: {
      name: '10.97.0.9',
      labels: { 'ipaddress.kubernetes.io/ip-family': 'IPv4', 'ipaddress.kubernetes.io/managed-by': 'test' },
    },
  },
  inShop(
    'discovery.k8s.io/v1',
    'EndpointSlice',
    'web-x',
    {
      addressType: 'IPv4',
      endpoints: [{ addresses: ['10.1.2.3'], conditions: { ready: true } }],
      ports: [{ port: 80, name: '', protocol: 'TCP' }],
    },
    { 'kubernetes.io/service-name': 'web' },
  ),
  inShop('coordination.k8s.io/v1', 'Lease', 'leader', { spec: { holderIdentity: 'me', leaseDurationSeconds: 15 } }),
  clusterWide('storage.k8s.io/v1', 'StorageClass', 'slow', { provisioner: 'disk.example' }),
  clusterWide('storage.k8s.io/v1', 'CSIDriver', 'disk.example', { spec: {} }),
  clusterWide('storage.k8s.io/v1', 'CSINode', 'node-1', {
    spec: { drivers: [{ name: 'disk.example', nodeID: 'n1', topologyKeys: [] }] },
  }),
  inShop('storage.k8s.io/v1', 'CSIStorageCapacity', 'room', { storageClassName: 'slow', capacity: '10Gi' }),
  clusterWide('storage.k8s.io/v1', 'VolumeAttachment', 'attached', {
    spec: { attacher: 'disk.example', nodeName: 'node-1', source: { persistentVolumeName: 'disk' } },
  }),
  clusterWide('storage.k8s.io/v1', 'VolumeAttributesClass', 'gold', {
    driverName: 'disk.example',
    parameters: { iops: '100' },
  }),
  clusterWide('scheduling.k8s.io/v1', 'PriorityClass', 'important', { value: 1000, description: 'before the others' }),
  clusterWide('node.k8s.io/v1', 'RuntimeClass', 'sandboxed', { handler: 'sandboxed' }),
  clusterWide('resource.k8s.io/v1', 'DeviceClass', 'gpu.example', { spec: {} }),
  inShop('resource.k8s.io/v1', 'ResourceClaim', 'gpu', { spec: claim }),
  inShop('resource.k8s.io/v1', 'ResourceClaimTemplate', 'gpu', { spec: { spec: claim } }),
  clusterWide('resource.k8s.io/v1', 'ResourceSlice', 'slice', {
    spec: {
      driver: 'gpu.example',
      nodeName: 'node-1',
      pool: { name: 'node-1', generation: 1, resourceSliceCount: 1 },
      devices: [{ name: 'gpu-0' }],
    },
  }),
  inShop('rbac.authorization.k8s.io/v1', 'Role', 'reader', {
    rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] }],
  }),
  inShop('rbac.authorization.k8s.io/v1', 'RoleBinding', 'reader', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'reader' },
    subjects: [{ kind: 'User', name: 'jane', apiGroup: 'rbac.authorization.k8s.io' }],
  }),
  clusterWide('rbac.authorization.k8s.io/v1', 'ClusterRole', 'node-reader', {
    rules: [{ apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list'] }],
  }),
  clusterWide('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'node-reader', {
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'node-reader' },
    subjects: [{ kind: 'Group', name: 'dev', apiGroup: 'rbac.authorization.k8s.io' }],
  }),
  inShop('v1', 'ResourceQuota', 'quota', { spec: { hard: { secrets: '20', services: '5' } } }),
];
