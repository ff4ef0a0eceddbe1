import { describe, expect, it } from 'vitest';
import { networkClashes, OWN_LINKS, readOwnNetworks } from '../../../../src/bootstrap/preflight/own-networks.ts';
import { DEFAULT_BRIDGE } from '../../../../src/cni/bridge/config.ts';
import { IPVS_LINK } from '../../../../src/proxy/act/ipvs.ts';

const OWN = {
  addresses: [
    { ip: '10.9.0.2', link: 'eth0' },
    { ip: 'fd00:9::2', link: 'eth0' },
    { ip: '172.17.0.1', link: 'docker0' },
  ],
  gateways: ['10.9.0.1', '10.9.0.1'],
};
const CLUSTER = { serviceSubnet: '10.96.0.0/12,fd00:1::/112', podSubnet: '10.244.0.0/16,fd00:2::/48' };

describe('the networks of a cluster', () => {
  it('are well where nothing of the machine is in them', () => {
    expect(networkClashes(OWN, CLUSTER, 'control-plane')).toEqual([]);
    // its own network is wider, and neither it nor its gateway is in theirs
    const wide = { addresses: [{ ip: '10.0.0.5', link: 'eth0' }], gateways: ['10.0.0.1'] };
    expect(networkClashes(wide, CLUSTER, 'control-plane')).toEqual([]);
    expect(networkClashes(OWN, { serviceSubnet: '', podSubnet: 'none' }, 'node')).toEqual([]);
  });

  it.each([
    [
      { serviceSubnet: '10.9.0.0/24' },
      'ServiceCIDR',
      'the address 10.9.0.2 (eth0) and the default gateway 10.9.0.1 of this machine are in the network of Services of the cluster, 10.9.0.0/24',
    ],
    [
      { serviceSubnet: '10.9.0.0/31' },
      'ServiceCIDR',
      'the default gateway 10.9.0.1 of this machine is in the network of Services of the cluster, 10.9.0.0/31',
    ],
    [
      { podSubnet: '172.16.0.0/12' },
      'PodCIDR',
      'the address 172.17.0.1 (docker0) of this machine is in the network of pods of the cluster, 172.16.0.0/12',
    ],
    [
      { podSubnet: '10.244.0.0/16,fd00:9::/64' },
      'PodCIDR',
      'the address fd00:9::2 (eth0) of this machine is in the network of pods of the cluster, fd00:9::/64',
    ],
  ])('%j must have nothing of the machine in them', (change, check, message) => {
    const [finding, ...more] = networkClashes(OWN, { ...CLUSTER, ...change }, 'control-plane');
    expect(more).toEqual([]);
    expect(finding).toMatchObject({ check, severity: 'error' });
    expect(finding?.message).toContain(message);
    expect(finding?.mend).toMatch(/^choose another .* by --(service-cidr|pod-network-cidr) \(networking\./);
  });

  it('cannot be chosen by a machine that joins', () => {
    const [finding] = networkClashes(OWN, { ...CLUSTER, podSubnet: '10.9.0.0/16' }, 'node');
    // its pods may have another part of it
    expect(finding?.severity).toBe('warning');
    const services = networkClashes(OWN, { ...CLUSTER, serviceSubnet: '10.9.0.0/16' }, 'node');
    expect(services.map(({ severity }) => severity)).toEqual(['error']);
    expect(finding?.mend).toMatch(/^a cluster keeps its networks: give this machine other addresses, or/);
  });

  it.each(['cni0', 'flannel.1', 'nodelocaldns'])('are freed of %s that an earlier cluster has left', link => {
    const own = { addresses: [{ ip: '10.244.0.1', link }], gateways: [] };
    expect(networkClashes(own, CLUSTER, 'control-plane').map(({ mend }) => mend)).toEqual([
      `where ${link} is left of an earlier cluster: ip link delete ${link}; or choose another that nothing else here has, by --pod-network-cidr (networking.podSubnet)`,
    ]);
  });
});

it('what the machine has of its own is asked of the kernel, without the loopback', () => {
  const { addresses } = readOwnNetworks();
  expect(addresses.filter(({ ip }) => ip.startsWith('127.'))).toEqual([]);
});

it('the links of a node are those that its parts make', () => {
  expect(OWN_LINKS).toEqual(['lo', DEFAULT_BRIDGE, IPVS_LINK]);
});
