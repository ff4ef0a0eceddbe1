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
import { HEADLESS, hasEndpoint, hostnameOf, isHeadless, LAST_CHANGE, targetPortOf } from '../services/service-pods.ts';
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
  const all = repackSubsets(pods.flatMap(pod => subsetsOf(pod, service)));
  const subsets = truncateSubsets(all, MAX_ADDRESSES);
  const labels = labelsOf(service);
  const isOver = subsets !== all;
  const because = present === undefined ? 'there is none' : differenceOf(present, { subsets, labels, isOver });
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
  readonly subsets: readonly EndpointSubset[];
  readonly labels: Readonly<Record<string, string>>;
  readonly isOver: boolean;
}

function differenceOf({ metadata, subsets = [] }: Endpoints, wanted: Wanted): string | undefined {
  if (!equalValues(comparable(subsets), comparable(wanted.subsets))) return 'its addresses are others';
  if (!equalValues(metadata.labels, wanted.labels)) return 'its labels are others';
  if (metadata.annotations?.[OVER_CAPACITY] !== (wanted.isOver ? TRUNCATED : undefined))
    return 'it says otherwise how full it is';
  return undefined;
}

/** Without what says nothing: the order of lists, the versions of pods, and a name that is empty. */
function comparable(subsets: readonly EndpointSubset[]): object {
  return repackSubsets(subsets).map(({ addresses, notReadyAddresses, ports = [] }) => ({
    addresses: addresses?.map(plainAddress),
    notReadyAddresses: notReadyAddresses?.map(plainAddress),
    ports: ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({ name, port, protocol, appProtocol })),
  }));
}

function plainAddress({ ip, hostname = '', nodeName, targetRef }: EndpointAddress): object {
  return { ip, hostname, nodeName, targetRef: { ...targetRef, resourceVersion: undefined } };
}

function labelsOf(service: Service): Readonly<Record<string, string>> {
  const { [HEADLESS]: _, ...own } = service.metadata.labels ?? {};
  return { ...own, ...(isHeadless(service) ? { [HEADLESS]: '' } : {}), [MANAGED_BY]: CONTROLLER };
}

/** One subset for each port that a pod has; one without ports for a headless service that has none. */
function subsetsOf(pod: Pod, service: Service): EndpointSubset[] {
  const everyone = service.spec.publishNotReadyAddresses === true;
  const address = hasEndpoint(pod, everyone) ? addressOf(pod, service) : undefined;
  if (address === undefined) return [];
  const state = everyone || isReady(pod) ? { addresses: [address] } : { notReadyAddresses: [address] };
  const servicePorts = service.spec.ports ?? [];
  if (servicePorts.length === 0) return service.spec.clusterIP === 'None' ? [state] : [];
  return servicePorts.flatMap(servicePort => {
    const port = targetPortOf(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    const found: EndpointPort = {
      ...(name === '' ? {} : { name }),
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    };
    return [{ ...state, ports: [found] }];
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
