import { equalValues } from '../../api/semantic-equal.ts';
import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../api/types/gen/core-v1.ts';
import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import { canonicalIp, familyOf } from '../../api/validation/ip.ts';
import { repackSubsets } from '../endpoints/subsets.ts';
import { isElection } from '../services/elections.ts';
import {
  actionsOf,
  endpointKey,
  endpointsOf,
  grouped,
  inPlaceOf,
  MANAGED_BY,
  newSlice,
  portsKey,
  portsOf,
  recycled,
  SERVICE_NAME,
  type SliceAction,
  type SliceChanges,
  sameState,
} from '../services/endpoint-slices.ts';
import { hasSelector, LAST_CHANGE } from '../services/service-pods.ts';

/** Upstream's name of this controller in the label that says who manages a slice. */
export const CONTROLLER = 'endpointslicemirroring-controller.k8s.io';
const SKIP_MIRROR = 'endpointslice.kubernetes.io/skip-mirror';
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration';
/** Upstream's --mirroring-max-endpoints-per-subset. */
const MAX_ENDPOINTS = 1000;
const FAMILIES: readonly AddressType[] = ['IPv4', 'IPv6'];

export interface MirrorFacts {
  readonly endpoints: Endpoints | undefined;
  /** That of the same name. */
  readonly service: Service | undefined;
  /** Those of this name that this controller manages. */
  readonly slices: readonly EndpointSlice[];
  /** 1,000 unless given. */
  readonly max?: number;
}

export interface MirrorPlan {
  readonly actions: readonly SliceAction[];
  /** What people are told as events of the Endpoints. */
  readonly warnings: readonly { readonly reason: string; readonly message: string }[];
}

/** True for Endpoints that are to be mirrored where their service lets others find its endpoints. */
export function isMirrored(endpoints: Endpoints): boolean {
  return endpoints.metadata.labels?.[SKIP_MIRROR] !== 'true' && !isElection(endpoints);
}

/** What to do so that slices show what is in Endpoints that somebody wrote: one slice for each subset and family. */
export function planMirror({ endpoints, service, slices, max = MAX_ENDPOINTS }: MirrorFacts): MirrorPlan {
  if (endpoints === undefined || !isMirrored(endpoints) || service === undefined || hasSelector(service.spec.selector))
    return { actions: actionsOf({ create: [], update: [], remove: slices }), warnings: [] };
  const { groups, invalid, skipped } = wantedOf(repackSubsets(endpoints.subsets ?? []), max);
  const present = grouped(slices, slice => groupKey(slice.addressType, portsOf(slice)));
  const changes = [...groups].map(([key, group]) => changesOf(endpoints, group, present.get(key) ?? []));
  const others = [...present].filter(([key]) => !groups.has(key)).flatMap(([, group]) => group);
  const { create, update, remove } = recycled(
    {
      create: changes.flatMap(each => each.create),
      update: changes.flatMap(each => each.update),
      remove: [...changes.flatMap(each => each.remove), ...others],
    },
    () => true,
  );
  const isGoing = endpoints.metadata.deletionTimestamp !== undefined;
  return {
    actions: actionsOf({ create: isGoing ? [] : create, update, remove }),
    warnings: warningsOf(invalid, skipped, max),
  };
}

interface Group {
  readonly addressType: AddressType;
  readonly ports: readonly EndpointPort[];
  readonly endpoints: Map<string, Endpoint>;
}

interface Wanted {
  readonly groups: ReadonlyMap<string, Group>;
  /** What is no address. */
  readonly invalid: number;
  /** What has no place, and what is no address. */
  readonly skipped: number;
}

function wantedOf(subsets: readonly EndpointSubset[], max: number): Wanted {
  const groups = new Map<string, Group>();
  let invalid = 0;
  let skipped = 0;
  for (const { addresses = [], notReadyAddresses = [], ports: subsetPorts = [] } of subsets) {
    const ports = subsetPorts.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
      name,
      port,
      protocol,
      ...(appProtocol === undefined ? {} : { appProtocol }),
    }));
    const [v4, v6] = FAMILIES.map(addressType => {
      const group = { addressType, ports, endpoints: new Map<string, Endpoint>() };
      groups.set(groupKey(addressType, ports), group);
      return group;
    });
    let added = 0;
    const all = [
      ...addresses.map(address => [address, true] as const),
      ...notReadyAddresses.map(address => [address, false] as const),
    ];
    for (const [address, ready] of all) {
      if (added >= max) break;
      const family = familyOf(address.ip);
      const endpoint = endpointOf(address, ready);
      const group = family === 4 ? v4 : v6;
      if (family === undefined || endpoint === undefined) invalid += 1;
      else {
        group?.endpoints.set(endpointKey(endpoint), endpoint);
        added += 1;
      }
    }
    skipped += all.length - added;
  }
  return { groups, invalid, skipped };
}

/** One slice holds all of a group; others of it are superfluous. */
function changesOf(endpoints: Endpoints, group: Group, slices: readonly EndpointSlice[]): SliceChanges {
  const [first, ...others] = slices;
  if (group.endpoints.size === 0) return { create: [], update: [], remove: slices };
  const wanted = mirrorOf(endpoints, group);
  if (first === undefined) return { create: [wanted], update: [], remove: [] };
  const isSame = holds(first, group.endpoints) && sameFrame(first, wanted) && !isOfAnotherLife(first, endpoints);
  return { create: [], update: isSame ? [] : [inPlaceOf(first, wanted)], remove: others };
}

function mirrorOf(endpoints: Endpoints, { addressType, ports, endpoints: wanted }: Group): EndpointSlice {
  const { name = '', labels = {}, annotations = {} } = endpoints.metadata;
  const { [LAST_CHANGE]: _, [LAST_APPLIED]: __, ...told } = annotations;
  const slice = newSlice(endpoints, 'Endpoints', {
    addressType,
    ports,
    labels: { ...labels, [SERVICE_NAME]: name, [MANAGED_BY]: CONTROLLER },
    annotations: told,
  });
  return { ...slice, endpoints: [...wanted.values()] };
}

function holds(slice: EndpointSlice, wanted: ReadonlyMap<string, Endpoint>): boolean {
  const present = endpointsOf(slice);
  return (
    present.length === wanted.size &&
    present.every(endpoint => {
      const found = wanted.get(endpointKey(endpoint));
      return found !== undefined && sameState(found, endpoint);
    })
  );
}

function sameFrame({ metadata }: EndpointSlice, wanted: EndpointSlice): boolean {
  return (
    equalValues(metadata.labels, wanted.metadata.labels) &&
    equalValues(metadata.annotations, wanted.metadata.annotations)
  );
}

/** Its Endpoints were made anew, and it would go with the old ones. */
function isOfAnotherLife({ metadata }: EndpointSlice, endpoints: Endpoints): boolean {
  return (metadata.ownerReferences ?? []).some(
    ({ kind, name, uid }) => kind === 'Endpoints' && name === endpoints.metadata.name && uid !== endpoints.metadata.uid,
  );
}

function endpointOf({ ip, nodeName, hostname = '', targetRef }: EndpointAddress, ready: boolean): Endpoint | undefined {
  const address = canonicalIp(ip);
  if (address === undefined) return undefined;
  return {
    addresses: [address],
    conditions: { ready },
    ...(targetRef === undefined ? {} : { targetRef }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(hostname === '' ? {} : { hostname }),
  };
}

function groupKey(addressType: AddressType, ports: readonly EndpointPort[]): string {
  return `${addressType} ${portsKey(ports)}`;
}

function warningsOf(invalid: number, skipped: number, max: number): MirrorPlan['warnings'] {
  const warnings: { reason: string; message: string }[] = [];
  if (invalid > 0)
    warnings.push({
      reason: 'InvalidIPAddress',
      message: `Skipped ${invalid} invalid IP addresses when mirroring to EndpointSlices`,
    });
  if (skipped > invalid)
    warnings.push({
      reason: 'TooManyAddressesToMirror',
      message: `A max of ${max} addresses can be mirrored to EndpointSlices per Endpoints subset. ${skipped} addresses were skipped`,
    });
  return warnings;
}
