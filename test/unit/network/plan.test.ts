import { describe, expect, it } from 'vitest';
import type { Node } from '../../../src/api/types/gen/core-v1.ts';
import { conflistText, masqueradeText, podCidrsOf, podRoutes } from '../../../src/network/plan.ts';

const node = (name: string, podCIDRs: readonly string[], ips: readonly string[], type = 'InternalIP'): Node =>
  ({
    metadata: { name },
    spec: { podCIDRs },
    status: { addresses: ips.map(address => ({ type, address })) },
  }) as unknown as Node;

const OWN = node('a', ['10.244.0.0/24', 'fd00:244::/64'], ['192.168.0.1', 'fd00:1::1']);

describe('podRoutes', () => {
  it.each([
    ['none to itself', [OWN], []],
    [
      'one for each family, over the address of that family',
      [OWN, node('b', ['10.244.1.0/24', 'fd00:245::/64'], ['192.168.0.2', 'fd00:1::2'])],
      ['b 10.244.1.0/24 192.168.0.2', 'b fd00:245::/64 fd00:1::2'],
    ],
    ['none where a node has no network yet', [OWN, node('b', [], ['192.168.0.2'])], []],
    ['none where it has no address of the family', [OWN, node('b', ['fd00:245::/64'], ['192.168.0.2'])], []],
    ['none over an address that is not inside', [OWN, node('b', ['10.244.1.0/24'], ['1.2.3.4'], 'ExternalIP')], []],
    ['none for what cannot be read', [OWN, node('b', ['10.244.1/24', 'x'], ['192.168.0.2'])], []],
    ['none for what cannot be reached', [OWN, node('b', ['10.244.1.0/24'], ['here'])], []],
    ['none that takes this node’s own network away', [OWN, node('b', ['10.244.0.0/24'], ['192.168.0.2'])], []],
    [
      'the first by name where two want the same',
      [OWN, node('c', ['10.244.1.0/24'], ['192.168.0.3']), node('b', ['10.244.1.0/24'], ['192.168.0.2'])],
      ['b 10.244.1.0/24 192.168.0.2'],
    ],
    [
      'in canonical form',
      [OWN, node('b', ['10.244.1.7/24', 'FD00:245:0::/64'], ['192.168.0.2', 'fd00:1:0:0::2'])],
      ['b 10.244.1.0/24 192.168.0.2', 'b fd00:245::/64 fd00:1::2'],
    ],
  ])('has %s', (_, nodes, expected) => {
    const routes = podRoutes(nodes, 'a').map(route => `${route.node} ${route.destination} ${route.gateway}`);
    expect(routes).toEqual(expected);
  });
});

describe('podCidrsOf', () => {
  it('takes the single field of old objects', () => {
    expect(podCidrsOf({ spec: { podCIDR: '10.1.0.0/24' } } as unknown as Node)).toEqual(['10.1.0.0/24']);
    expect(podCidrsOf(undefined)).toEqual([]);
  });
});

describe('conflistText', () => {
  it('is none before the node has a network', () => {
    expect(conflistText([])).toBeUndefined();
  });

  it('gives pods an address of each network, and leaves masquerading to the network', () => {
    const { plugins } = JSON.parse(conflistText(['10.244.0.0/24', 'fd00:244::/64']) ?? '') as { plugins: object[] };
    expect(plugins).toEqual([
      expect.objectContaining({
        type: 'gantry-bridge',
        ipMasq: false,
        ipam: { type: 'host-local', ranges: [[{ subnet: '10.244.0.0/24' }], [{ subnet: 'fd00:244::/64' }]] },
      }),
    ]);
  });
});

describe('masqueradeText', () => {
  it('leaves alone what stays in the cluster: pods of all nodes, networks that are told, multicast', () => {
    const other = node('b', ['10.244.1.0/24'], []);
    expect(masqueradeText(['10.244.0.0/24'], [OWN, other], ['10.0.0.0/24']).split('\n')).toEqual([
      'add table inet gantry_network',
      'add chain inet gantry_network leaving { type nat hook postrouting priority srcnat; policy accept; }',
      'flush chain inet gantry_network leaving',
      'add rule inet gantry_network leaving ip saddr { 10.244.0.0/24 } ip daddr != { 10.0.0.0/24, 10.244.0.0/24, 10.244.1.0/24, 224.0.0.0/4 } masquerade fully-random comment "pods leaving the cluster"',
      '',
    ]);
  });

  it('has no rule for a family without pods', () => {
    expect(masqueradeText(['fd00:244::/64'], [], []).match(/add rule.*saddr/g)).toHaveLength(1);
    expect(masqueradeText([], [OWN], [])).not.toContain('add rule');
  });
});
