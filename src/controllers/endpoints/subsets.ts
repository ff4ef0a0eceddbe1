import type { EndpointAddress, EndpointPort, EndpointSubset } from '../../api/types/gen/core-v1.ts';

/** Pure. */

interface PortGroup {
  /** Undefined for addresses without ports. */
  readonly port: EndpointPort | undefined;
  /** Which subsets have the port. */
  readonly subsets: number[];
}

interface Packed {
  readonly subset: EndpointSubset;
  /** What it is sorted by. */
  readonly order: string;
}

/**
 * The same subsets in their one canonical form: addresses that offer the same ports in the same state are together, each of them once, in the order of their
 * texts. Of two states that are told of an address at a port, not ready counts. An order of lists says nothing.
 */
export function repackSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const addresses = new Map<string, EndpointAddress>();
  // keys are made once for each subset, not for each of its ports
  const states = subsets.map(subset => statesOf(subset, addresses));
  const packed = new Map<string, { readonly ports: EndpointPort[]; readonly states: ReadonlyMap<string, boolean> }>();
  for (const { ports, members } of portsOfMembers(subsets)) {
    const merged = mergeStates(members.flatMap(index => states[index] ?? []));
    const key = JSON.stringify([...merged.keys()].toSorted().map(address => [address, merged.get(address)]));
    const known = packed.get(key);
    if (known === undefined) packed.set(key, { ports: [...ports], states: merged });
    else known.ports.push(...ports);
  }
  return [...packed]
    .map(([key, group]) => packedSubset(key, group.ports, group.states, addresses))
    .toSorted((a, b) => compare(a.order, b.order))
    .map(({ subset }) => subset);
}

/**
 * At most `max` addresses of all subsets: those that are not ready go first; what has to go is taken from each subset by its share, rounded in favour of the
 * earlier ones. The very same array where nothing had to go.
 */
export function truncateSubsets(subsets: readonly EndpointSubset[], max: number): readonly EndpointSubset[] {
  const count = (of: 'addresses' | 'notReadyAddresses'): number =>
    subsets.reduce((sum, subset) => sum + (subset[of]?.length ?? 0), 0);
  const ready = count('addresses');
  const notReady = count('notReadyAddresses');
  if (ready + notReady <= max) return subsets;
  const cuts = ready > max ? 'addresses' : 'notReadyAddresses';
  const room = ready > max ? max : max - ready;
  const total = ready > max ? ready : notReady;
  let left = room;
  const truncated = subsets.map(subset => {
    const present = subset[cuts] ?? [];
    const kept = present.slice(0, Math.min(Math.ceil((present.length / total) * room), left));
    left -= kept.length;
    const { addresses = [], ports = [] } = subset;
    return {
      ...listOf('addresses', ready > max ? kept : addresses),
      ...listOf('notReadyAddresses', ready > max ? [] : kept),
      ...listOf('ports', ports),
    };
  });
  // the API takes no subset without addresses
  return truncated.filter(({ addresses, notReadyAddresses }) => (addresses ?? notReadyAddresses) !== undefined);
}

/** Ports that are in the same subsets are offered by the same addresses. */
function portsOfMembers(
  subsets: readonly EndpointSubset[],
): Iterable<{ readonly ports: EndpointPort[]; readonly members: readonly number[] }> {
  const groups = new Map<string, PortGroup>();
  // without ports the addresses count too
  for (const [index, { ports = [] }] of subsets.entries())
    for (const port of ports.length === 0 ? [undefined] : ports) {
      const key = port === undefined ? '' : portKey(port);
      const group = groups.get(key) ?? { port, subsets: [] };
      groups.set(key, group);
      group.subsets.push(index);
    }
  const byMembers = new Map<string, { readonly ports: EndpointPort[]; readonly members: readonly number[] }>();
  for (const { port, subsets: members } of groups.values()) {
    const key = members.join();
    const known = byMembers.get(key) ?? { ports: [], members };
    byMembers.set(key, known);
    if (port !== undefined) known.ports.push(port);
  }
  return byMembers.values();
}

/** Whether each address of a subset, by key, is ready. */
function statesOf(
  { addresses = [], notReadyAddresses = [] }: EndpointSubset,
  known: Map<string, EndpointAddress>,
): ReadonlyMap<string, boolean> {
  const states = new Map<string, boolean>();
  const add = (address: EndpointAddress, isReady: boolean): void => {
    const key = addressKey(address);
    if (!known.has(key)) known.set(key, address);
    states.set(key, isReady);
  };
  for (const address of addresses) add(address, true);
  // not ready counts: it comes last
  for (const address of notReadyAddresses) add(address, false);
  return states;
}

function mergeStates(all: readonly ReadonlyMap<string, boolean>[]): ReadonlyMap<string, boolean> {
  const [only, ...more] = all;
  if (only !== undefined && more.length === 0) return only;
  const merged = new Map<string, boolean>();
  for (const states of all) for (const [key, isReady] of states) merged.set(key, isReady && merged.get(key) !== false);
  return merged;
}

function packedSubset(
  key: string,
  ports: readonly EndpointPort[],
  states: ReadonlyMap<string, boolean>,
  addresses: ReadonlyMap<string, EndpointAddress>,
): Packed {
  const ready: EndpointAddress[] = [];
  const notReady: EndpointAddress[] = [];
  for (const address of [...states.keys()].toSorted()) {
    const found = addresses.get(address);
    if (found !== undefined) (states.get(address) === true ? ready : notReady).push(found);
  }
  const sorted = ports.toSorted((a, b) => compare(portKey(a), portKey(b)));
  return {
    subset: { ...listOf('addresses', ready), ...listOf('notReadyAddresses', notReady), ...listOf('ports', sorted) },
    order: `${sorted.map(portKey).join()} ${key}`,
  };
}

/** Two pods may have one address, that of their node. */
function addressKey({ ip, targetRef }: EndpointAddress): string {
  return `${ip} ${targetRef?.uid ?? ''}`;
}

function portKey({ name = '', port, protocol = 'TCP', appProtocol }: EndpointPort): string {
  return JSON.stringify([name, port, protocol, appProtocol]);
}

function listOf<K extends string, T>(name: K, values: readonly T[]): { readonly [name in K]?: readonly T[] } {
  return values.length === 0 ? {} : ({ [name]: values } as { readonly [name in K]: readonly T[] });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
