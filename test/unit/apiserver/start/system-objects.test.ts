import { describe, expect, it } from 'vitest';
import { firstAddress } from '../../../../src/apiserver/start/system-objects.ts';

describe('the address of the kubernetes service', () => {
  it.each([
    ['10.96.0.0/12', '10.96.0.1'],
    ['10.0.0.0/24', '10.0.0.1'],
    ['fd00:10:96::/112', 'fd00:10:96::1'],
  ])('of %s is %s, the first behind that of the network', (cidr, address) => {
    expect(firstAddress(cidr)).toBe(address);
  });
});
