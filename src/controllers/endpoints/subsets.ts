import type { EndpointAddress, EndpointPort, EndpointSubset } from '../../api/types/gen/core-v1.ts';

/** Pure. */

interface PortGroup {
  readonly port: EndpointPort | undefined;
  /** Whether each address, by key, is ready at this port. */
  readonly ready: Map<string, boolean>;
}

/**
 * The same subsets in their one canonical form: addresses that offer the same ports in the same state are together, each of them once, in the order of their
 * texts. Of two states that are told of an address at a port, not ready counts. An order of lists says nothing.
 */
export function repackSubsets(subsets: readonly EndpointSubset[]): EndpointSubset[] {
  const addresses = new Map<string, EndpointAddress>();
  const groups = new Map<string, PortGroup>();
  // without ports the addresses count too
  for (const { ports = [], addresses: ready = [], notReadyAddresses = [] } of subsets)
    for (const port of ports.length === 0 ? [undefined] : ports) {
      const key = port === undefined ? '' : portKey(port);
      const group = groups.get(key) ?? { port, ready: new Map<string, boolean>() };
      groups.set(key, group);
      for (const address of ready) add(addresses, group, address, true);
      for (const address of notReadyAddresses) add(addresses, group, address, false);
    }
  const packed = new Map<string, { readonly ports: EndpointPort[]; readonly ready: ReadonlyMap<string, boolean> }>();
  for (const { port, ready } of groups.values()) {
    const key = JSON.stringify([...ready].toSorted(([a], [b]) => compare(a, b)));
    const known = packed.get(key) ?? { ports: [], ready };
    packed.set(key, known);
    if (port !== undefined) known.ports.push(port);
  }
  return [...packed.values()]
    .map(({ ports, ready }) => ({
      ...listOf('addresses', select(addresses, ready, true)),
      ...listOf('notReadyAddresses', select(addresses, ready, false)),
      ...listOf(
        'ports',
        ports.toSorted((a, b) => compare(portKey(a), portKey(b))),
      ),
    }))
    .toSorted((a, b) => compare(firstOf(a), firstOf(b)));
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

function add(
  addresses: Map<string, EndpointAddress>,
  group: PortGroup,
  address: EndpointAddress,
  isReady: boolean,
): void {
  const key = addressKey(address);
  if (!addresses.has(key)) addresses.set(key, address);
  group.ready.set(key, isReady && group.ready.get(key) !== false);
}

/** Two pods may have one address, that of their node. */
function addressKey({ ip, targetRef }: EndpointAddress): string {
  return `${ip} ${targetRef?.uid ?? ''}`;
}

function portKey({ name = '', port, protocol = 'TCP', appProtocol }: EndpointPort): string {
  return JSON.stringify([name, port, protocol, appProtocol]);
}

function select(
  addresses: ReadonlyMap<string, EndpointAddress>,
  states: ReadonlyMap<string, boolean>,
  wanted: boolean,
): EndpointAddress[] {
  return [...states]
    .filter(([, isReady]) => isReady === wanted)
    .map(([key]) => key)
    .toSorted(compare)
    .flatMap(key => addresses.get(key) ?? []);
}

function listOf<K extends string, T>(name: K, values: readonly T[]): { readonly [name in K]?: readonly T[] } {
  return values.length === 0 ? {} : ({ [name]: values } as { readonly [name in K]: readonly T[] });
}

function firstOf({ ports = [], addresses = [], notReadyAddresses = [] }: EndpointSubset): string {
  return JSON.stringify([ports.map(portKey), [...addresses, ...notReadyAddresses].map(addressKey)]);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
