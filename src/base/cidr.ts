import ipaddr from 'ipaddr.js';
import { invalidArgument } from './errors.ts';

export type IpFamily = 4 | 6;

/** A network in canonical form: `base` has its host bits zeroed. */
export interface Cidr {
  readonly family: IpFamily;
  readonly base: bigint;
  readonly prefix: number;
}

const BITS = { 4: 32, 6: 128 } as const;

/** Whether the text is an address of either family, in the forms that the API takes: no `1`, no `0x7f.1`. */
export function isIp(text: string): boolean {
  return ipaddr.IPv4.isValidFourPartDecimal(text) || ipaddr.IPv6.isValid(text);
}

export function ipFamily(ip: string): IpFamily {
  return ipaddr.parse(ip).kind() === 'ipv4' ? 4 : 6;
}

/** The address as network-order bytes (4 or 16). Throws `invalid-argument` on anything else than an IP address. */
export function ipBytes(ip: string): Buffer {
  if (!ipaddr.isValid(ip)) throw invalidArgument(`"${ip}" is not an IP address`);
  return Buffer.from(ipaddr.parse(ip).toByteArray());
}

export function ipToBigInt(ip: string): bigint {
  return BigInt(`0x${ipBytes(ip).toString('hex')}`);
}

/** Canonical text: dotted quad, or RFC 5952 for IPv6. */
export function bigIntToIp(value: bigint, family: IpFamily): string {
  const bytes = Buffer.from(value.toString(16).padStart(BITS[family] / 4, '0'), 'hex');
  return ipaddr.fromByteArray([...bytes]).toString();
}

/** The address in the one form that stands for it. Throws `invalid-argument`. */
export function canonicalIp(ip: string): string {
  return bigIntToIp(ipToBigInt(ip), ipFamily(ip));
}

/** Parses `address/prefix`; host bits may be set and are dropped. Throws `invalid-argument` with the text. */
export function parseCidr(text: string): Cidr {
  const [ip = '', prefixText = ''] = text.split('/');
  if (!ipaddr.isValid(ip) || !/^\d{1,3}$/.test(prefixText))
    throw invalidArgument(`"${text}" is not a CIDR (address/prefix)`);
  const family = ipFamily(ip);
  const prefix = Number(prefixText);
  if (prefix > BITS[family]) throw invalidArgument(`"${text}": prefix is over ${BITS[family]}`);
  const hostBits = BigInt(BITS[family] - prefix);
  return { family, prefix, base: (ipToBigInt(ip) >> hostBits) << hostBits };
}

export function formatCidr(cidr: Cidr): string {
  return `${bigIntToIp(cidr.base, cidr.family)}/${cidr.prefix}`;
}

/** The last address of the network (IPv4: the broadcast address). */
export function lastAddress(cidr: Cidr): bigint {
  return cidr.base + (1n << BigInt(BITS[cidr.family] - cidr.prefix)) - 1n;
}

/** Whether the address is of the network. Throws `invalid-argument` on anything else than an IP address. */
export function cidrContains(cidr: Cidr, ip: string): boolean {
  const value = ipToBigInt(ip);
  return ipFamily(ip) === cidr.family && value >= cidr.base && value <= lastAddress(cidr);
}
