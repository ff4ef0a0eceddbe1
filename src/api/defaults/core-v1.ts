import { aggregateContainers, isPodLevelResource } from '../pod-resources.ts';
import { roundQuantityToMilli } from '../quantity.ts';
import { builtinTable } from '../schema/builtin.ts';
import type {
  ConfigMapVolumeSource,
  Container,
  DownwardAPIVolumeSource,
  HostPathVolumeSource,
  HTTPGetAction,
  ObjectFieldSelector,
  Pod,
  PodSpec,
  PodStatus,
  PodTemplateSpec,
  Probe,
  ProjectedVolumeSource,
  ResourceList,
  ResourceRequirements,
  SecretVolumeSource,
  ServiceAccountTokenProjection,
  Volume,
} from '../types/gen/core-v1.ts';
import type { ObjectMeta } from '../types/gen/meta-v1.ts';
import { defaultsOf, type TypeDefaults } from './apply.ts';
import { defaultPullPolicy } from './image-tag.ts';

/** Mode of files in secret, configMap, downwardAPI and projected volumes: 0644. */
const DEFAULT_FILE_MODE = 0o644;

/** Annotations of the time before init containers had a field. Kubelets must not find them. */
const INIT_ANNOTATIONS = ['beta', 'alpha'].flatMap(stage => [
  `pod.${stage}.kubernetes.io/init-containers`,
  `pod.${stage}.kubernetes.io/init-container-statuses`,
]);

function withoutInitAnnotations(metadata: ObjectMeta): ObjectMeta {
  const { annotations } = metadata;
  if (annotations === undefined || !INIT_ANNOTATIONS.some(key => Object.hasOwn(annotations, key))) return metadata;
  const kept = Object.entries(annotations).filter(([key]) => !INIT_ANNOTATIONS.includes(key));
  return { ...metadata, annotations: Object.fromEntries(kept) };
}

/** `serviceAccount` is the older name of `serviceAccountName`; both say the same, and the newer one wins. */
function serviceAccountNames(spec: PodSpec): Partial<PodSpec> {
  const name = spec.serviceAccountName || spec.serviceAccount;
  return name === undefined || name === '' ? {} : { serviceAccountName: name, serviceAccount: name };
}

/** `podIP` is the first of `podIPs`. Where they differ, the older field is right: an older kubelet wrote it. */
function podAddresses({ podIP = '', podIPs = [] }: PodStatus): Partial<PodStatus> {
  const [first] = podIPs;
  if (podIP !== '' && podIP !== first?.ip) return { podIPs: [{ ip: podIP }] };
  return first === undefined || podIP !== '' ? {} : { podIP: first.ip };
}

/** Upstream's defaults of core/v1 (pkg/apis/core/v1/defaults.go), by type. */
export const coreV1Defaults: TypeDefaults = new Map([
  defaultsOf<Pod>('core/v1.Pod', podDefaults),
  defaultsOf<PodSpec>('core/v1.PodSpec', spec => ({
    dnsPolicy: spec.dnsPolicy || 'ClusterFirst',
    restartPolicy: spec.restartPolicy || 'Always',
    securityContext: spec.securityContext ?? {},
    terminationGracePeriodSeconds: spec.terminationGracePeriodSeconds ?? 30,
    schedulerName: spec.schedulerName || 'default-scheduler',
    ...serviceAccountNames(spec),
  })),
  defaultsOf<PodStatus>('core/v1.PodStatus', podAddresses),
  defaultsOf<PodTemplateSpec>('core/v1.PodTemplateSpec', template => ({
    metadata: withoutInitAnnotations(template.metadata),
  })),
  defaultsOf<Container>('core/v1.Container', containerDefaults),
  defaultsOf<Container>('core/v1.EphemeralContainerCommon', containerDefaults),
  defaultsOf<Probe>('core/v1.Probe', probe => ({
    timeoutSeconds: probe.timeoutSeconds || 1,
    periodSeconds: probe.periodSeconds || 10,
    successThreshold: probe.successThreshold || 1,
    failureThreshold: probe.failureThreshold || 3,
  })),
  defaultsOf<HTTPGetAction>('core/v1.HTTPGetAction', action => ({
    path: action.path || '/',
    scheme: action.scheme || 'HTTP',
  })),
  defaultsOf<ObjectFieldSelector>('core/v1.ObjectFieldSelector', selector => ({
    apiVersion: selector.apiVersion || 'v1',
  })),
  defaultsOf<Volume>('core/v1.Volume', volumeDefaults),
  defaultsOf<HostPathVolumeSource>('core/v1.HostPathVolumeSource', source => ({ type: source.type ?? '' })),
  defaultsOf<SecretVolumeSource>('core/v1.SecretVolumeSource', fileMode),
  defaultsOf<ConfigMapVolumeSource>('core/v1.ConfigMapVolumeSource', fileMode),
  defaultsOf<DownwardAPIVolumeSource>('core/v1.DownwardAPIVolumeSource', fileMode),
  defaultsOf<ProjectedVolumeSource>('core/v1.ProjectedVolumeSource', fileMode),
  defaultsOf<ServiceAccountTokenProjection>('core/v1.ServiceAccountTokenProjection', token => ({
    expirationSeconds: token.expirationSeconds ?? 3600,
  })),
  defaultsOf<ResourceList>('core/v1.ResourceList', list =>
    Object.fromEntries(Object.entries(list).map(([name, quantity]) => [name, roundQuantityToMilli(quantity)])),
  ),
]);

function fileMode(source: { readonly defaultMode?: number | undefined }): { defaultMode: number } {
  return { defaultMode: source.defaultMode ?? DEFAULT_FILE_MODE };
}

function containerDefaults(container: Container): Partial<Container> {
  return {
    imagePullPolicy: container.imagePullPolicy || defaultPullPolicy(container.image ?? ''),
    terminationMessagePath: container.terminationMessagePath || '/dev/termination-log',
    terminationMessagePolicy: container.terminationMessagePolicy || 'File',
  };
}

const VOLUME_SOURCES = [...builtinTable.struct('core/v1.VolumeSource').json.keys()] as (keyof Volume)[];

function volumeDefaults(volume: Volume): Partial<Volume> {
  if (VOLUME_SOURCES.every(name => volume[name] === undefined)) return { emptyDir: {} };
  if (volume.image === undefined) return {};
  const pullPolicy = volume.image.pullPolicy || defaultPullPolicy(volume.image.reference ?? '');
  return { image: { ...volume.image, pullPolicy } };
}

/** Defaults that hold for a pod, and not for the template of one. */
function podDefaults(pod: Pod): Partial<Pod> {
  const { spec } = pod;
  // a list that was never given is written as null, and a copy of it would not be
  const containers =
    spec.containers.length === 0
      ? spec.containers
      : spec.containers.map(container => containerInPod(container, spec.hostNetwork === true));
  const initContainers = spec.initContainers?.map(container => containerInPod(container, spec.hostNetwork === true));
  const filled: PodSpec = {
    ...spec,
    containers,
    ...(initContainers === undefined ? {} : { initContainers }),
    enableServiceLinks: spec.enableServiceLinks ?? true,
    // A negative time is taken for the shortest; in a template it stays what it is.
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0 ? { terminationGracePeriodSeconds: 1 } : {}),
  };
  const metadata = withoutInitAnnotations(pod.metadata);
  if (spec.resources === undefined) return { metadata, spec: filled };
  return { metadata, spec: { ...filled, resources: podLevelResources(filled, spec.resources) } };
}

function containerInPod(container: Container, hostNetwork: boolean): Container {
  const { limits, requests } = container.resources;
  const resources: ResourceRequirements =
    limits === undefined ? container.resources : { ...container.resources, requests: { ...limits, ...requests } };
  if (!hostNetwork || container.ports === undefined) return { ...container, resources };
  const ports = container.ports.map(port => ({ ...port, hostPort: port.hostPort || port.containerPort }));
  return { ...container, resources, ports };
}

/**
 * Pod-level resources that are partly given: limits of huge pages from the containers, then requests from the containers
 * (for what may be overcommitted), then requests from the pod's limits.
 */
function podLevelResources(spec: PodSpec, given: ResourceRequirements): ResourceRequirements {
  const limits: Record<string, string> = { ...given.limits };
  const requests: Record<string, string> = { ...given.requests };
  const anyGiven = Object.keys(limits).length + Object.keys(requests).length > 0;
  for (const [name, quantity] of anyGiven ? Object.entries(aggregateContainers(spec, 'limits')) : [])
    if (name.startsWith('hugepages-') && requests[name] === undefined) limits[name] ??= quantity;
  if (Object.keys(limits).length > 0) {
    for (const [name, quantity] of Object.entries(aggregateContainers(spec, 'requests')))
      if (isPodLevelResource(name) && !name.startsWith('hugepages-')) requests[name] ??= quantity;
    for (const [name, quantity] of Object.entries(limits)) if (isPodLevelResource(name)) requests[name] ??= quantity;
  }
  return {
    ...given,
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(Object.keys(requests).length > 0 ? { requests } : {}),
  };
}
