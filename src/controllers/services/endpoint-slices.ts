import type { ObjectReference } from '../../api/types/gen/core-v1.ts';
import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import type { ApiObject } from '../../client/api-object.ts';
import { controllerReference } from '../pods/pod-from-template.ts';

/** What every controller of endpoint slices knows of them. Pure. */

export const SERVICE_NAME = 'kubernetes.io/service-name';
export const MANAGED_BY = 'endpointslice.kubernetes.io/managed-by';
/** No name is longer; a prefix that is keeps no dash. */
const MAX_NAME = 253;

export interface SliceAction {
  readonly kind: 'create' | 'update' | 'delete';
  readonly slice: EndpointSlice;
  readonly because: string;
}

/** What is to be done to the slices of one service. */
export interface SliceChanges {
  readonly create: readonly EndpointSlice[];
  readonly update: readonly EndpointSlice[];
  readonly remove: readonly EndpointSlice[];
}

/** A server may write an empty list as null. */
export function endpointsOf({ endpoints }: EndpointSlice): readonly Endpoint[] {
  return (endpoints as readonly Endpoint[] | null) ?? [];
}

export function portsOf({ ports }: EndpointSlice): readonly EndpointPort[] {
  return (ports as readonly EndpointPort[] | null) ?? [];
}

/** Equal for endpoints that are the same one, though its state may differ: by addresses, name in DNS and pod. */
export function endpointKey({ addresses: known, hostname = '', targetRef }: Endpoint): string {
  const addresses = (known as readonly string[] | null) ?? [];
  const sorted = addresses.length > 1 ? addresses.toSorted().join() : addresses[0];
  return `${sorted} ${hostname} ${targetRef?.namespace ?? ''}/${targetRef?.name ?? ''}`;
}

/** True where two endpoints of the same key have the same state too. Hints are not part of it. */
export function sameState(a: Endpoint, b: Endpoint): boolean {
  return (
    a.nodeName === b.nodeName &&
    a.zone === b.zone &&
    a.conditions.ready === b.conditions.ready &&
    a.conditions.serving === b.conditions.serving &&
    a.conditions.terminating === b.conditions.terminating &&
    sameTarget(a.targetRef, b.targetRef)
  );
}

/** Equal for lists of the same ports in any order. */
export function portsKey(ports: readonly EndpointPort[]): string {
  return JSON.stringify(
    ports
      .map(({ name = '', protocol = 'TCP', port, appProtocol }) => JSON.stringify([name, protocol, port, appProtocol]))
      .toSorted(),
  );
}

/** A slice that is not there yet; its name is completed by the server. */
export function newSlice(
  owner: ApiObject,
  ownerKind: string,
  facts: Pick<EndpointSlice, 'addressType' | 'ports'> & {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  },
): EndpointSlice {
  const { namespace, name = '' } = owner.metadata;
  const { labels, annotations, addressType, ports } = facts;
  const metadata = {
    namespace,
    generateName: name.length < MAX_NAME ? `${name}-` : name,
    labels,
    ...(annotations === undefined ? {} : { annotations }),
    ownerReferences: [controllerReference(owner, 'v1', ownerKind)],
  };
  return { metadata, addressType, ports, endpoints: [] };
}

/** A new slice in the place of one that would go: a write less, and nobody sees a moment without both. */
export function inPlaceOf(old: EndpointSlice, wanted: EndpointSlice): EndpointSlice {
  const { name, uid, resourceVersion } = old.metadata;
  return { ...wanted, metadata: { ...wanted.metadata, name, uid, resourceVersion } };
}

/** Turns pairs of a new slice and one that goes, of the same family, into updates. `mayReuse` tells which may get new contents. */
export function recycled(changes: SliceChanges, mayReuse: (slice: EndpointSlice) => boolean): SliceChanges {
  const create = [...changes.create];
  const update = [...changes.update];
  const remove: EndpointSlice[] = [];
  for (const old of changes.remove) {
    const at = mayReuse(old) ? create.findLastIndex(({ addressType }) => addressType === old.addressType) : -1;
    const [wanted] = at < 0 ? [] : create.splice(at, 1);
    if (wanted === undefined) remove.push(old);
    else update.push(inPlaceOf(old, wanted));
  }
  return { create, update, remove };
}

/** The order of writes is upstream's: what is new first, so that an endpoint that moves is never missing. */
export function actionsOf({ create, update, remove }: SliceChanges): readonly SliceAction[] {
  const text = (slice: EndpointSlice): string => `${slice.addressType}, ${endpointsOf(slice).length} endpoints`;
  return [
    ...create.map(slice => ({ kind: 'create' as const, slice, because: `no slice holds this: ${text(slice)}` })),
    ...update.map(slice => ({ kind: 'update' as const, slice, because: `its contents are others: ${text(slice)}` })),
    ...remove.map(slice => ({ kind: 'delete' as const, slice, because: `nothing in it is wanted: ${text(slice)}` })),
  ];
}

/** Values by key, in the order in which keys first come. */
export function grouped<T>(values: readonly T[], keyOf: (value: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const key = keyOf(value);
    const known = groups.get(key);
    if (known === undefined) groups.set(key, [value]);
    else known.push(value);
  }
  return groups;
}

/** The family of slices that addresses of a version go to. */
export function addressTypeOf(family: 4 | 6): AddressType {
  return family === 4 ? 'IPv4' : 'IPv6';
}

/** True for references to the same object; its version says nothing. */
export function sameTarget(a: ObjectReference | undefined, b: ObjectReference | undefined): boolean {
  return (
    a?.kind === b?.kind &&
    a?.namespace === b?.namespace &&
    a?.name === b?.name &&
    a?.uid === b?.uid &&
    a?.apiVersion === b?.apiVersion &&
    a?.fieldPath === b?.fieldPath
  );
}
