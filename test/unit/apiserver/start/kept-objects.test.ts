import { describe, expect, it } from 'vitest';
import type { ServiceCIDR } from '../../../../src/api/types/gen/networking-v1.ts';
import { decideServiceCidr } from '../../../../src/apiserver/start/default-service-cidr.ts';
import { serverId } from '../../../../src/apiserver/start/identity-lease.ts';
import { firstAddress, sliceOf } from '../../../../src/apiserver/start/kubernetes-service.ts';

describe('the address of the kubernetes service', () => {
  it.each([
    ['10.96.0.0/12', '10.96.0.1'],
    ['10.0.0.0/24', '10.0.0.1'],
    ['fd00:10:96::/112', 'fd00:10:96::1'],
  ])('of %s is %s, the first behind that of the network', (cidr, address) => {
    expect(firstAddress(cidr)).toBe(address);
  });
});

describe('the default ServiceCIDR', () => {
  const NOW = '2026-01-02T03:04:05Z';
  const stored = (cidrs: readonly string[], conditions: readonly object[] = [], metadata = {}): ServiceCIDR =>
    ({ metadata: { name: 'kubernetes', ...metadata }, spec: { cidrs }, status: { conditions } }) as ServiceCIDR;
  const V4 = '10.96.0.0/12';
  const V6 = 'fd00::/112';

  it.each([
    ['is made where there is none', [V4], undefined, 'create'],
    ['gets its second range', [V4, V6], stored([V4]), 'replace'],
    ['is said to be ready where nobody has said anything', [V4], stored([V4]), 'set-status'],
    [
      'is said to be ready where that is not known',
      [V4],
      stored([V4], [{ type: 'Ready', status: 'Unknown' }]),
      'set-status',
    ],
    ['stays ready', [V4], stored([V4], [{ type: 'Ready', status: 'True' }]), 'keep'],
    [
      'stays unready where somebody says so',
      [V4],
      stored([V4], [{ type: 'Ready', status: 'False', message: 'x' }]),
      'keep',
    ],
    ['is left alone while it is deleted', [V4], stored([V4], [], { deletionTimestamp: NOW }), 'keep'],
    ['is left alone where it has other ranges', [V4], stored(['10.0.0.0/24']), 'keep'],
  ])('%s', (_, cidrs, object, kind) => {
    expect(decideServiceCidr(cidrs, object, NOW).kind).toBe(kind);
  });
});

describe('the slice of the kubernetes service', () => {
  it.each([
    ['IPv4', ['192.0.2.1', '2001:db8::1'], ['192.0.2.1']],
    ['IPv6', ['2001:db8::1', '2001:db8::2'], ['2001:db8::1', '2001:db8::2']],
    ['IPv4', [], []],
  ])('is of type %s for the servers %j', (addressType, addresses, shown) => {
    const slice = sliceOf(addresses, 6443);
    expect(slice.addressType).toBe(addressType);
    expect(slice.endpoints?.flatMap(endpoint => endpoint.addresses)).toEqual(shown);
  });
});

it('gives servers of one machine names of their own, the same after a restart', () => {
  expect(serverId('a', 6443)).toMatch(/^apiserver-[a-z2-7]{26}$/);
  expect(serverId('a', 6443)).toBe(serverId('a', 6443));
  expect(new Set([serverId('a', 6443), serverId('a', 6444), serverId('b', 6443)]).size).toBe(3);
});
