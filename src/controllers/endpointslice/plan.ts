import { equalValues } from '../../api/semantic-equal.ts';
import type { Node, Pod, Service } from '../../api/types/gen/core-v1.ts';
import type { AddressType, Endpoint, EndpointPort, EndpointSlice } from '../../api/types/gen/discovery-v1.ts';
import {
  actionsOf,
  endpointsOf,
  grouped,
  newSlice,
  portsKey,
  portsOf,
  recycled,
  type SliceAction,
  type SliceChanges,
} from '../services/endpoint-slices.ts';
import { hasEndpoint, hasNamedPorts, LAST_CHANGE } from '../services/service-pods.ts';
import { addressTypesOf, endpointOf, endpointPortsOf } from './endpoint.ts';
import { preferenceOf, withHints } from './hints.ts';
import { sliceLabels } from './labels.ts';
import { packEndpoints } from './packing.ts';

/** Upstream's --max-endpoints-per-slice. */
const MAX_ENDPOINTS = 100;

export interface SliceFacts {
  readonly service: Service;
  /** Those that the service selects. */
  readonly pods: readonly Pod[];
  /** Those of the service that this controller manages. */
  readonly slices: readonly EndpointSlice[];
  readonly nodeOf: (name: string) => Node | undefined;
  /** Since when the change was to be seen; undefined where nobody knows. */
  readonly triggerTime: string | undefined;
  /** 100 unless given. */
  readonly max?: number;
}

export interface SlicePlan {
  readonly actions: readonly SliceAction[];
  /** Pods of nodes that there are not: a service that does not want pods that are not ready leaves them out until there are. */
  readonly skipped: readonly Pod[];
}

/**
 * What to do to the slices of a service so that they hold its endpoints: one set of slices for each family of addresses and each set of ports, since a named port
 * may be another in each pod. A service without endpoints has one empty slice of each family.
 */
export function planSlices(facts: SliceFacts): SlicePlan {
  const { service, slices, nodeOf } = facts;
  const types = addressTypesOf(service);
  const pods = facts.pods.filter(pod => hasEndpoint(pod, true));
  const isKnown = (pod: Pod): boolean =>
    service.spec.publishNotReadyAddresses === true || nodeOf(pod.spec.nodeName ?? '') !== undefined;
  const changes = types.map(type => {
    const present = slices.filter(({ addressType }) => addressType === type);
    return changesOf(facts, type, pods, pods.filter(isKnown), present);
  });
  const others = slices.filter(({ addressType }) => !types.includes(addressType));
  const actions = actionsOf({
    create: service.metadata.deletionTimestamp === undefined ? changes.flatMap(({ create }) => create) : [],
    update: changes.flatMap(({ update }) => update),
    remove: [...changes.flatMap(({ remove }) => remove), ...others],
  });
  return {
    actions: actions.map(action => ({ ...action, slice: stamped(action, facts.triggerTime) })),
    skipped: pods.filter(pod => !isKnown(pod)),
  };
}

function changesOf(
  { service, nodeOf, max = MAX_ENDPOINTS }: SliceFacts,
  addressType: AddressType,
  pods: readonly Pod[],
  known: readonly Pod[],
  slices: readonly EndpointSlice[],
): SliceChanges {
  const labels = sliceLabels(service);
  const fresh = (ports: readonly EndpointPort[]): EndpointSlice =>
    newSlice(service, 'Service', { addressType, ports, labels });
  const owned = slices.filter(slice => isOwnedBy(slice, service));
  const present = grouped(owned, slice => portsKey(portsOf(slice)));
  const wanted = new Map<string, { readonly ports: readonly EndpointPort[]; readonly endpoints: Endpoint[] }>();
  const included = new Set(known);
  // only ports by name differ from pod to pod
  const [first] = pods;
  const common = first === undefined || hasNamedPorts(service) ? undefined : portsOfPod(first, service);
  for (const pod of pods) {
    const { ports, key } = common ?? portsOfPod(pod, service);
    const group = wanted.get(key) ?? { ports, endpoints: [] };
    wanted.set(key, group);
    const endpoint = included.has(pod)
      ? endpointOf(pod, nodeOf(pod.spec.nodeName ?? ''), service, addressType)
      : undefined;
    if (endpoint !== undefined) group.endpoints.push(endpoint);
  }
  const packed = [...wanted].map(([key, { ports, endpoints }]) =>
    packEndpoints({ slices: present.get(key) ?? [], endpoints, labels, max, fresh: () => fresh(ports) }),
  );
  const changes = withPlaceholder(slices, fresh([]), service, {
    create: packed.flatMap(({ create }) => create),
    update: packed.flatMap(({ update }) => update),
    remove: [
      ...slices.filter(slice => !owned.includes(slice)),
      ...packed.flatMap(({ remove }) => remove),
      ...[...present].filter(([key]) => !wanted.has(key)).flatMap(([, group]) => group),
    ],
  });
  // a slice of another life of the service is the garbage collector's: it may go at any moment
  return recycled(hintedChanges(slices, changes, service), slice => isOwnedBy(slice, service));
}

function portsOfPod(pod: Pod, service: Service): { readonly ports: readonly EndpointPort[]; readonly key: string } {
  const ports = endpointPortsOf(pod, service);
  return { ports, key: portsKey(ports) };
}

/** Where no slice would be left, an empty one without ports tells that there are no endpoints; one that is there already stays. */
function withPlaceholder(
  slices: readonly EndpointSlice[],
  placeholder: EndpointSlice,
  service: Service,
  changes: SliceChanges,
): SliceChanges {
  if (changes.create.length > 0 || changes.remove.length < slices.length) return changes;
  const [only, ...more] = changes.remove;
  const isThere =
    only !== undefined &&
    more.length === 0 &&
    isOwnedBy(only, service) &&
    endpointsOf(only).length === 0 &&
    portsOf(only).length === 0 &&
    equalValues(only.metadata.labels, placeholder.metadata.labels);
  return isThere ? { ...changes, remove: [] } : { ...changes, create: [placeholder] };
}

/** Slices that are written get their hints; of those that are not, the ones whose hints are wrong are written too. */
function hintedChanges(slices: readonly EndpointSlice[], changes: SliceChanges, service: Service): SliceChanges {
  const preference = preferenceOf(service);
  const changed = new Set([...changes.update, ...changes.remove].map(({ metadata }) => metadata.name));
  const unchanged = slices.filter(({ metadata }) => !changed.has(metadata.name));
  const rehinted = unchanged.filter(slice => withHints(slice, preference) !== slice);
  return {
    create: changes.create.map(slice => withHints(slice, preference)),
    update: [...changes.update, ...rehinted].map(slice => withHints(slice, preference)),
    remove: changes.remove,
  };
}

function isOwnedBy({ metadata }: EndpointSlice, service: Service): boolean {
  return (metadata.ownerReferences ?? []).some(
    ({ uid, kind, apiVersion }) => uid === service.metadata.uid && kind === 'Service' && apiVersion === 'v1',
  );
}

/** The slice with the time since when its change was to be seen; without one, a time of before would be a lie. */
function stamped({ kind, slice }: SliceAction, triggerTime: string | undefined): EndpointSlice {
  if (kind === 'delete') return slice;
  const { [LAST_CHANGE]: _, ...others } = slice.metadata.annotations ?? {};
  const annotations = triggerTime === undefined ? others : { ...others, [LAST_CHANGE]: triggerTime };
  return { ...slice, metadata: { ...slice.metadata, annotations } };
}
