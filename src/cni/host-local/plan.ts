import { bigIntToIp, ipFamily, ipToBigInt } from '../../base/cidr.ts';
import type { AddressRange, RangeSet } from './ranges.ts';
import { formatRange } from './ranges.ts';

export interface AllocationInput {
  readonly sets: readonly RangeSet[];
  /** Addresses that somebody holds or that are in quarantine. */
  readonly taken: ReadonlySet<string>;
  /** For each set the address handed out last: the search begins after it, so that an address rests as long as possible. */
  readonly last: readonly (string | undefined)[];
}

export interface AllocatedAddress {
  readonly ip: string;
  readonly range: AddressRange;
}

export type Allocation =
  | { readonly kind: 'allocated'; readonly addresses: readonly AllocatedAddress[] }
  /** `range` names the pool that has no free address, as `first-last`. */
  | { readonly kind: 'exhausted'; readonly range: string };

/** Chooses one free address out of each set, round robin. */
export function planAllocation({ sets, taken, last }: AllocationInput): Allocation {
  const addresses: AllocatedAddress[] = [];
  for (const [index, set] of sets.entries()) {
    const found = nextFree(set, taken, last[index]);
    if (found === undefined) return { kind: 'exhausted', range: set.ranges.map(formatRange).join(', ') };
    addresses.push(found);
  }
  return { kind: 'allocated', addresses };
}

/** The first free address after `last`, going round once through all ranges of the set. */
function nextFree(set: RangeSet, taken: ReadonlySet<string>, last: string | undefined): AllocatedAddress | undefined {
  const previous = last !== undefined && ipFamily(last) === set.family ? ipToBigInt(last) : undefined;
  const at = set.ranges.findIndex(({ start, end }) => previous !== undefined && start <= previous && previous <= end);
  const from = Math.max(at, 0);
  const ordered = [...set.ranges.slice(from), ...set.ranges.slice(0, from)];
  const [first] = ordered;
  if (first === undefined) return undefined;
  const resume = at >= 0 && previous !== undefined ? previous + 1n : first.start;
  const stretches = [
    { range: first, start: resume, end: first.end },
    ...ordered.slice(1).map(range => ({ range, start: range.start, end: range.end })),
    { range: first, start: first.start, end: resume - 1n },
  ];
  for (const { range, start, end } of stretches)
    for (let value = start; value <= end; value++) {
      if (value === range.gateway) continue;
      const ip = bigIntToIp(value, set.family);
      if (!taken.has(ip)) return { ip, range };
    }
  return undefined;
}
