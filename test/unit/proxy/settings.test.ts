import { describe, expect, it } from 'vitest';
import { parseChains } from '../../../src/proxy/act/nft.ts';
import { localMatch } from '../../../src/proxy/compile/layout.ts';
import { readProxyConfiguration } from '../../../src/proxy/configuration.ts';
import { nodePortIps } from '../../../src/proxy/desired/node.ts';
import { localPodsOf, nodePortsEverywhere, proxySettings } from '../../../src/proxy/settings.ts';

const config = (change: object = {}) => ({ ...readProxyConfiguration(undefined, {}), ...change });

describe('proxySettings', () => {
  it('has upstream’s defaults', () => {
    expect(proxySettings(config(), 'a')).toEqual({
      mode: 'nftables',
      nodeName: 'a',
      masqueradeBit: 14,
      masqueradeAll: false,
      detection: { kind: 'none' },
      nodePortAddresses: 'primary',
      localhostNodePorts: false,
      minSyncMs: 0,
      syncMs: 30_000,
      bindAddress: undefined,
      healthzAddress: '0.0.0.0:10256',
      metricsAddress: '127.0.0.1:10249',
      bindAddressHardFail: false,
      healthLimitMs: 60_000,
      ipvs: { scheduler: 'rr', strictArp: false, excludeCidrs: [], timeouts: { tcp: 0, tcpFin: 0, udp: 0 } },
    });
  });

  it.each([
    [{ mode: 'iptables' }, ['0.0.0.0/0', '::/0'], true, 1000],
    [{ mode: 'ipvs' }, ['0.0.0.0/0', '::/0'], false, 0],
    [{ mode: 'iptables', nodePortAddresses: ['primary'] }, 'primary', false, 1000],
    [{ mode: 'iptables', nodePortAddresses: ['127.0.0.0/8'] }, ['127.0.0.0/8'], true, 1000],
    [{ mode: 'iptables', nodePortAddresses: ['10.0.0.0/8'] }, ['10.0.0.0/8'], false, 1000],
  ])('has those of upstream’s for %j', (change, nodePortAddresses, localhostNodePorts, minSyncMs) => {
    expect(proxySettings(config(change), 'a')).toMatchObject({ nodePortAddresses, localhostNodePorts, minSyncMs });
  });

  it('has those of IPVS from its section', () => {
    const ipvs = {
      ...config().ipvs,
      scheduler: 'lc',
      strictARP: true,
      excludeCIDRs: ['10.99.0.0/16'],
      tcpTimeout: '1h0m0s',
      tcpFinTimeout: '2m0s',
      udpTimeout: '5m0s',
    };
    expect(proxySettings(config({ mode: 'ipvs', ipvs }), 'a').ipvs).toEqual({
      scheduler: 'lc',
      strictArp: true,
      excludeCidrs: ['10.99.0.0/16'],
      timeouts: { tcp: 3600, tcpFin: 120, udp: 300 },
    });
  });

  it.each([
    [{ clusterCIDR: '10.0.0.0/8,fd00::/8' }, 4, 'ip saddr 10.0.0.0/8', 'ip saddr != 10.0.0.0/8'],
    [{ clusterCIDR: '10.0.0.0/8,fd00::/8' }, 6, 'ip6 saddr fd00::/8', 'ip6 saddr != fd00::/8'],
    [{ detectLocalMode: 'NodeCIDR' }, 4, 'ip saddr 10.244.1.0/24', 'ip saddr != 10.244.1.0/24'],
    [
      { detectLocalMode: 'BridgeInterface', detectLocal: { bridgeInterface: 'br0', interfaceNamePrefix: '' } },
      4,
      'iifname "br0"',
      'iifname != "br0"',
    ],
    [
      { detectLocalMode: 'InterfaceNamePrefix', detectLocal: { bridgeInterface: '', interfaceNamePrefix: 'veth' } },
      6,
      'iifname "veth*"',
      'iifname != "veth*"',
    ],
  ] as const)('tells pods by %j in IPv%i', (change, family, is, isNot) => {
    const { detection } = proxySettings(config(change), 'a');
    expect(localMatch(localPodsOf(detection, ['10.244.1.0/24'], family), family)).toEqual({ is, isNot });
  });

  it('does not tell pods where nothing of the family is known', () => {
    expect(localPodsOf({ kind: 'node-cidrs' }, [], 4)).toBeUndefined();
    expect(localPodsOf({ kind: 'cidrs', cidrs: ['10.0.0.0/8'] }, [], 6)).toBeUndefined();
  });
});

describe('node ports', () => {
  it.each([
    ['primary', 4, false],
    [['0.0.0.0/0'], 4, true],
    [['10.0.0.0/8', '::/0'], 4, false],
    [['10.0.0.0/8', '::/0'], 6, true],
    [['10.0.0.0/8'], 6, true],
  ] as const)('are everywhere for %j in IPv%i: %s', (addresses, family, expected) => {
    expect(nodePortsEverywhere(addresses, family)).toBe(expected);
  });

  it('are on the first address of the node, or on those of the machine in the networks, never on the loopback', () => {
    const machine = ['127.0.0.1', '10.0.0.2', '10.0.0.1', '192.168.0.1', 'fd00::1', '::1'];
    expect(nodePortIps('primary', ['10.0.0.9', '1.2.3.4'], machine, 4)).toEqual(['10.0.0.9']);
    expect(nodePortIps(['10.0.0.0/8', '127.0.0.0/8'], [], machine, 4)).toEqual(['10.0.0.1', '10.0.0.2']);
    expect(nodePortIps(['::/1'], [], machine, 6)).toEqual([]);
    expect(nodePortIps(['fd00::/8'], [], machine, 6)).toEqual(['fd00::1']);
  });
});

describe('parseChains', () => {
  const text =
    'table ip a {\n\tchain x {\n\t}\n}\ntable ip gantry_proxy {\n\tchain y {\n\t\ttype nat hook output\n\t}\n}\n';
  it('reads the chains of one table', () => {
    expect(parseChains(text, 'ip gantry_proxy')).toEqual(new Set(['y']));
    expect(parseChains(text, 'ip6 gantry_proxy')).toBeUndefined();
    expect(parseChains('table ip gantry_proxy {\n}\n', 'ip gantry_proxy')).toEqual(new Set());
  });
});
