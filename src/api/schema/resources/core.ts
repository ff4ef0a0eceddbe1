import { type ApiResource, rowsOf, SCALE, type Subresource, type Verb } from './resource.ts';

const { resource, sub, stream } = rowsOf('', 'v1', 'core/v1');
const PROXIED: readonly Verb[] = ['create', 'delete', 'get', 'patch', 'update'];
const UPGRADED: readonly Verb[] = ['create', 'get'];

const EVICTION: Subresource = {
  name: 'eviction',
  group: 'policy',
  version: 'v1',
  kind: 'Eviction',
  verbs: ['create'],
  package: 'policy/v1',
  connect: false,
};
const TOKEN: Subresource = {
  name: 'token',
  group: 'authentication.k8s.io',
  version: 'v1',
  kind: 'TokenRequest',
  verbs: ['create'],
  package: 'authentication/v1',
  connect: false,
};

const EVENT_FIELDS = [
  'involvedObject.kind',
  'involvedObject.namespace',
  'involvedObject.name',
  'involvedObject.uid',
  'involvedObject.apiVersion',
  'involvedObject.resourceVersion',
  'involvedObject.fieldPath',
  'reason',
  'reportingComponent',
  'source',
  'type',
];

export const CORE_RESOURCES: readonly ApiResource[] = [
  resource('namespaced', 'Binding', 'bindings', { verbs: ['create'], listKind: '', storage: undefined }),
  resource('cluster', 'ComponentStatus', 'componentstatuses', {
    verbs: ['get', 'list'],
    shortNames: ['cs'],
    storage: undefined,
  }),
  resource('namespaced', 'ConfigMap', 'configmaps', { shortNames: ['cm'] }),
  resource('namespaced', 'Endpoints', 'endpoints', { shortNames: ['ep'], storage: { prefix: 'services/endpoints' } }),
  resource('namespaced', 'Event', 'events', { shortNames: ['ev'], selectableFields: EVENT_FIELDS }),
  resource('namespaced', 'LimitRange', 'limitranges', { shortNames: ['limits'] }),
  resource('cluster', 'Namespace', 'namespaces', {
    shortNames: ['ns'],
    verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
    subresources: [sub('finalize', 'Namespace', ['update']), sub('status', 'Namespace')],
    selectableFields: ['status.phase'],
  }),
  resource('cluster', 'Node', 'nodes', {
    shortNames: ['no'],
    storage: { prefix: 'minions' },
    subresources: [stream('proxy', 'NodeProxyOptions', PROXIED), sub('status', 'Node')],
    selectableFields: ['spec.unschedulable'],
  }),
  resource('namespaced', 'PersistentVolumeClaim', 'persistentvolumeclaims', {
    shortNames: ['pvc'],
    subresources: [sub('status', 'PersistentVolumeClaim')],
  }),
  resource('cluster', 'PersistentVolume', 'persistentvolumes', {
    shortNames: ['pv'],
    subresources: [sub('status', 'PersistentVolume')],
  }),
  resource('namespaced', 'Pod', 'pods', {
    shortNames: ['po'],
    categories: ['all'],
    subresources: [
      stream('attach', 'PodAttachOptions', UPGRADED),
      sub('binding', 'Binding', ['create']),
      sub('ephemeralcontainers', 'Pod'),
      EVICTION,
      stream('exec', 'PodExecOptions', UPGRADED),
      // The kind that discovery names is Pod; the options of the query are a PodLogOptions.
      sub('log', 'Pod', ['get']),
      stream('portforward', 'PodPortForwardOptions', UPGRADED),
      stream('proxy', 'PodProxyOptions', PROXIED),
      sub('resize', 'Pod'),
      sub('status', 'Pod'),
    ],
    selectableFields: [
      'spec.nodeName',
      'spec.restartPolicy',
      'spec.schedulerName',
      'spec.serviceAccountName',
      'spec.hostNetwork',
      'status.phase',
      'status.podIP',
      'status.podIPs',
      'status.nominatedNodeName',
      // An old name of spec.nodeName.
      'spec.host',
    ],
  }),
  resource('namespaced', 'PodTemplate', 'podtemplates'),
  resource('namespaced', 'ReplicationController', 'replicationcontrollers', {
    shortNames: ['rc'],
    categories: ['all'],
    storage: { prefix: 'controllers' },
    subresources: [SCALE, sub('status', 'ReplicationController')],
    selectableFields: ['status.replicas'],
  }),
  resource('namespaced', 'ResourceQuota', 'resourcequotas', {
    shortNames: ['quota'],
    subresources: [sub('status', 'ResourceQuota')],
  }),
  resource('namespaced', 'Secret', 'secrets', { selectableFields: ['type'] }),
  resource('namespaced', 'ServiceAccount', 'serviceaccounts', { shortNames: ['sa'], subresources: [TOKEN] }),
  resource('namespaced', 'Service', 'services', {
    shortNames: ['svc'],
    categories: ['all'],
    storage: { prefix: 'services/specs' },
    subresources: [stream('proxy', 'ServiceProxyOptions', PROXIED), sub('status', 'Service')],
    selectableFields: ['spec.clusterIP', 'spec.type'],
  }),
];
