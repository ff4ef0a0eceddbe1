import { describe, expect, it } from 'vitest';
import { fieldErrorBody } from '../../../../src/api/validation/field-error.ts';
import {
  cidrWarnings,
  ipWarnings,
  isDualStack,
  validateEndpointIp,
  validateIp,
  validateLegacyCidr,
  validateLegacyIp,
} from '../../../../src/api/validation/ip.ts';

const NO_IP = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';
const NO_CIDR = 'must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)';

describe('addresses', () => {
  it.each([
    ['10.9.8.7', undefined, undefined],
    ['2001:db8::1', undefined, undefined],
    ['2001:DB8::1', undefined, 'must be in canonical form ("2001:db8::1")'],
    ['2001:db8:0:0::1', undefined, 'must be in canonical form ("2001:db8::1")'],
    ['010.9.8.7', 'must not have leading 0s', 'must not have leading 0s'],
    ['::ffff:1.2.3.4', 'must not be an IPv4-mapped IPv6 address', 'must not be an IPv4-mapped IPv6 address'],
    ['1.2.3', NO_IP, NO_IP],
    ['1.2.3.256', NO_IP, NO_IP],
    ['fe80::1%eth0', NO_IP, NO_IP],
    ['', NO_IP, NO_IP],
  ])('%s is judged by the old rules and by the new ones', (text, old, strict) => {
    const detail = (errors: readonly { readonly detail: string }[]): string | undefined => errors[0]?.detail;
    expect([detail(validateLegacyIp('ip', text)), detail(validateIp('ip', text))]).toEqual([old, strict]);
  });

  it('lets a stored spelling stay', () => {
    expect(validateLegacyIp('ip', '010.9.8.7', new Set(['010.9.8.7']))).toEqual([]);
  });

  it.each([
    ['10.9.8.7', undefined],
    ['fd00::1', undefined],
    ['224.0.1.1', undefined],
    ['0.0.0.0', 'may not be unspecified (0.0.0.0)'],
    ['::', 'may not be unspecified (::)'],
    ['127.1.2.3', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ['::1', 'may not be in the loopback range (127.0.0.0/8, ::1/128)'],
    ['169.254.1.1', 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
    ['fe80::1', 'may not be in the link-local range (169.254.0.0/16, fe80::/10)'],
    ['224.0.0.1', 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
    ['ff02::1', 'may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)'],
    ['x', 'must be a valid IP address'],
  ])('%s is an endpoint, or is none', (text, detail) => {
    expect(validateEndpointIp(text, 'ip').map(error => error.detail)).toEqual(detail === undefined ? [] : [detail]);
  });

  it.each([
    ['10.9.8.7', []],
    ['010.9.8.7', ['ip: non-standard IP address "010.9.8.7" is invalid: use "10.9.8.7"']],
    ['::ffff:1.2.3.4', ['ip: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4"']],
    ['FD00::1', ['ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")']],
    ['x', []],
  ])('%s is told how it is better spelled', (text, warnings) => {
    expect(ipWarnings('ip', text)).toEqual(warnings);
  });

  it('are a pair where there is one of each family', () => {
    expect(
      [['10.0.0.1', 'fd00::1'], ['10.0.0.1', '10.0.0.2'], ['10.0.0.1'], ['x', 'fd00::1']].map(isDualStack),
    ).toEqual([true, false, false, false]);
  });
});

describe('networks', () => {
  it.each([
    ['10.9.8.0/24', []],
    ['fd00::/64', []],
    ['10.9.8.0', [NO_CIDR]],
    ['10.9.8.0/33', [NO_CIDR]],
    ['x/24', [NO_CIDR]],
    ['010.9.8.0/24', ['must not have leading 0s in IP or prefix length']],
    ['10.9.8.0/024', ['must not have leading 0s in IP or prefix length']],
    ['::ffff:1.2.3.0/120', ['must not have an IPv4-mapped IPv6 address']],
    ['10.9.8.7/24', ['must not have bits set beyond the prefix length']],
  ])('%s is a network, or is none', (text, details) => {
    expect(validateLegacyCidr('cidr', text).map(error => error.detail)).toEqual(details);
  });

  it('shows the value that is wrong', () => {
    expect(validateLegacyCidr('cidr', 'x').map(fieldErrorBody)).toEqual([`Invalid value: "x": ${NO_CIDR}`]);
  });

  it.each([
    ['10.9.8.0/24', []],
    [
      '10.9.8.7/24',
      ['cidr: CIDR value "10.9.8.7/24" is ambiguous in this context (should be "10.9.8.0/24" or "10.9.8.7/32"?)'],
    ],
    ['010.9.8.0/24', ['cidr: non-standard CIDR value "010.9.8.0/24" is invalid: use "10.9.8.0/24"']],
    ['FD00::/64', ['cidr: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")']],
  ])('%s is told how it is better spelled', (text, warnings) => {
    expect(cidrWarnings('cidr', text)).toEqual(warnings);
  });
});
