import { ipFamily, ipToBigInt } from '../../base/cidr.ts';
import { type FieldError, invalid, invalidFor } from './field-error.ts';
import { ipAddress } from './names.ts';

/** An address that traffic may be sent to: none of the machine's own or of one link. */
export function validateEndpointIp(ip: string, path: string): FieldError[] {
  const malformed = invalidFor(path, ip, ipAddress(ip));
  if (malformed.length > 0) return malformed;
  const value = ipToBigInt(ip);
  const v4 = ipFamily(ip) === 4;
  const top = (bits: number): bigint => value >> BigInt((v4 ? 32 : 128) - bits);
  if (value === 0n) return [invalid(path, ip, `may not be unspecified (${ip})`)];
  if (v4 ? top(8) === 127n : value === 1n)
    return [invalid(path, ip, 'may not be in the loopback range (127.0.0.0/8, ::1/128)')];
  if (v4 ? top(16) === 0xa9fen : top(10) === 0xfe80n >> 6n)
    return [invalid(path, ip, 'may not be in the link-local range (169.254.0.0/16, fe80::/10)')];
  if (v4 ? top(24) === 0xe00000n : top(16) === 0xff02n)
    return [invalid(path, ip, 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)')];
  return [];
}
