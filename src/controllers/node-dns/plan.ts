import type { Node, Service } from '../../api/types/gen/core-v1.ts';
import type { Endpoint, EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import { ipFamily, isIp } from '../../base/cidr.ts';

/** Says whose slices these are: others leave them alone. */
export const MANAGER = 'node-dns.gantry.io';
const SERVICE_NAME = 'kubernetes.io/service-name';
const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
const ZONE = 'topology.kubernetes.io/zone';
/** The API takes no more in a slice; so many name servers are enough for any cluster. */
const MAX_ENDPOINTS = 1_000;

export type SliceAction =
  | { readonly kind: 'create' | 'update'; readonly slice: EndpointSlice; readonly because: string }
  | { readonly kind: 'delete'; readonly name: string; readonly because: string };

/**
 * What makes the nodes the endpoints of the cluster's DNS service: a slice for each of its families, with every node that is ready. A service that selects pods is
 * somebody else's, and gets none. `found`: the slices of this manager for the service.
 */
export function planNodeDns(
  service: Service | undefined,
  nodes: readonly Node[],
  found: readonly EndpointSlice[],
): SliceAction[] {
  const wanted =
    service === undefined || hasSelector(service)
      ? []
      : familiesOf(service).map(family => sliceOf(service, family, nodes));
  const names = new Set(wanted.map(each => each.metadata.name));
  const gone = found
    .filter(each => !names.has(each.metadata.name))
    .map(each => ({
      kind: 'delete' as const,
      name: each.metadata.name ?? '',
      because: 'the service does not want it',
    }));
  const writes = wanted.flatMap((slice): SliceAction[] => {
    const known = found.find(each => each.metadata.name === slice.metadata.name);
    if (known === undefined) return [{ kind: 'create', slice, because: 'the service has no slice of this family' }];
    if (isSame(known, slice)) return [];
    const metadata = {
      ...known.metadata,
      ...slice.metadata,
      labels: { ...known.metadata.labels, ...slice.metadata.labels },
    };
    return [{ kind: 'update', slice: { ...slice, metadata }, because: 'nodes or ports have changed' }];
  });
  return [...gone, ...writes];
}

function hasSelector({ spec }: Service): boolean {
  return Object.keys(spec?.selector ?? {}).length > 0;
}

type Family = 4 | 6;

function familiesOf({ spec }: Service): Family[] {
  const ips = (spec?.clusterIPs ?? []).filter(isIp);
  return [...new Set(ips.map(ipFamily))];
}

function sliceOf(service: Service, family: Family, nodes: readonly Node[]): EndpointSlice {
  const { name = '', namespace = '', uid = '' } = service.metadata;
  return {
    metadata: {
      name: `${name}-nodes-ipv${family}`,
      namespace,
      labels: { [SERVICE_NAME]: name, [MANAGED_BY]: MANAGER },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Service', name, uid, controller: true, blockOwnerDeletion: true }],
    },
    addressType: family === 4 ? 'IPv4' : 'IPv6',
    ports: (service.spec?.ports ?? []).map(port => ({
      ...(port.name === undefined ? {} : { name: port.name }),
      protocol: port.protocol ?? 'TCP',
      port: typeof port.targetPort === 'number' ? port.targetPort : port.port,
    })),
    endpoints: [...nodes]
      .sort((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
      .flatMap(node => endpointOf(node, family))
      .slice(0, MAX_ENDPOINTS),
  };
}

/** Ready: as the node is. A node that is going takes no new questions. */
function endpointOf(node: Node, family: Family): Endpoint[] {
  const { name = '', deletionTimestamp, labels } = node.metadata;
  const address = node.status?.addresses?.find(
    each => each.type === 'InternalIP' && isIp(each.address) && ipFamily(each.address) === family,
  )?.address;
  const isReady = node.status?.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True') === true;
  if (address === undefined || !isReady || deletionTimestamp !== undefined) return [];
  const zone = labels?.[ZONE];
  return [
    {
      addresses: [address],
      nodeName: name,
      conditions: { ready: true, serving: true, terminating: false },
      ...(zone === undefined ? {} : { zone }),
    },
  ];
}

function isSame(known: EndpointSlice, wanted: EndpointSlice): boolean {
  const labels = wanted.metadata.labels ?? {};
  return (
    Object.entries(labels).every(([key, value]) => known.metadata.labels?.[key] === value) &&
    JSON.stringify(shown(known)) === JSON.stringify(shown(wanted))
  );
}

/** What the slice says, whatever the order of its keys. */
function shown({ ports, endpoints }: EndpointSlice): unknown {
  return [
    (ports ?? []).map(({ name, protocol, port }) => [name ?? '', protocol ?? 'TCP', port]),
    (endpoints ?? []).map(({ addresses, nodeName, zone }) => [addresses, nodeName, zone ?? '']),
  ];
}
