import { equalValues } from '../../api/semantic-equal.ts';
import type {
  EndpointAddress,
  EndpointPort,
  EndpointSubset,
  Endpoints,
  Pod,
  Service,
} from '../../api/types/gen/core-v1.ts';
import { canonicalIp, familyOf } from '../../api/validation/ip.ts';
import { isReady } from '../pods/pod-state.ts';
import { sameTarget } from '../services/endpoint-slices.ts';
import {
  HEADLESS,
  hasEndpoint,
  hasNamedPorts,
  hostnameOf,
  isHeadless,
  LAST_CHANGE,
  targetPortOf,
} from '../services/service-pods.ts';
import { repackSubsets, truncateSubsets } from './subsets.ts';

const MANAGED_BY = 'endpoints.kubernetes.io/managed-by';
/** Upstream's name of this controller in that label. */
const CONTROLLER = 'endpoint-controller';
const OVER_CAPACITY = 'endpoints.kubernetes.io/over-capacity';
const TRUNCATED = 'truncated';
/** Addresses of one Endpoints, at most; slices are for those who have more. */
const MAX_ADDRESSES = 1000;

export interface EndpointsFacts {
  readonly service: Service;
  /** Those that the service selects. */
  readonly pods: readonly Pod[];
  readonly present: Endpoints | undefined;
  /** Since when the change was to be seen; undefined where nobody knows. */
  readonly triggerTime: string | undefined;
}

/** The write that brings the Endpoints of a service to its pods; undefined where nothing has to be written. */
export interface EndpointsPlan {
  readonly kind: 'create' | 'update';
  readonly endpoints: Endpoints;
  readonly because: string;
}

/**
 * Endpoints have addresses of one family only, the first of the service, and pods on their way out are none where the service does not ask for those that are not
 * ready. Beyond 1,000 addresses the rest is left out, and an annotation says so.
 */
export function planEndpoints({ service, pods, present, triggerTime }: EndpointsFacts): EndpointsPlan | undefined {
  const all = repackSubsets(subsetsOf(pods, service));
  const subsets = truncateSubsets(all, MAX_ADDRESSES);
  const labels = labelsOf(service);
  const isOver = subsets !== all;
  // what was cut may be alike now
  const packed = isOver ? repackSubsets(subsets) : all;
  const because = present === undefined ? 'there is none' : differenceOf(present, { packed, labels, isOver });
  if (because === undefined) return undefined;
  const { namespace, name } = service.metadata;
  const { [LAST_CHANGE]: _, [OVER_CAPACITY]: __, ...others } = present?.metadata.annotations ?? {};
  const annotations = {
    ...others,
    ...(triggerTime === undefined ? {} : { [LAST_CHANGE]: triggerTime }),
    ...(isOver ? { [OVER_CAPACITY]: TRUNCATED } : {}),
  };
  const metadata = { ...(present?.metadata ?? { namespace, name }), labels, annotations };
  return { kind: present === undefined ? 'create' : 'update', endpoints: { ...present, metadata, subsets }, because };
}

interface Wanted {
  /** In canonical form. */
  readonly packed: readonly EndpointSubset[];
  readonly labels: Readonly<Record<string, string>>;
  readonly isOver: boolean;
}

function differenceOf({ metadata, subsets = [] }: Endpoints, wanted: Wanted): string | undefined {
  if (!sameSubsets(repackSubsets(subsets), wanted.packed)) return 'its addresses are others';
  if (!equalValues(metadata.labels, wanted.labels)) return 'its labels are others';
  if (metadata.annotations?.[OVER_CAPACITY] !== (wanted.isOver ? TRUNCATED : undefined))
    return 'it says otherwise how full it is';
  return undefined;
}

/** What says nothing does not count: the order of lists, the versions of pods, and a name that is empty. */
function sameSubsets(a: readonly EndpointSubset[], b: readonly EndpointSubset[]): boolean {
  return sameList(a, b, (left, right) => {
    const { addresses = [], notReadyAddresses = [], ports = [] } = left;
    return (
      sameList(addresses, right.addresses ?? [], sameAddress) &&
      sameList(notReadyAddresses, right.notReadyAddresses ?? [], sameAddress) &&
      sameList(ports, right.ports ?? [], samePort)
    );
  });
}

function sameAddress(a: EndpointAddress, b: EndpointAddress): boolean {
  return (
    a.ip === b.ip &&
    (a.hostname ?? '') === (b.hostname ?? '') &&
    a.nodeName === b.nodeName &&
    sameTarget(a.targetRef, b.targetRef)
  );
}

function samePort(a: EndpointPort, b: EndpointPort): boolean {
  return (
    (a.name ?? '') === (b.name ?? '') &&
    a.port === b.port &&
    (a.protocol ?? 'TCP') === (b.protocol ?? 'TCP') &&
    a.appProtocol === b.appProtocol
  );
}

function sameList<T>(a: readonly T[], b: readonly T[], same: (left: T, right: T) => boolean): boolean {
  return a.length === b.length && a.every((left, i) => b[i] !== undefined && same(left, b[i]));
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [HEADLESS]: _, ...own } = service.metadata.labels ?? {};
  return { ...own, ...(isHeadless(service) ? { [HEADLESS]: '' } : {}), [MANAGED_BY]: CONTROLLER };
}

/** The pods that have the same ports, together. Those of a headless service need none. */
function subsetsOf(pods: readonly Pod[], service: Service): EndpointSubset[] {
  const everyone = service.spec.publishNotReadyAddresses === true;
  const isPortless = (service.spec.ports ?? []).length === 0;
  if (isPortless && service.spec.clusterIP !== 'None') return [];
  const groups = new Map<string, { ports: EndpointPort[]; ready: EndpointAddress[]; notReady: EndpointAddress[] }>();
  const named = hasNamedPorts(service);
  const [first] = pods;
  const common = first === undefined || named ? undefined : portsOf(first, service);
  for (const pod of pods) {
    const address = hasEndpoint(pod, everyone) ? addressOf(pod, service) : undefined;
    const ports = common ?? portsOf(pod, service);
    if (address === undefined || (ports.length === 0 && !isPortless)) continue;
    // only ports by name differ from pod to pod
    const key = named ? JSON.stringify(ports) : '';
    const group = groups.get(key) ?? { ports, ready: [], notReady: [] };
    groups.set(key, group);
    (everyone || isReady(pod) ? group.ready : group.notReady).push(address);
  }
  return [...groups.values()].map(({ ports, ready, notReady }) => ({
    addresses: ready,
    notReadyAddresses: notReady,
    ports,
  }));
}

/** The ports of a service as a pod has them. */
function portsOf(pod: Pod, { spec }: Service): EndpointPort[] {
  return (spec.ports ?? []).flatMap(servicePort => {
    const port = targetPortOf(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    const told = appProtocol === undefined ? {} : { appProtocol };
    return [{ ...(name === '' ? {} : { name }), port, protocol, ...told }];
  });
}

function addressOf(pod: Pod, service: Service): EndpointAddress | undefined {
  const family = wantedFamily(service, pod);
  const found = (pod.status.podIPs ?? []).find(({ ip }) => familyOf(ip) === family);
  const ip = found === undefined ? undefined : canonicalIp(found.ip);
  if (ip === undefined) return undefined;
  const { namespace, name, uid } = pod.metadata;
  const hostname = hostnameOf(pod, service);
  const { nodeName = '' } = pod.spec;
  return {
    ip,
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === '' ? {} : { nodeName }),
    targetRef: { kind: 'Pod', namespace, name, uid },
  };
}

/** The first family of a service, or that of its address, or that of the pod. */
function wantedFamily({ spec }: Service, { status }: Pod): 4 | 6 {
  const [first] = spec.ipFamilies ?? [];
  if (first !== undefined) return first === 'IPv6' ? 6 : 4;
  return familyOf(spec.clusterIP ?? '') ?? familyOf(status.podIP ?? '') ?? 4;
}
