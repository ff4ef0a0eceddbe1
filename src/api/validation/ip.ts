import { isIPv4, isIPv6 } from 'node:net';
import { bigIntToIp, ipToBigInt } from '../../base/cidr.ts';
import { goQuote } from '../go-quote.ts';
import { type FieldError, invalid } from './field-error.ts';

/**
 * Addresses and networks in the spellings that the API took before it became strict: leading zeros in IPv4, IPv4 inside IPv6,
 * host bits behind a prefix. Objects stored long ago may keep them, new ones may not have them.
 */

interface Address {
  readonly v4: boolean;
  readonly value: bigint;
  /** An IPv4 octet has a leading zero. */
  readonly zeros: boolean;
  /** `::ffff:1.2.3.4`. */
  readonly mapped: boolean;
}

const MAPPED_PREFIX = 0xffffn;
const IPV4_BITS = 32;
/** More than any spelling needs, zeros in front of each part too. */
const MAX_TEXT = 200;
const IPV6_BITS = 128;

/** The address in any spelling that was ever taken; undefined where it is none. */
function parseSloppy(text: string): Address | undefined {
  // the pattern takes quadratic time on zeros
  if (text.length > MAX_TEXT) return undefined;
  const plain = text.replaceAll(/(^|[.:])0+(?=\d+(?:\.|$))/g, (whole, before: string) =>
    text.includes('.') ? before : whole,
  );
  if (isIPv4(plain)) return { v4: true, value: ipToBigInt(plain), zeros: plain !== text, mapped: false };
  if (!isIPv6(plain) || plain.includes('%')) return undefined;
  const value = ipToBigInt(plain);
  const mapped = value >> BigInt(IPV4_BITS) === MAPPED_PREFIX;
  return { v4: mapped, value: mapped ? value & 0xffffffffn : value, zeros: plain !== text, mapped };
}

/** The canonical text of an address in any spelling: RFC 5952 for IPv6. */
function canonical(address: Address): string {
  return bigIntToIp(address.value, address.v4 ? 4 : 6);
}

const NONE: ReadonlySet<string> = new Set();

/** 4 or 6; undefined for what is no address. An IPv4 address inside IPv6 is one of IPv4, as Go sees it. */
export function familyOf(text: string): 4 | 6 | undefined {
  if (isIPv4(text)) return 4;
  const address = parseSloppy(text);
  return address === undefined ? undefined : address.v4 ? 4 : 6;
}

/** An address in canonical form, whatever its spelling; undefined for what is no address. */
export function canonicalIp(text: string): string | undefined {
  // most are: the strict spelling of IPv4 is the canonical one
  if (isIPv4(text)) return text;
  const address = parseSloppy(text);
  return address === undefined ? undefined : canonical(address);
}

/** The rules of an address in a field that is older than the strict rules. `kept`: values of the stored object, which may stay. */
export function validateLegacyIp(path: string, text: string, kept: ReadonlySet<string> = NONE): FieldError[] {
  if (kept.has(text)) return [];
  const address = parseSloppy(text);
  if (address === undefined)
    return [invalid(path, text, 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)')];
  return [
    ...(address.zeros ? [invalid(path, text, 'must not have leading 0s')] : []),
    ...(address.mapped && !address.zeros ? [invalid(path, text, 'must not be an IPv4-mapped IPv6 address')] : []),
  ];
}

/** The rules of an address in a newer field: strict, and in canonical form. */
export function validateIp(path: string, text: string): FieldError[] {
  const errors = validateLegacyIp(path, text);
  const address = parseSloppy(text);
  if (errors.length > 0 || address === undefined || canonical(address) === text) return errors;
  return [invalid(path, text, `must be in canonical form (${goQuote(canonical(address))})`)];
}

interface Network {
  readonly address: Address;
  readonly prefix: number;
  readonly bits: number;
  readonly zeros: boolean;
}

function parseNetwork(text: string): Network | undefined {
  const match = /^([^/]+)\/(\d{1,8})$/.exec(text);
  const [, ip = '', prefixText = ''] = match ?? [];
  const address = parseSloppy(ip);
  if (address === undefined) return undefined;
  // The prefix of a mapped address counts from the beginning of the IPv6 address.
  const bits = address.v4 && !address.mapped ? IPV4_BITS : IPV6_BITS;
  const prefix = Number(prefixText);
  return prefix > bits ? undefined : { address, prefix, bits, zeros: address.zeros || String(prefix) !== prefixText };
}

function hostBits({ address, prefix, bits }: Network): bigint {
  const free = BigInt(Math.min(bits - prefix, address.v4 ? IPV4_BITS : IPV6_BITS));
  return address.value & ((1n << free) - 1n);
}

function networkText(network: Network): string {
  const base = { ...network.address, value: network.address.value - hostBits(network) };
  const prefix = network.address.mapped ? Math.max(0, network.prefix - (IPV6_BITS - IPV4_BITS)) : network.prefix;
  return `${canonical(base)}/${prefix}`;
}

/** The rules of a network in a field that is older than the strict rules. `kept`: values of the stored object, which may stay. */
export function validateLegacyCidr(path: string, text: string, kept: ReadonlySet<string> = NONE): FieldError[] {
  if (kept.has(text)) return [];
  const network = parseNetwork(text);
  if (network === undefined)
    return [invalid(path, text, 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)')];
  if (network.zeros) return [invalid(path, text, 'must not have leading 0s in IP or prefix length')];
  if (network.address.mapped) return [invalid(path, text, 'must not have an IPv4-mapped IPv6 address')];
  if (hostBits(network) !== 0n) return [invalid(path, text, 'must not have bits set beyond the prefix length')];
  return [];
}

/** The rules of a network in a newer field: strict, and in canonical form. */
export function validateCidr(path: string, text: string): FieldError[] {
  const errors = validateLegacyCidr(path, text);
  const network = parseNetwork(text);
  if (errors.length > 0 || network === undefined || networkText(network) === text) return errors;
  return [invalid(path, text, `must be in canonical form (${goQuote(networkText(network))})`)];
}

/** What a client is told about the spelling of an address that is allowed. */
export function ipWarnings(path: string, text: string): string[] {
  const address = parseSloppy(text);
  if (address === undefined) return [];
  const best = goQuote(canonical(address));
  if (address.zeros || address.mapped)
    return [`${path}: non-standard IP address ${goQuote(text)} is invalid: use ${best}`];
  return address.v4 || canonical(address) === text
    ? []
    : [`${path}: IPv6 address ${goQuote(text)} should be in RFC 5952 canonical format (${best})`];
}

/** What a client is told about the spelling of a network that is allowed. */
export function cidrWarnings(path: string, text: string): string[] {
  const network = parseNetwork(text);
  if (network === undefined) return [];
  const best = networkText(network);
  const warnings: string[] = [];
  if (hostBits(network) !== 0n) {
    const single = `${canonical(network.address)}/${network.bits}`;
    warnings.push(
      `${path}: CIDR value ${goQuote(text)} is ambiguous in this context (should be ${goQuote(best)} or ${goQuote(single)}?)`,
    );
  }
  if (network.zeros || network.address.mapped)
    warnings.push(`${path}: non-standard CIDR value ${goQuote(text)} is invalid: use ${goQuote(best)}`);
  if (warnings.length > 0 || network.address.v4 || best === text) return warnings;
  return [`${path}: IPv6 CIDR value ${goQuote(text)} should be in RFC 5952 canonical format (${goQuote(best)})`];
}

/** True where a network is a smaller part of another. Host bits behind a prefix do not count. */
export function isStrictlyInside(text: string, outerText: string): boolean {
  const inner = parseNetwork(text);
  const outer = parseNetwork(outerText);
  if (inner === undefined || outer === undefined) return false;
  if (inner.address.v4 !== outer.address.v4 || inner.prefix <= outer.prefix) return false;
  const base = { ...outer, address: { ...inner.address, value: inner.address.value - hostBits(inner) } };
  return base.address.value - hostBits(base) === outer.address.value - hostBits(outer);
}

/** As familyOf, of a network. */
export function networkFamilyOf(text: string): 4 | 6 | undefined {
  const network = parseNetwork(text);
  return network === undefined ? undefined : network.address.v4 ? 4 : 6;
}

/** True for exactly one address of each family. Addresses that cannot be read are of no family. */
export function isDualStack(texts: readonly string[]): boolean {
  const families = texts.map(familyOf);
  return families.includes(4) && families.includes(6);
}

/** An address that traffic may be sent to: none of the machine's own or of one link. */
export function validateEndpointIp(text: string, path: string): FieldError[] {
  const address = parseSloppy(text);
  if (address === undefined) return [invalid(path, text, 'must be a valid IP address')];
  const { v4, value } = address;
  const top = (bits: number): bigint => value >> BigInt((v4 ? IPV4_BITS : IPV6_BITS) - bits);
  if (value === 0n) return [invalid(path, text, `may not be unspecified (${text})`)];
  if (v4 ? top(8) === 127n : value === 1n)
    return [invalid(path, text, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')];
  if (v4 ? top(16) === 0xa9fen : top(10) === 0xfe80n >> 6n)
    return [invalid(path, text, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')];
  if (v4 ? top(24) === 0xe00000n : top(16) === 0xff02n)
    return [invalid(path, text, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')];
  return [];
}
