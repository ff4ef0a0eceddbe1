import { describe, expect, it } from 'vitest';
import { parseBridgeConfig } from '../../../../src/cni/bridge/config.ts';
import {
  type HostPort,
  hostPortChains,
  hostPortConflict,
  hostPortElements,
  parseHostPorts,
} from '../../../../src/cni/bridge/host-ports.ts';

const IPS = ['10.22.0.2', 'fd00:22::2'];
const port = (hostPort: number, more: Partial<HostPort> = {}): HostPort => ({
  protocol: 'tcp',
  hostIp: '',
  hostPort,
  containerPort: 80,
  ...more,
});

describe('portMappings', () => {
  it('are read as runtimes write them; declarations without a host port are left out', () => {
    const mappings = [
      { hostPort: 8080, containerPort: 80, protocol: 'TCP', hostIP: '192.0.2.1' },
      { hostPort: 53, containerPort: 5353, protocol: 'udp', hostIP: '' },
      { containerPort: 80 },
    ];
    expect(parseHostPorts(mappings)).toEqual([
      port(8080, { hostIp: '192.0.2.1' }),
      port(53, { protocol: 'udp', containerPort: 5353 }),
    ]);
  });

  it.each([
    ['a protocol of another layer', { hostPort: 1, containerPort: 1, protocol: 'icmp' }, 'protocol: "icmp" is none of'],
    ['a name for an address', { hostPort: 1, containerPort: 1, hostIP: 'eth0' }, 'hostIP: "eth0" is not an IP address'],
    ['a port that is none', { hostPort: 65_536, containerPort: 1 }, 'hostPort must be a whole number from 0 to 65535'],
    ['a negative one', { hostPort: 1, containerPort: -1 }, 'containerPort must be a whole number from 1 to 65535'],
    ['a text', 'x', 'runtimeConfig.portMappings[0] must be an object'],
  ])('refuse %s', (_what, mapping, message) => {
    expect(() => parseHostPorts([mapping])).toThrow(message);
  });
});

describe('two pods', () => {
  const conflict = (mine: HostPort, theirs: HostPort): string | undefined =>
    hostPortConflict({ containerId: 'b', ips: ['10.22.0.3'], hostPorts: [mine] }, [
      { containerId: 'a', ips: IPS, hostPorts: [theirs] },
    ]);

  it.each([
    ['one port', port(80), port(80), 'host port tcp/80 is taken by container a'],
    ['it under two names of all addresses', port(80), port(80, { hostIp: '0.0.0.0' }), 'host port tcp/80 is taken by'],
    ['one port of one address', port(80, { hostIp: '192.0.2.1' }), port(80, { hostIp: '192.0.2.1' }), 'is taken by'],
  ])('cannot have %s', (_what, mine, theirs, message) => {
    expect(conflict(mine, theirs)).toContain(message);
  });

  it.each([
    ['two ports', port(80), port(81)],
    ['two protocols', port(80), port(80, { protocol: 'udp' })],
    ['two addresses', port(80, { hostIp: '192.0.2.1' }), port(80, { hostIp: '192.0.2.9' })],
    ['one address and all others', port(80, { hostIp: '192.0.2.1' }), port(80)],
    ['two families', port(80, { hostIp: '0.0.0.0' }), port(80, { hostIp: '::' })],
  ])('can have %s', (_what, mine, theirs) => {
    expect(conflict(mine, theirs)).toBeUndefined();
  });
});

describe('the nft transaction', () => {
  it('makes the maps anew from all pods that have ports, each family by its own', () => {
    const text = hostPortElements('pods', [
      { containerId: 'a', ips: IPS, hostPorts: [port(8080), port(53, { protocol: 'udp', hostIp: '192.0.2.1' })] },
      { containerId: 'b', ips: ['10.22.0.3'], hostPorts: [port(8081, { hostIp: '::1' })] },
    ]);
    expect(text.split('\n').filter(line => line.startsWith('add element'))).toEqual([
      'add element inet gantry_cni hostports_open_94df58a5 { tcp . 8080, udp . 53 }',
      'add element inet gantry_cni hostports4_94df58a5 { tcp . 8080 : 10.22.0.2 . 80 }',
      'add element inet gantry_cni hostports4_at_94df58a5 { 192.0.2.1 . udp . 53 : 10.22.0.2 . 80 }',
      'add element inet gantry_cni hostports6_94df58a5 { tcp . 8080 : fd00:22::2 . 80 }',
    ]);
    expect(text.match(/^flush (set|map) /gm)).toHaveLength(5);
  });

  it('empties them when nobody has any', () => {
    expect(hostPortElements('pods', [])).not.toContain('add element');
    expect(hostPortElements('pods', []).match(/^flush (set|map) /gm)).toHaveLength(5);
  });

  it('leads what comes in and what the machine sends, and guards the loopback addresses of the machine', async () => {
    const ipam = { ranges: [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]] };
    const config = parseBridgeConfig({ cniVersion: '1.1.0', name: 'pods', bridge: 'br0', ipam });
    await expect(hostPortChains(config)).toMatchFileSnapshot('./golden/host-port-chains.nft');
  });
});
