import type { Node, Pod, Service } from '../../api/types/gen/core-v1.ts';
import type { AddressType, Endpoint, EndpointPort } from '../../api/types/gen/discovery-v1.ts';
import { canonicalIp, familyOf } from '../../api/validation/ip.ts';
import { isReady } from '../pods/pod-state.ts';
import { addressTypeOf } from '../services/endpoint-slices.ts';
import { hostnameOf, targetPortOf } from '../services/service-pods.ts';

const ZONE = 'topology.kubernetes.io/zone';

/**
 * A pod as an endpoint of a service, with its addresses of one family; undefined where it has none. A pod on its way out is never ready, but serving for as long
 * as its probe says so. A service may want pods as ready that are not.
 */
export function endpointOf(
  pod: Pod,
  node: Node | undefined,
  service: Service,
  addressType: AddressType,
): Endpoint | undefined {
  const addresses = addressesOf(pod, addressType);
  if (addresses.length === 0) return undefined;
  const serving = isReady(pod);
  const terminating = pod.metadata.deletionTimestamp !== undefined;
  const ready = service.spec.publishNotReadyAddresses === true || (serving && !terminating);
  const { namespace, name, uid } = pod.metadata;
  const zone = zoneOf(node);
  const hostname = hostnameOf(pod, service);
  const { nodeName = '' } = pod.spec;
  return {
    addresses,
    conditions: { ready, serving, terminating },
    targetRef: { kind: 'Pod', namespace, name, uid },
    ...(nodeName === '' ? {} : { nodeName }),
    ...(zone === undefined ? {} : { zone }),
    ...(hostname === undefined ? {} : { hostname }),
  };
}

/** The ports of a service as this pod has them; those that it does not have are left out. */
export function endpointPortsOf(pod: Pod, { spec }: Service): readonly EndpointPort[] {
  return (spec.ports ?? []).flatMap(servicePort => {
    const port = targetPortOf(pod, servicePort);
    if (port === undefined) return [];
    const { name = '', protocol = 'TCP', appProtocol } = servicePort;
    return [{ name, port, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

export function zoneOf(node: Node | undefined): string | undefined {
  const zone = node?.metadata.labels?.[ZONE] ?? '';
  return zone === '' ? undefined : zone;
}

/** The families of a service: told by it, or by its address; both where it has none and says nothing. */
export function addressTypesOf({ spec }: Service): readonly AddressType[] {
  const told = (spec.ipFamilies ?? []).filter(family => family === 'IPv4' || family === 'IPv6');
  if (told.length > 0) return [...new Set(told)];
  const family = familyOf(spec.clusterIP ?? '');
  return family === undefined ? ['IPv4', 'IPv6'] : [addressTypeOf(family)];
}

function addressesOf({ status }: Pod, addressType: AddressType): readonly string[] {
  return (status.podIPs ?? []).flatMap(({ ip }) => {
    const family = familyOf(ip);
    const address = canonicalIp(ip);
    return family === undefined || address === undefined || addressTypeOf(family) !== addressType ? [] : [address];
  });
}
