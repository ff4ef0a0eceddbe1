import { describe, expect, it } from 'vitest';
import { isProxyable } from '../../../../src/apiserver/proxy/proxyable-address.ts';

describe('an address that requests are proxied to', () => {
  it.each(['10.0.0.1', '192.168.1.1', '8.8.8.8', '2001:db8::1', 'fd00::1'])('may be %s', address =>
    expect(isProxyable(address)).toBe(true),
  );

  it.each([
    '',
    'localhost',
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '169.254.169.254',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    'fe80::1',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:169.254.169.254',
  ])('may not be %j', address => expect(isProxyable(address)).toBe(false));
});
