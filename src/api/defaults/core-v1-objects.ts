import type {
  ConfigMap,
  Endpoints,
  LimitRangeItem,
  Namespace,
  NamespaceStatus,
  NodeSpec,
  NodeStatus,
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeClaimSpec,
  ReplicationController,
  ResourceList,
  Secret,
  Service,
  ServicePort,
  ServiceSpec,
} from '../types/gen/core-v1.ts';
import { defaultsOf, type TypeDefaults } from './apply.ts';

/** How long a client stays with one endpoint under session affinity: three hours. */
const AFFINITY_SECONDS = 10_800;
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** Upstream's defaults of core/v1 for everything but pods, by type. */
export const coreV1ObjectDefaults: TypeDefaults = new Map([
  defaultsOf<ConfigMap>('core/v1.ConfigMap', map => ({ data: map.data ?? {} })),
  defaultsOf<Endpoints>('core/v1.Endpoints', endpoints => ({
    subsets: endpoints.subsets?.map(subset => ({
      ...subset,
      ports: subset.ports?.map(port => ({ ...port, protocol: port.protocol || 'TCP' })),
    })),
  })),
  defaultsOf<LimitRangeItem>('core/v1.LimitRangeItem', limitRangeItem),
  defaultsOf<Namespace>('core/v1.Namespace', ({ metadata }) =>
    metadata.name === undefined || metadata.name === ''
      ? {}
      : { metadata: { ...metadata, labels: { ...metadata.labels, [NAME_LABEL]: metadata.name } } },
  ),
  defaultsOf<NamespaceStatus>('core/v1.NamespaceStatus', status => ({ phase: status.phase || 'Active' })),
  defaultsOf<NodeSpec>('core/v1.NodeSpec', podNetworks),
  defaultsOf<NodeStatus>('core/v1.NodeStatus', status =>
    status.capacity === undefined ? {} : { allocatable: status.allocatable ?? status.capacity },
  ),
  defaultsOf<PersistentVolume>('core/v1.PersistentVolume', volume => ({
    status: { ...volume.status, phase: volume.status.phase || 'Pending' },
    spec: {
      ...volume.spec,
      persistentVolumeReclaimPolicy: volume.spec.persistentVolumeReclaimPolicy || 'Retain',
      volumeMode: volume.spec.volumeMode ?? 'Filesystem',
    },
  })),
  defaultsOf<PersistentVolumeClaim>('core/v1.PersistentVolumeClaim', claim => ({
    status: { ...claim.status, phase: claim.status.phase || 'Pending' },
  })),
  defaultsOf<PersistentVolumeClaimSpec>('core/v1.PersistentVolumeClaimSpec', spec => ({
    volumeMode: spec.volumeMode ?? 'Filesystem',
  })),
  defaultsOf<ReplicationController>('core/v1.ReplicationController', controllerDefaults),
  defaultsOf<Secret>('core/v1.Secret', secret => ({ type: secret.type || 'Opaque' })),
  defaultsOf<Service>('core/v1.Service', serviceDefaults),
]);

/** `podCIDR` is the first of `podCIDRs`. Where they differ, the older field is right: an older client wrote it. */
function podNetworks({ podCIDR = '', podCIDRs = [] }: NodeSpec): Partial<NodeSpec> {
  const [first] = podCIDRs;
  if (podCIDR !== '' && podCIDR !== first) return { podCIDRs: [podCIDR] };
  return first === undefined || podCIDR !== '' ? {} : { podCIDR: first };
}

function controllerDefaults({ metadata, spec }: ReplicationController): Partial<ReplicationController> {
  const labels = spec.template?.metadata.labels;
  if (labels === undefined) return {};
  return {
    metadata: { ...metadata, labels: isEmpty(metadata.labels) ? labels : metadata.labels },
    spec: { ...spec, selector: isEmpty(spec.selector) ? labels : spec.selector },
  };
}

function isEmpty(map: object | undefined): boolean {
  return map === undefined || Object.keys(map).length === 0;
}

/** For containers: the maximum is the default limit, and limits and minima are the default requests. */
function limitRangeItem(item: LimitRangeItem): Partial<LimitRangeItem> {
  if (item.type !== 'Container') return {};
  const limits: ResourceList = { ...item.max, ...item.default };
  return { default: limits, defaultRequest: { ...item.min, ...limits, ...item.defaultRequest } };
}

function serviceDefaults({ spec, status }: Service): Partial<Service> {
  const type = spec.type || 'ClusterIP';
  const balanced = type === 'LoadBalancer';
  // Upstream sets no internal policy for an ExternalName.
  const internal = type === 'ExternalName' ? undefined : 'Cluster';
  const external = type === 'NodePort' || balanced || (type === 'ClusterIP' && (spec.externalIPs?.length ?? 0) > 0);
  return {
    spec: {
      ...spec,
      type,
      ...sessionAffinity(spec),
      ports: spec.ports?.map(servicePort),
      externalTrafficPolicy: spec.externalTrafficPolicy || (external ? 'Cluster' : undefined),
      internalTrafficPolicy: spec.internalTrafficPolicy ?? internal,
      allocateLoadBalancerNodePorts: spec.allocateLoadBalancerNodePorts ?? (balanced ? true : undefined),
    },
    ...(balanced ? { status: withAddressMode(status) } : {}),
  };
}

function sessionAffinity(spec: ServiceSpec): Pick<ServiceSpec, 'sessionAffinity' | 'sessionAffinityConfig'> {
  const affinity = spec.sessionAffinity || 'None';
  if (affinity === 'None') return { sessionAffinity: affinity, sessionAffinityConfig: undefined };
  if (affinity === 'ClientIP' && spec.sessionAffinityConfig?.clientIP?.timeoutSeconds === undefined)
    return { sessionAffinity: affinity, sessionAffinityConfig: { clientIP: { timeoutSeconds: AFFINITY_SECONDS } } };
  return { sessionAffinity: affinity };
}

function servicePort(port: ServicePort): ServicePort {
  const unset = port.targetPort === undefined || port.targetPort === 0 || port.targetPort === '';
  return { ...port, protocol: port.protocol || 'TCP', targetPort: unset ? port.port : port.targetPort };
}

function withAddressMode(status: Service['status']): Service['status'] {
  const ingress = status.loadBalancer.ingress?.map(address =>
    address.ip !== undefined && address.ip !== '' && address.ipMode === undefined
      ? { ...address, ipMode: 'VIP' }
      : address,
  );
  return ingress === undefined ? status : { ...status, loadBalancer: { ...status.loadBalancer, ingress } };
}
