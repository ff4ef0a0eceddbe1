import { describe, expect, it } from 'vitest';
import { type CniResult, formatResult, parseResult, sandboxIps } from '../../../../src/cni/protocol/result.ts';

const result: CniResult = {
  interfaces: [
    { name: 'br0', mac: '0a:58:0a:00:00:01', mtu: 1500 },
    { name: 'eth0', mac: '0a:58:0a:00:00:02', mtu: 1500, sandbox: '/run/netns/a' },
  ],
  ips: [
    { address: '10.0.0.2/24', gateway: '10.0.0.1', interface: 1 },
    { address: 'fd00::2/64', gateway: 'fd00::1', interface: 1 },
  ],
  routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1', mtu: 1400 }, { dst: '::/0' }],
  dns: { nameservers: ['10.0.0.53'] },
};

describe('formatResult', () => {
  it('1.1.0 says everything', () => {
    expect(formatResult(result, '1.1.0')).toEqual({ cniVersion: '1.1.0', ...result });
  });

  it('1.0.0 has no mtu on interfaces and routes', () => {
    const old = formatResult(result, '1.0.0');
    expect(old['interfaces']).toEqual([
      { name: 'br0', mac: '0a:58:0a:00:00:01' },
      { name: 'eth0', mac: '0a:58:0a:00:00:02', sandbox: '/run/netns/a' },
    ]);
    expect(old['routes']).toEqual([{ dst: '0.0.0.0/0', gw: '10.0.0.1' }, { dst: '::/0' }]);
    expect(old['ips']).toEqual(result.ips);
  });

  it.each(['0.3.0', '0.3.1', '0.4.0'] as const)('%s marks each address with its family', version => {
    expect(formatResult(result, version)['ips']).toEqual([
      { version: '4', ...result.ips[0] },
      { version: '6', ...result.ips[1] },
    ]);
  });

  it.each(['0.1.0', '0.2.0'] as const)('%s has one address of each family with its routes', version => {
    expect(formatResult(result, version)).toEqual({
      cniVersion: version,
      ip4: { ip: '10.0.0.2/24', gateway: '10.0.0.1', routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1' }] },
      ip6: { ip: 'fd00::2/64', gateway: 'fd00::1', routes: [{ dst: '::/0' }] },
      dns: { nameservers: ['10.0.0.53'] },
    });
  });
});

describe('parseResult', () => {
  it('reads back what 1.1.0 wrote', () => {
    expect(parseResult(formatResult(result, '1.1.0'))).toEqual(result);
  });

  it('reads the old shape: addresses and routes of both families, no interfaces', () => {
    expect(parseResult(formatResult(result, '0.2.0'))).toEqual({
      interfaces: [],
      ips: [
        { address: '10.0.0.2/24', gateway: '10.0.0.1' },
        { address: 'fd00::2/64', gateway: 'fd00::1' },
      ],
      routes: [{ dst: '0.0.0.0/0', gw: '10.0.0.1' }, { dst: '::/0' }],
      dns: result.dns,
    });
  });

  it.each([
    ['an address that is none', { ips: [{ address: '10.0.0.300/24' }] }, /10\.0\.0\.300/],
    ['a list that is none', { ips: 'x' }, /result\.ips must be a list/],
    ['an interface that is a string', { interfaces: ['eth0'] }, /"eth0", which is not an object/],
  ])('refuses %s', (_, value, message) => {
    expect(() => parseResult(value)).toThrow(message);
  });
});

describe('sandboxIps', () => {
  it('takes the addresses of the link inside the sandbox, in their order', () => {
    expect(sandboxIps(result, 'eth0')).toEqual(['10.0.0.2', 'fd00::2']);
  });

  it('takes no address of a link on the host', () => {
    expect(sandboxIps({ ...result, ips: [{ address: '10.0.0.1/24', interface: 0 }] }, 'eth0')).toEqual([]);
  });
});
