import {
  bigIntToIp,
  type Cidr,
  formatCidr,
  type IpFamily,
  ipFamily,
  ipToBigInt,
  lastAddress,
  parseCidr,
} from '../../base/cidr.ts';
import { CNI_ERROR, CniError } from '../protocol/error.ts';
import { Fields, isObject } from '../protocol/json.ts';

/** A run of addresses of one subnet. Defaults as the reference host-local plugin's. */
export interface AddressRange {
  readonly subnet: Cidr;
  readonly start: bigint;
  readonly end: bigint;
  /** Never handed out. */
  readonly gateway: bigint;
}

/** A pool: a pod gets one address out of each. All ranges are of one family. */
export interface RangeSet {
  readonly family: IpFamily;
  readonly ranges: readonly AddressRange[];
}

const BITS = { 4: 32, 6: 128 } as const;

/** Reads `ranges` (a list of pools, each a list of ranges). Throws `invalid config` with the field and the value. */
export function parseRangeSets(value: readonly unknown[], field: string): RangeSet[] {
  const sets = value.map((item, index) => {
    if (!Array.isArray(item) || item.length === 0)
      throw invalid(`field ${field}[${index}] must be a list with at least one range`);
    const ranges = item.map((range, at) => parseRange(range, `${field}[${index}][${at}]`));
    const families = new Set(ranges.map(range => range.subnet.family));
    if (families.size > 1) throw invalid(`field ${field}[${index}] mixes IPv4 and IPv6`);
    return { family: ranges[0]?.subnet.family ?? 4, ranges };
  });
  const all = sets.flatMap(set => set.ranges);
  for (const [index, range] of all.entries())
    for (const other of all.slice(index + 1))
      if (range.subnet.family === other.subnet.family && range.start <= other.end && other.start <= range.end)
        throw invalid(`field ${field}: ${formatRange(range)} and ${formatRange(other)} overlap`);
  return sets;
}

/** `first-last`, for messages. */
export function formatRange(range: AddressRange): string {
  const { family } = range.subnet;
  return `${bigIntToIp(range.start, family)}-${bigIntToIp(range.end, family)}`;
}

function parseRange(value: unknown, field: string): AddressRange {
  if (!isObject(value)) throw invalid(`field ${field} must be an object with a subnet, not ${JSON.stringify(value)}`);
  const fields = new Fields(value, `${field}.`);
  const text = fields.string('subnet') ?? '';
  const subnet = cidrOf(text, `${field}.subnet`);
  const { family, prefix, base } = subnet;
  if (BITS[family] - prefix < 2) throw invalid(`field ${field}.subnet: ${text} is too small to hand out addresses`);
  const address = (name: string, fallback: bigint): bigint => {
    const given = fields.string(name);
    // containerd writes empty texts where nothing was chosen
    if (given === undefined || given === '') return fallback;
    const found = addressOf(given, family);
    if (found === undefined || found < base || found > lastAddress(subnet))
      throw invalid(`field ${field}.${name}: ${given} is not in ${formatCidr(subnet)}`);
    return found;
  };
  // The last IPv4 address of a subnet is its broadcast address; IPv6 has none.
  const last = lastAddress(subnet) - (family === 4 ? 1n : 0n);
  const range = {
    subnet,
    start: address('rangeStart', base + 1n),
    end: address('rangeEnd', last),
    gateway: address('gateway', base + 1n),
  };
  if (range.start > range.end) throw invalid(`field ${field}: rangeStart is after rangeEnd (${formatRange(range)})`);
  return range;
}

function cidrOf(text: string, field: string): Cidr {
  let subnet: Cidr;
  try {
    subnet = parseCidr(text);
  } catch {
    throw invalid(`field ${field}: ${JSON.stringify(text)} is not a subnet (address/prefix)`);
  }
  if (ipToBigInt(text.split('/')[0] ?? '') !== subnet.base)
    throw invalid(`field ${field}: ${text} has host bits set; the subnet is ${formatCidr(subnet)}`);
  return subnet;
}

function addressOf(text: string, family: IpFamily): bigint | undefined {
  try {
    return ipFamily(text) === family ? ipToBigInt(text) : undefined;
  } catch {
    return undefined;
  }
}

function invalid(message: string): CniError {
  return new CniError(CNI_ERROR.invalidConfig, message);
}
