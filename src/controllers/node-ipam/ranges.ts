import { type Cidr, parseCidr } from '../../base/cidr.ts';
import { invalidArgument } from '../../base/errors.ts';

/** The flags of node IPAM, as text; those that were not given are undefined. */
export interface NodeCidrFlags {
  readonly clusterCidr: string | undefined;
  readonly maskSize: string | undefined;
  readonly maskSizeIpv4: string | undefined;
  readonly maskSizeIpv6: string | undefined;
  /** Addresses of services: no node is given any of them. */
  readonly serviceRanges: string | undefined;
}

/** Where the networks of nodes come from: one range, or one of each family. */
export interface NodeCidrRanges {
  readonly ranges: readonly { readonly range: Cidr; readonly nodePrefix: number }[];
  readonly services: readonly Cidr[];
}

const DEFAULT_PREFIX = { 4: 24, 6: 64 } as const;
/** Upstream's for IPv6, where a range may be without end; more of IPv4 would not be the nodes of one cluster. */
const MAX_BITS = { 4: 24, 6: 16 } as const;

/** Throws `invalid-argument`, which names the flag, by the rules of upstream. */
export function nodeCidrRanges(flags: NodeCidrFlags): NodeCidrRanges {
  const { clusterCidr = '', maskSize } = flags;
  if (clusterCidr.trim() === '') throw invalidArgument('--allocate-node-cidrs needs --cluster-cidr');
  const ranges = cidrs(clusterCidr, '--cluster-cidr');
  if (ranges.length > 1 && maskSize !== undefined)
    throw invalidArgument(
      '--node-cidr-mask-size is for one family: use --node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6',
    );
  if (maskSize !== undefined && (flags.maskSizeIpv4 !== undefined || flags.maskSizeIpv6 !== undefined))
    throw invalidArgument(
      '--node-cidr-mask-size-ipv4 and --node-cidr-mask-size-ipv6 are not taken together with --node-cidr-mask-size',
    );
  const given = { 4: flags.maskSizeIpv4, 6: flags.maskSizeIpv6 };
  for (const family of [4, 6] as const)
    if (given[family] !== undefined && !ranges.some(range => range.family === family))
      throw invalidArgument(`--node-cidr-mask-size-ipv${family}: --cluster-cidr has no range of this family`);
  return {
    ranges: ranges
      .map(range => {
        const own = `--node-cidr-mask-size${maskSize === undefined ? `-ipv${range.family}` : ''}`;
        const text = maskSize ?? given[range.family];
        return { range, nodePrefix: text === undefined ? DEFAULT_PREFIX[range.family] : prefix(text, own, range) };
      })
      .map(each => checked(each)),
    services: flags.serviceRanges === undefined ? [] : cidrs(flags.serviceRanges, '--service-cluster-ip-range'),
  };
}

function cidrs(text: string, flag: string): Cidr[] {
  const found = text.split(',').map(part => {
    try {
      return parseCidr(part.trim());
    } catch {
      throw invalidArgument(`${flag}: ${JSON.stringify(part.trim())} is not a range of addresses`);
    }
  });
  if (found.length > 2 || (found.length === 2 && found[0]?.family === found[1]?.family))
    throw invalidArgument(`${flag}: ${JSON.stringify(text)} is neither one range nor one of each family`);
  return found;
}

function prefix(text: string, flag: string, { family }: Cidr): number {
  const max = family === 4 ? 32 : 128;
  if (!/^\d{1,3}$/.test(text) || Number(text) < 1 || Number(text) > max)
    throw invalidArgument(`${flag}: ${JSON.stringify(text)} is not a number from 1 to ${max}`);
  return Number(text);
}

function checked(each: NodeCidrRanges['ranges'][number]): NodeCidrRanges['ranges'][number] {
  const { range, nodePrefix } = each;
  const size = `--node-cidr-mask-size-ipv${range.family}`;
  if (nodePrefix < range.prefix)
    throw invalidArgument(`--cluster-cidr: a /${range.prefix} has no room for the /${nodePrefix} of a node (${size})`);
  if (nodePrefix - range.prefix > MAX_BITS[range.family])
    throw invalidArgument(
      `--cluster-cidr: a /${range.prefix} has too many networks of /${nodePrefix} (${size}): at most 2^${MAX_BITS[range.family]}`,
    );
  return each;
}
