import { describe, expect, it } from 'vitest';
import {
  bridgeName,
  chooseSubnet,
  clusterNetwork,
  hostLink,
  hostResolver,
  networkRules,
} from '../../../src/local-cluster/network/plan.ts';

const network = clusterNetwork('demo', '10.210.3.0/24');

describe('the network of a cluster', () => {
  it('is named after the cluster, by a hash where the name is too long for a link or could be one', () => {
    expect(bridgeName('demo')).toBe('gantry-demo');
    expect(bridgeName('a-long-name')).toMatch(/^gantry-[0-9a-f]{8}$/);
    expect(bridgeName('0a1b2c3d')).not.toBe('gantry-0a1b2c3d');
    expect(hostLink('a-long-name', network, 49).near.length).toBeLessThanOrEqual(15);
  });

  it('gives the first address to the bridge and the next to the hosts', () => {
    expect(network.gateway).toBe('10.210.3.1');
    expect([0, 1].map(i => hostLink('demo', network, i))).toMatchObject([
      { address: '10.210.3.2', prefix: 24, mac: '02:67:0a:d2:03:02' },
      { address: '10.210.3.3', prefix: 24, mac: '02:67:0a:d2:03:03' },
    ]);
  });

  it('has no address for more hosts than the subnet holds', () => {
    const small = clusterNetwork('demo', '10.210.3.0/29');
    expect(hostLink('demo', small, 4).address).toBe('10.210.3.6');
    expect(() => hostLink('demo', small, 5)).toThrow('has no address for node 6');
  });

  it('masquerades what leaves, and keeps clusters apart', () => {
    expect(networkRules(network)).toBe(`table ip gantry-cluster-demo {}
delete table ip gantry-cluster-demo
table ip gantry-cluster-demo {
  chain postrouting {
    type nat hook postrouting priority srcnat
    ip saddr 10.210.3.0/24 ip daddr != 10.210.3.0/24 masquerade
  }
  chain forward {
    type filter hook forward priority filter
    iifname "gantry-demo" oifname != "gantry-demo" oifname "gantry-*" drop
  }
}
`);
  });

  it('leads questions at the gateway to a resolver on loopback', () => {
    expect(networkRules(network, '127.0.0.1')).toContain(
      'iifname "gantry-demo" ip daddr 10.210.3.1 udp dport 53 dnat to 127.0.0.1',
    );
  });
});

describe('the subnet of a cluster', () => {
  const taken = [
    { cidr: '10.210.0.0/24', by: 'of the cluster "one"' },
    { cidr: '10.210.1.128/25', by: 'reached over eth1' },
  ];

  it('is the first of the pool that nobody has', () => {
    expect(chooseSubnet(undefined, [])).toBe('10.210.0.0/24');
    expect(chooseSubnet(undefined, taken)).toBe('10.210.2.0/24');
  });

  it('is the one that was asked for, without its host bits', () => {
    expect(chooseSubnet('192.0.2.17/28', taken)).toBe('192.0.2.16/28');
  });

  it.each([
    ['a network that meets another', '10.210.0.128/25', 'meets 10.210.0.0/24, which is of the cluster "one"'],
    ['one around another', '10.208.0.0/12', 'meets 10.210.0.0/24'],
    ['one without room', '192.0.2.0/30', 'a prefix from /8 to /29'],
    ['IPv6', 'fd00::/64', 'give an IPv4 network'],
    ['what is no network', 'here', '"here" is not a CIDR'],
  ])('is not %s', (_, asked, because) => {
    expect(() => chooseSubnet(asked, taken)).toThrow(because);
  });

  it('says so when the pool is used up', () => {
    expect(() => chooseSubnet(undefined, [{ cidr: '10.0.0.0/8', by: 'reached over tun0' }])).toThrow(
      'name one with --subnet',
    );
  });
});

describe('the resolver of hosts', () => {
  it.each([
    [
      'servers elsewhere as they are',
      'nameserver 192.0.2.53\nsearch lan\n',
      'nameserver 192.0.2.53\nsearch lan\n',
      undefined,
    ],
    [
      'those elsewhere alone, where there are both',
      'nameserver 127.0.0.1\nnameserver 192.0.2.53\n',
      'nameserver 192.0.2.53\n',
      undefined,
    ],
    [
      'the gateway for one on loopback',
      '# made\nnameserver 127.0.0.53\noptions edns0\n',
      'nameserver 10.210.3.1\noptions edns0\n',
      '127.0.0.53',
    ],
    ['none where the machine has none', '', '', undefined],
  ])('is %s', (_, machine, text, local) => {
    expect(hostResolver(machine, '10.210.3.1')).toEqual({ text, local });
  });
});
