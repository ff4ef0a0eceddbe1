import { type Cidr, formatCidr, type IpFamily, lastAddress, parseCidr } from './cidr.ts';

/**
 * The networks of a family in canonical form, sorted, without those that lie inside another: nft takes no overlapping intervals. What cannot be read is
 * left out.
 */
export function minimalCidrs(texts: readonly string[], family: IpFamily): string[] {
  const cidrs = texts
    .flatMap(text => readCidr(text))
    .filter(cidr => cidr.family === family)
    .sort((a, b) => (a.base === b.base ? a.prefix - b.prefix : a.base < b.base ? -1 : 1));
  const kept: Cidr[] = [];
  let last = -1n;
  for (const cidr of cidrs) {
    if (lastAddress(cidr) <= last) continue;
    kept.push(cidr);
    last = lastAddress(cidr);
  }
  return kept.map(formatCidr);
}

/** Whether an address lies in one of the networks. */
export function isIn(ip: bigint, family: IpFamily, cidrs: readonly string[]): boolean {
  return cidrs.some(text => {
    const cidr = parseCidr(text);
    return cidr.family === family && ip >= cidr.base && ip <= lastAddress(cidr);
  });
}

function readCidr(text: string): Cidr[] {
  try {
    return [parseCidr(text)];
  } catch {
    return [];
  }
}
