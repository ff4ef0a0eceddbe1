import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bigIntToIp, cidrContains, formatCidr, ipToBigInt, lastAddress, parseCidr } from '../../../src/base/cidr.ts';

describe('parseCidr', () => {
  it.each([
    ['an IPv4 network', '10.88.0.0/16', '10.88.0.0/16'],
    ['host bits are dropped', '10.88.3.9/16', '10.88.0.0/16'],
    ['a single address', '192.0.2.7/32', '192.0.2.7/32'],
    ['the whole of IPv4', '0.0.0.0/0', '0.0.0.0/0'],
    ['an IPv6 network in canonical text', 'FD00:0:0:1::/64', 'fd00:0:0:1::/64'],
  ])('%s', (_sentence, text, canonical) => {
    expect(formatCidr(parseCidr(text))).toBe(canonical);
  });

  it.each([['10.0.0.0'], ['10.0.0.0/33'], ['fd00::/129'], ['ten/8'], ['10.0.0/8x'], ['/8'], ['']])(
    'refuses %j',
    text => {
      expect(() => parseCidr(text)).toThrow(/CIDR|prefix is over/);
    },
  );
});

describe('addresses as numbers', () => {
  it('goes there and back for every IPv4 address', () => {
    fc.assert(
      fc.property(fc.ipV4(), ip => {
        expect(bigIntToIp(ipToBigInt(ip), 4)).toBe(ip);
      }),
    );
  });

  it('knows the last address of a network', () => {
    expect(bigIntToIp(lastAddress(parseCidr('10.88.4.0/22')), 4)).toBe('10.88.7.255');
    expect(bigIntToIp(lastAddress(parseCidr('fd00::/112')), 6)).toBe('fd00::ffff');
  });
});

describe('cidrContains', () => {
  it.each([
    ['10.22.0.0/24', '10.22.0.0', true],
    ['10.22.0.0/24', '10.22.0.255', true],
    ['10.22.0.0/24', '10.22.1.0', false],
    ['0.0.0.0/0', '::1', false],
    ['fd00:22::/64', 'fd00:22::1', true],
  ])('%s has %s: %s', (cidr, ip, expected) => {
    expect(cidrContains(parseCidr(cidr), ip)).toBe(expected);
  });
});
