import type { Service } from '../../../../api/types/gen/core-v1.ts';
import { invalid } from '../../../../api/validation/field-error.ts';
import { bigIntToIp, type Cidr, canonicalIp, ipFamily, ipToBigInt, lastAddress } from '../../../../base/cidr.ts';
import type { IpFamilyName } from './families.ts';
import type { Given, Refused } from './given.ts';
import { isHeadless, needsClusterIp } from './needs.ts';

/** Where cluster IPs are taken from, as far as is known. */
export interface ClusterIpPool {
  /** The ranges of each family that are ready to be taken from. */
  readonly ranges: ReadonlyMap<IpFamilyName, readonly Cidr[]>;
  /** Of an address in canonical form. */
  isTaken(ip: string): boolean;
  /** At most so many are taken: a search that looks at one more has found a free one, if there is any. */
  readonly takenCount: number;
}

/** Of larger ranges the first so many addresses are given out. */
const MAX_SPAN = 2n ** 47n;

/** A cluster IP for each family of a service that has none of it; `own` are those that it has. */
export function takeClusterIps(
  service: Service,
  own: readonly string[],
  pool: ClusterIpPool,
  random: (below: number) => number,
): Given<string> | Refused {
  if (!needsClusterIp(service) || isHeadless(service)) return { kind: 'given', service, taken: [] };
  const wanted = service.spec.clusterIPs ?? [];
  const taken: string[] = [];
  const clusterIPs: string[] = [];
  for (const [index, family] of (service.spec.ipFamilies ?? []).entries()) {
    const ranges = pool.ranges.get(family as IpFamilyName) ?? [];
    const asked = wanted[index] ?? '';
    if (asked !== '' && own.includes(canonicalIp(asked))) {
      clusterIPs.push(asked);
      continue;
    }
    const problem = asked === '' ? undefined : problemOf(asked, ranges, pool);
    if (problem !== undefined)
      return {
        kind: 'invalid',
        errors: [invalid('spec.clusterIPs', wanted, `failed to allocate IP ${asked}: ${problem}`)],
      };
    const ip = asked === '' ? freeIn(ranges, pool, random) : asked;
    if (ip === undefined)
      return {
        kind: 'full',
        message: `failed to allocate a serviceIP for Service "${service.metadata.name}": range is full`,
      };
    taken.push(canonicalIp(ip));
    clusterIPs.push(ip);
  }
  const [clusterIP = ''] = clusterIPs;
  return { kind: 'given', service: { ...service, spec: { ...service.spec, clusterIP, clusterIPs } }, taken };
}

function problemOf(asked: string, ranges: readonly Cidr[], pool: ClusterIpPool): string | undefined {
  if (!ranges.some(range => contains(range, asked))) return 'the provided network does not match the current range';
  return pool.isTaken(canonicalIp(asked)) ? 'provided IP is already allocated' : undefined;
}

/** True for an address of the range that a service may have: not that of the network itself nor, in IPv4, of broadcasts. */
export function contains(range: Cidr, ip: string): boolean {
  if (ipFamily(ip) !== range.family) return false;
  const [first, last] = bounds(range);
  const value = ipToBigInt(ip);
  return value >= first && value <= last;
}

function bounds(range: Cidr): readonly [bigint, bigint] {
  const end = lastAddress(range);
  return [range.base + 1n, range.family === 4 ? end - 1n : end];
}

function freeIn(ranges: readonly Cidr[], pool: ClusterIpPool, random: (below: number) => number): string | undefined {
  for (const range of ranges) {
    const ip = freeIp(range, pool, random);
    if (ip !== undefined) return ip;
  }
  return undefined;
}

/** The lower part of a range is given out last, for it is where people choose addresses: min(max(16, size/16), 256), none of 16 or fewer. */
function freeIp(range: Cidr, pool: ClusterIpPool, random: (below: number) => number): string | undefined {
  const [first, last] = bounds(range);
  const usable = last - first + 1n;
  const span = Number(usable > MAX_SPAN ? MAX_SPAN : usable);
  const size = Number(lastAddress(range) - range.base + 1n);
  const reserved = size <= 16 ? 0 : Math.min(Math.max(16, Math.floor(size / 16)), 256, span);
  const search = (from: number, count: number): string | undefined => {
    if (count <= 0) return undefined;
    const start = random(count);
    for (let i = 0; i < Math.min(count, pool.takenCount + 1); i++) {
      const ip = bigIntToIp(first + BigInt(from + ((start + i) % count)), range.family);
      if (!pool.isTaken(ip)) return ip;
    }
    return undefined;
  };
  return search(reserved, span - reserved) ?? search(0, reserved);
}
