import { describe, expect, it } from 'vitest';
import { parseBridgeConfig, refuseAddressArgs } from '../../../../src/cni/bridge/config.ts';
import { hostLinkName, macOf, planBridge, planPod, planResult } from '../../../../src/cni/bridge/plan.ts';
import { planAllocation } from '../../../../src/cni/host-local/plan.ts';

const base = { cniVersion: '1.1.0', name: 'pods', bridge: 'br0', mtu: 1450 };
const dual = { ipam: { ranges: [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]] } };
const addressesFor = (config: ReturnType<typeof parseBridgeConfig>) => {
  const allocation = planAllocation({ sets: config.rangeSets, taken: new Set(), last: [] });
  if (allocation.kind === 'exhausted') throw new Error('the pools of this test have room');
  return allocation.addresses;
};

describe('parseBridgeConfig', () => {
  it('has the switches on that a pod network needs', () => {
    expect(parseBridgeConfig({ ...base, ...dual })).toMatchObject({
      isDefaultGateway: true,
      ipMasq: true,
      hairpin: true,
      mtu: 1450,
    });
  });

  it('prefers the ranges of the runtime, and reads the old single subnet', () => {
    const runtimeConfig = { ipRanges: [[{ subnet: '10.99.0.0/24' }]] };
    expect(parseBridgeConfig({ ...base, ...dual, runtimeConfig }).rangeSets).toHaveLength(1);
    expect(parseBridgeConfig({ ...base, ipam: { subnet: '10.5.0.0/24' } }).rangeSets[0]?.ranges[0]?.start).toBe(
      0x0a050001n,
    );
  });

  it.each([
    ['no range anywhere', { ...base }, 11, /no pod CIDR yet/],
    ['another allocator', { ...base, ipam: { type: 'dhcp' } }, 2, /ipam\.type \("dhcp"\)/],
    ['a vlan', { ...base, ...dual, vlan: 100 }, 2, /field vlan \(100\)/],
    ['a MAC of one’s choice', { ...base, ...dual, mac: '0a:00:00:00:00:01' }, 2, /field mac \("0a:00:00:00:00:01"\)/],
    ['a pod without the link', { ...base, ...dual, disableContainerInterface: true }, 2, /disableContainerInterface/],
    ['a data directory', { ...base, ipam: { ...dual.ipam, dataDir: '/x' } }, 2, /ipam\.dataDir \("\/x"\)/],
    ['a resolv.conf', { ...base, ipam: { ...dual.ipam, resolvConf: '/x' } }, 2, /ipam\.resolvConf/],
    ['addresses at run time', { ...base, ...dual, runtimeConfig: { ips: ['10.22.0.9'] } }, 2, /runtimeConfig\.ips/],
    ['addresses as arguments', { ...base, ...dual, args: { cni: { ips: ['10.22.0.9'] } } }, 2, /args\.cni\.ips/],
    ['an mtu in words', { ...base, ...dual, mtu: 'big' }, 7, /mtu must be a whole number from 0 to 65535, not "big"/],
    ['a bridge name with a slash', { ...base, ...dual, bridge: '../x' }, 7, /not a link name/],
    ['an unknown version', { ...base, ...dual, cniVersion: '3.0.0' }, 1, /3\.0\.0/],
    ['a route to nowhere', { ...base, ipam: { ...dual.ipam, routes: [{ dst: 'x' }] } }, 7, /ipam\.routes\[0\]\.dst/],
  ])('refuses %s', (_, config, code, message) => {
    expect(() => parseBridgeConfig(config)).toThrow(expect.objectContaining({ cniCode: code }));
    expect(() => parseBridgeConfig(config)).toThrow(message);
  });

  it('takes keys of the reference plugin that say what is the case anyway', () => {
    const harmless = {
      ...base,
      ...dual,
      vlan: 0,
      promiscMode: false,
      mac: '',
      vlanTrunk: [],
      runtimeConfig: { ips: [] },
    };
    expect(parseBridgeConfig(harmless)).toEqual(parseBridgeConfig({ ...base, ...dual }));
  });

  it.each([
    [{}, true, true],
    [{ isGateway: true, isDefaultGateway: false }, true, false],
    [{ isGateway: false }, false, false],
    [{ isGateway: false, isDefaultGateway: true }, true, true],
    [{ isDefaultGateway: false }, false, false],
  ])('of %j: the bridge has the gateway address %s, pods a default route to it %s', (switches, address, route) => {
    const config = parseBridgeConfig({ ...base, ...dual, ...switches });
    expect(planBridge(config).bridge.addresses).toHaveLength(address ? 2 : 0);
    expect(planBridge(config).bridge.forward).toEqual(address ? [4, 6] : []);
    expect(planPod(config, 'a', 'eth0', addressesFor(config)).routes).toHaveLength(route ? 2 : 0);
  });

  it.each(['IP', 'MAC'])('refuses %s in CNI_ARGS', key => {
    expect(() =>
      refuseAddressArgs([
        ['IgnoreUnknown', '1'],
        [key, 'x'],
      ]),
    ).toThrow(expect.objectContaining({ cniCode: 2, message: expect.stringContaining(`CNI_ARGS ${key} ("x")`) }));
  });
});

describe('planBridge', () => {
  it('gives the bridge the gateways, a MAC of its own and forwarding of both families', () => {
    expect(planBridge(parseBridgeConfig({ ...base, ...dual })).bridge).toEqual({
      name: 'br0',
      mac: '0a:58:0a:16:00:01',
      mtu: 1450,
      addresses: [
        { ip: '10.22.0.1', prefix: 24 },
        { ip: 'fd00:22::1', prefix: 64 },
      ],
      forward: [4, 6],
    });
  });

  it('masquerades what leaves the pod network, with one chain per network made anew in one transaction', () => {
    expect(planBridge(parseBridgeConfig({ ...base, ...dual })).masquerade.split('\n')).toEqual([
      'add table inet gantry_cni',
      'add chain inet gantry_cni masquerade_94df58a5 { type nat hook postrouting priority srcnat; policy accept; }',
      'flush chain inet gantry_cni masquerade_94df58a5',
      'add rule inet gantry_cni masquerade_94df58a5 ip saddr 10.22.0.0/24 ip daddr != { 10.22.0.0/24, 224.0.0.0/4 } masquerade comment "pods of pods"',
      'add rule inet gantry_cni masquerade_94df58a5 ip6 saddr fd00:22::/64 ip6 daddr != { fd00:22::/64, ff00::/8 } masquerade comment "pods of pods"',
      '',
    ]);
  });

  it('leaves addresses, forwarding and masquerade away when they are switched off', () => {
    const plan = planBridge(parseBridgeConfig({ ...base, ...dual, isDefaultGateway: false, ipMasq: false }));
    expect(plan).toMatchObject({ masquerade: '', bridge: { addresses: [], forward: [] } });
  });
});

describe('planPod', () => {
  it('adds a default route of each family, to the gateway of its range', () => {
    const config = parseBridgeConfig({ ...base, ...dual });
    expect(planPod(config, 'a', 'eth0', addressesFor(config))).toMatchObject({
      mac: '0a:58:0a:16:00:02',
      addresses: [
        { ip: '10.22.0.2', prefix: 24 },
        { ip: 'fd00:22::2', prefix: 64 },
      ],
      routes: [
        { destination: '0.0.0.0/0', gateway: '10.22.0.1' },
        { destination: '::/0', gateway: 'fd00:22::1' },
      ],
    });
  });

  it('adds none where the configuration has one, and fills in gateways', () => {
    const ipam = { ...dual.ipam, routes: [{ dst: '0.0.0.0/0', gw: '10.22.0.254' }, { dst: '10.96.0.0/12' }] };
    const config = parseBridgeConfig({ ...base, ipam });
    expect(planPod(config, 'a', 'eth0', addressesFor(config)).routes).toEqual([
      { destination: '0.0.0.0/0', gateway: '10.22.0.254' },
      { destination: '10.96.0.0/12', gateway: '10.22.0.1' },
      { destination: '::/0', gateway: 'fd00:22::1' },
    ]);
  });

  it('names the host end by container and link: the same each time, never longer than a link name may be', () => {
    expect(hostLinkName('a', 'eth0')).toBe(hostLinkName('a', 'eth0'));
    expect(hostLinkName('a', 'eth0')).not.toBe(hostLinkName('a', 'eth1'));
    expect(hostLinkName('f'.repeat(64), 'eth0')).toMatch(/^veth[0-9a-f]{11}$/);
  });

  it('makes the MAC from the address, so that whoever gets it later has the same', () => {
    expect(macOf('10.0.1.255', 'x')).toBe('0a:58:0a:00:01:ff');
    expect(macOf('fd00::2', 'x')).toMatch(/^0a:58(:[0-9a-f]{2}){4}$/);
    expect(macOf('fd00::2', 'x')).toBe(macOf('fd00::2', 'y'));
  });
});

describe('planResult', () => {
  it('lists bridge, host end and pod link; the addresses belong to the last', () => {
    const config = parseBridgeConfig({ ...base, ...dual });
    const addresses = addressesFor(config);
    const pod = planPod(config, 'a', 'eth0', addresses);
    const place = { ifname: 'eth0', netns: '/run/netns/a', bridgeMac: 'b', hostMac: 'h', mtu: 1450 };
    expect(planResult(config, pod, place, addresses)).toMatchObject({
      interfaces: [{ name: 'br0' }, { name: pod.hostLink }, { name: 'eth0', sandbox: '/run/netns/a', mac: pod.mac }],
      ips: [
        { address: '10.22.0.2/24', gateway: '10.22.0.1', interface: 2 },
        { address: 'fd00:22::2/64', gateway: 'fd00:22::1', interface: 2 },
      ],
      routes: [
        { dst: '0.0.0.0/0', gw: '10.22.0.1' },
        { dst: '::/0', gw: 'fd00:22::1' },
      ],
    });
  });
});
