import type { Service } from '../../../../api/types/gen/core-v1.ts';
import { type FieldError, invalid } from '../../../../api/validation/field-error.ts';
import { bigIntToIp, formatCidr, ipToBigInt, lastAddress, parseCidr } from '../../../../base/cidr.ts';
import { familyNameOf, type IpFamilyName } from './families.ts';
import { isHeadless, needsClusterIp, needsHealthCheckPort, needsNodePorts } from './needs.ts';

/**
 * What is taken, as one version of the stored allocations has it. The caller stores the result with that version as its
 * precondition and decides anew on conflict, which makes it safe with several servers.
 */
export interface AllocationSnapshot {
  /** The range of cluster IPs of each family that the cluster has. */
  readonly ranges: ReadonlyMap<IpFamilyName, string>;
  readonly takenIps: ReadonlySet<string>;
  readonly nodePorts: { readonly first: number; readonly last: number };
  readonly takenPorts: ReadonlySet<number>;
}

export type Allocated =
  | {
      readonly kind: 'allocated';
      readonly service: Service;
      readonly ips: readonly string[];
      readonly ports: readonly number[];
    }
  | { readonly kind: 'invalid'; readonly errors: readonly FieldError[] }
  /** A range has nothing left. */
  | { readonly kind: 'full'; readonly message: string };

/**
 * Gives a service the addresses and node ports it needs and has not got. What `old` holds counts as its own. `random`
 * answers a whole number from 0 up to its argument, the argument excluded. Where a search starts is random, so that two
 * servers seldom want the same; it goes through the whole range, so a free one is always found.
 */
export function allocateForService(
  service: Service,
  old: Service | undefined,
  snapshot: AllocationSnapshot,
  random: (below: number) => number,
): Allocated {
  const ips = clusterIpsFor(service, old, snapshot, random);
  if (ips.kind !== 'given') return ips;
  const ports = nodePortsFor(ips.service, old, snapshot, random);
  if (ports.kind !== 'given') return ports;
  return { kind: 'allocated', service: ports.service, ips: ips.taken, ports: ports.taken };
}

/** The addresses and ports that `old` has and `service` (undefined: deleted) does not. */
export function releasedBy(
  old: Service,
  service: Service | undefined,
): { readonly ips: readonly string[]; readonly ports: readonly number[] } {
  const keptIps = new Set(service === undefined ? [] : ownIps(service));
  const keptPorts = new Set(service === undefined ? [] : ownPorts(service));
  return {
    ips: ownIps(old).filter(ip => !keptIps.has(ip)),
    ports: ownPorts(old).filter(port => !keptPorts.has(port)),
  };
}

type Given<T> = { readonly kind: 'given'; readonly service: Service; readonly taken: readonly T[] };
type Refused = Exclude<Allocated, { kind: 'allocated' }>;

function ownIps(service: Service): readonly string[] {
  return needsClusterIp(service) && !isHeadless(service) ? (service.spec.clusterIPs ?? []) : [];
}

function ownPorts(service: Service): readonly number[] {
  const ports = (service.spec.ports ?? []).map(port => port.nodePort ?? 0);
  return [...new Set([...ports, service.spec.healthCheckNodePort ?? 0])].filter(port => port !== 0);
}

function clusterIpsFor(
  service: Service,
  old: Service | undefined,
  snapshot: AllocationSnapshot,
  random: (below: number) => number,
): Given<string> | Refused {
  if (!needsClusterIp(service) || isHeadless(service)) return { kind: 'given', service, taken: [] };
  const wanted = service.spec.clusterIPs ?? [];
  const own = new Set(old === undefined ? [] : ownIps(old));
  const taken: string[] = [];
  const clusterIPs: string[] = [];
  for (const [index, family] of (service.spec.ipFamilies ?? []).entries()) {
    const range = snapshot.ranges.get(family as IpFamilyName);
    const asked = wanted[index] ?? '';
    if (range === undefined) continue;
    if (asked !== '' && own.has(asked)) {
      clusterIPs.push(asked);
      continue;
    }
    const refuse = (what: string): Refused => ({
      kind: 'invalid',
      errors: [invalid('spec.clusterIPs', wanted, `failed to allocate IP ${asked}: ${what}`)],
    });
    if (asked !== '' && !inRange(asked, range))
      return refuse(
        `the provided IP (${asked}) is not in the valid range. The range of valid IPs is ${formatCidr(parseCidr(range))}`,
      );
    if (asked !== '' && snapshot.takenIps.has(asked)) return refuse('provided IP is already allocated');
    const ip = asked === '' ? freeIp(range, snapshot.takenIps, random) : asked;
    if (ip === undefined)
      return {
        kind: 'full',
        message: `failed to allocate a serviceIP for Service "${service.metadata.namespace}/${service.metadata.name}": range is full`,
      };
    taken.push(ip);
    clusterIPs.push(ip);
  }
  const [clusterIP = ''] = clusterIPs;
  return { kind: 'given', service: { ...service, spec: { ...service.spec, clusterIP, clusterIPs } }, taken };
}

function inRange(ip: string, range: string): boolean {
  if (familyNameOf(ip) !== `IPv${parseCidr(range).family}`) return false;
  const [first, last] = bounds(range);
  const value = ipToBigInt(ip);
  return value >= first && value <= last;
}

/** The usable addresses: without the network's own and, in IPv4, the broadcast address. */
function bounds(range: string): readonly [bigint, bigint] {
  const cidr = parseCidr(range);
  const end = lastAddress(cidr);
  return [cidr.base + 1n, cidr.family === 4 ? end - 1n : end];
}

/** The first 2^16 addresses of a range are given out. The lower part is kept for addresses asked for by name: min(max(16, size/16), 256), as upstream has it. */
function freeIp(range: string, taken: ReadonlySet<string>, random: (below: number) => number): string | undefined {
  const family = parseCidr(range).family;
  const [first, last] = bounds(range);
  const span = last - first + 1n;
  const size = Number(span > 65536n ? 65536n : span);
  const reserved = size < 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 16)), 256, size - 1);
  const search = (from: number, to: number): string | undefined => {
    const count = to - from;
    if (count <= 0) return undefined;
    const start = random(count);
    for (let i = 0; i < count; i++) {
      const ip = bigIntToIp(first + BigInt(from + ((start + i) % count)), family);
      if (!taken.has(ip)) return ip;
    }
    return undefined;
  };
  return search(reserved, size) ?? search(0, reserved);
}

function nodePortsFor(
  service: Service,
  old: Service | undefined,
  snapshot: AllocationSnapshot,
  random: (below: number) => number,
): Given<number> | Refused {
  const { first, last } = snapshot.nodePorts;
  const own = new Set(old === undefined ? [] : ownPorts(old));
  const taken = new Set<number>();
  const ofService = new Map<number, Set<string>>();
  const ports = [];
  const free = (): number | undefined => {
    const count = last - first + 1;
    const start = random(count);
    for (let i = 0; i < count; i++) {
      const port = first + ((start + i) % count);
      if (!snapshot.takenPorts.has(port) && !taken.has(port) && !ofService.has(port)) return port;
    }
    return undefined;
  };
  const refusal = (port: number): string | undefined => {
    if (own.has(port) || taken.has(port)) return undefined;
    if (port < first || port > last)
      return `provided port is not in the valid range. The range of valid ports is ${first}-${last}`;
    return snapshot.takenPorts.has(port) ? 'provided port is already allocated' : undefined;
  };
  const full: Refused = { kind: 'full', message: 'failed to allocate a nodePort: range is full' };
  // One number may serve TCP and UDP of the same port.
  const byPort = new Map<number, number>();
  for (const [index, port] of (service.spec.ports ?? []).entries()) {
    const asked = port.nodePort ?? 0;
    if (asked === 0 && !needsNodePorts(service)) {
      ports.push(port);
      continue;
    }
    const protocol = port.protocol ?? 'TCP';
    const shared = byPort.get(port.port);
    const usable = shared !== undefined && ofService.get(shared)?.has(protocol) !== true ? shared : undefined;
    const nodePort = asked !== 0 ? asked : (usable ?? free());
    if (nodePort === undefined) return full;
    const because = asked === 0 ? undefined : refusal(asked);
    if (because !== undefined)
      return { kind: 'invalid', errors: [invalid(`spec.ports[${index}].nodePort`, asked, because)] };
    if (!own.has(nodePort)) taken.add(nodePort);
    ofService.set(nodePort, new Set([...(ofService.get(nodePort) ?? []), protocol]));
    byPort.set(port.port, nodePort);
    ports.push({ ...port, nodePort });
  }
  let spec = { ...service.spec, ports: service.spec.ports === undefined ? undefined : ports };
  if (needsHealthCheckPort(service)) {
    const asked = spec.healthCheckNodePort ?? 0;
    const port = asked === 0 ? free() : asked;
    if (port === undefined) return full;
    const because = asked === 0 ? undefined : refusal(asked);
    if (because !== undefined)
      return {
        kind: 'full',
        message: `failed to allocate requested HealthCheck NodePort ${asked}: ${because}`,
      };
    if (!own.has(port)) taken.add(port);
    spec = { ...spec, healthCheckNodePort: port };
  }
  return { kind: 'given', service: { ...service, spec }, taken: [...taken] };
}
