import { describe, expect, it } from 'vitest';
import type { Node } from '../../../src/api/types/gen/core-v1.ts';
import { formatCidr, parseCidr } from '../../../src/base/cidr.ts';
import { CidrPool } from '../../../src/controllers/node-ipam/cidr-pool.ts';
import { nodeIpamController } from '../../../src/controllers/node-ipam/node-ipam.ts';
import { type NodeCidrFlags, nodeCidrRanges } from '../../../src/controllers/node-ipam/ranges.ts';
import { NODES } from '../../../src/controllers/resources.ts';
import { ControllerWorld, type Fate } from '../../harness/controller-world.ts';
import { seededRandom } from '../../harness/random.ts';

const flags = (more: Partial<NodeCidrFlags>): NodeCidrFlags => ({
  clusterCidr: '10.244.0.0/16',
  maskSize: undefined,
  maskSizeIpv4: undefined,
  maskSizeIpv6: undefined,
  serviceRanges: undefined,
  ...more,
});

describe('the ranges of nodes', () => {
  const prefixes = (more: Partial<NodeCidrFlags>) =>
    nodeCidrRanges(flags(more)).ranges.map(({ range, nodePrefix }) => `${formatCidr(range)} by /${nodePrefix}`);
  it.each([
    ['a /24 of IPv4', {}, ['10.244.0.0/16 by /24']],
    ['a /64 of IPv6', { clusterCidr: 'fd00::/56' }, ['fd00::/56 by /64']],
    ['both', { clusterCidr: 'fd00::/48, 10.0.0.0/8' }, ['fd00::/48 by /64', '10.0.0.0/8 by /24']],
    ['the size that is asked for', { maskSize: '26' }, ['10.244.0.0/16 by /26']],
    ['that of a family', { clusterCidr: 'fd00::/56,10.0.0.0/8', maskSizeIpv6: '60', maskSizeIpv4: '16' }, ['fd00::/56 by /60', '10.0.0.0/8 by /16']], // biome-ignore format: a row
    ['the whole of it', { clusterCidr: '10.1.0.0/24' }, ['10.1.0.0/24 by /24']],
  ] as const)('give %s', (_, more, wanted) => {
    expect(prefixes(more)).toEqual(wanted);
  });

  it.each([
    [{ clusterCidr: '' }, '--allocate-node-cidrs needs --cluster-cidr'],
    [{ clusterCidr: 'ten' }, '--cluster-cidr: "ten" is not a range of addresses'],
    [{ clusterCidr: '10.0.0.0/8,11.0.0.0/8' }, '--cluster-cidr: "10.0.0.0/8,11.0.0.0/8" is neither one range nor one of each family'], // biome-ignore format: a row
    [{ clusterCidr: '10.0.0.0/8,fd00::/56', maskSize: '24' }, '--node-cidr-mask-size is for one family'],
    [{ maskSize: '24', maskSizeIpv4: '24' }, 'are not taken together with --node-cidr-mask-size'],
    [{ maskSizeIpv6: '64' }, '--node-cidr-mask-size-ipv6: --cluster-cidr has no range of this family'],
    [{ maskSize: '33' }, '--node-cidr-mask-size: "33" is not a number from 1 to 32'],
    [{ clusterCidr: '10.0.0.0/25' }, '--cluster-cidr: a /25 has no room for the /24 of a node'],
    [{ clusterCidr: 'fd00::/32' }, '--cluster-cidr: a /32 has too many networks of /64'],
    [{ serviceRanges: 'x' }, '--service-cluster-ip-range: "x" is not a range of addresses'],
  ] as const)('%j: %s', (more, message) => {
    expect(() => nodeCidrRanges(flags(more))).toThrow(message);
  });
});

describe('a pool of networks', () => {
  const pool = (range: string, prefix: number) => new CidrPool(parseCidr(range), prefix);
  const take = (from: CidrPool): string => {
    const found = from.next();
    if (found !== undefined) from.hold(found);
    return found === undefined ? 'none' : formatCidr(found);
  };

  it('gives them in order, and what was let go of last', () => {
    const networks = pool('10.0.0.0/22', 24);
    const letGo = networks.hold(parseCidr('10.0.0.0/24'));
    expect([take(networks), take(networks)]).toEqual(['10.0.1.0/24', '10.0.2.0/24']);
    letGo?.();
    letGo?.();
    expect([take(networks), take(networks), take(networks)]).toEqual(['10.0.3.0/24', '10.0.0.0/24', 'none']);
  });

  it('gives those of IPv6 across the middle of an address', () => {
    const networks = pool('fd00:0:0:ff00::/56', 68);
    networks.hold(parseCidr('fd00:0:0:ff00::/64'));
    expect(take(networks)).toBe('fd00:0:0:ff01::/68');
    expect(take(networks)).toBe('fd00:0:0:ff01:1000::/68');
  });

  it.each([
    ['within it', '10.0.1.0/25', ['10.0.0.0/24', '10.0.2.0/24', '10.0.3.0/24', 'none']],
    ['wider than one', '10.0.1.0/23', ['10.0.2.0/24', '10.0.3.0/24', 'none']],
    ['that hold it whole', '10.0.0.0/8', ['none']],
    ['elsewhere', '10.1.0.0/16', ['10.0.0.0/24', '10.0.1.0/24']],
    ['of the other family', 'fd00::/64', ['10.0.0.0/24', '10.0.1.0/24']],
  ])('leaves out the addresses of services %s', (_, services, wanted) => {
    const networks = pool('10.0.0.0/22', 24);
    networks.hold(parseCidr(services));
    expect(wanted.map(() => take(networks))).toEqual(wanted);
  });

  it('keeps what two hold until both let go', () => {
    const networks = pool('10.0.0.0/24', 24);
    const holds = [1, 2].map(() => networks.hold(parseCidr('10.0.0.0/24')));
    holds[0]?.();
    expect(networks.next()).toBeUndefined();
    holds[1]?.();
    expect(networks.next()).toBeDefined();
  });
});

describe('node IPAM', () => {
  const row = (clusterCidr: string) => nodeIpamController(nodeCidrRanges(flags({ clusterCidr })));
  const node = (name: string, podCIDRs: readonly string[] = []): Node =>
    ({ metadata: { name }, spec: podCIDRs.length === 0 ? {} : { podCIDR: podCIDRs[0], podCIDRs }, status: {} }) as Node;
  const cidrsOf = (world: ControllerWorld, name: string) => world.get<Node>(NODES, name)?.spec.podCIDRs;

  it('gives a node a network of each family, and leaves what is given alone', async () => {
    const world = new ControllerWorld();
    world.put(NODES, node('old', ['10.244.0.0/24', 'fd00::/64']));
    world.put(NODES, node('new'));
    world.start(row('10.244.0.0/16,fd00::/56'));
    await world.converge();
    expect(world.get<Node>(NODES, 'new')?.spec).toEqual({
      podCIDR: '10.244.1.0/24',
      podCIDRs: ['10.244.1.0/24', 'fd00:0:0:1::/64'],
    });
    expect(world.writes).toHaveLength(1);
  });

  it('says that there is none left, and gives what a node leaves', async () => {
    const world = new ControllerWorld();
    world.put(NODES, node('a', ['10.1.0.0/24']));
    world.put(NODES, node('b'));
    world.start(row('10.1.0.0/24'));
    await world.converge();
    expect(cidrsOf(world, 'b')).toBeUndefined();
    expect(world.events[0]).toEqual({
      type: 'Normal',
      reason: 'CIDRNotAvailable',
      message: 'Node b status is now: CIDRNotAvailable',
      name: 'b',
    });
    world.remove(NODES, 'a');
    await world.converge();
    expect(cidrsOf(world, 'b')).toEqual(['10.1.0.0/24']);
  });

  it('goes on beside a node whose network is none of the cluster', async () => {
    const world = new ControllerWorld();
    world.put(NODES, node('odd', ['192.168.0.0/24']));
    world.put(NODES, node('worse', ['nonsense']));
    world.put(NODES, node('good'));
    world.start(row('10.1.0.0/24'));
    await world.converge();
    expect(cidrsOf(world, 'good')).toEqual(['10.1.0.0/24']);
  });

  const random = seededRandom();
  it(`never gives a network to two, whatever becomes of its writes and of itself (seed ${random.seed})`, async () => {
    const fates: readonly [Fate, ...Fate[]] = [undefined, undefined, 'refused', 'unanswered', 'lost'];
    for (let run = 0; run < 20; run += 1) {
      const world = new ControllerWorld();
      world.fate = () => random.pick(fates);
      world.start(row('10.1.0.0/21'));
      for (let step = 0; step < 60; step += 1) {
        const name = `n${random.below(8)}`;
        const moves = [
          () => void world.put(NODES, { ...node(name), metadata: { name, uid: `${name}-${step}` } }),
          () => world.remove(NODES, name),
          () => world.show(),
          () => world.clock.advance(random.below(3000)),
          () => world.settle(),
          async () => {
            await world.kill();
            world.start(row('10.1.0.0/21'));
          },
        ] as const;
        await random.pick([...moves])();
        const given = world.all<Node>(NODES).flatMap(each => each.spec.podCIDRs ?? []);
        expect(new Set(given).size).toBe(given.length);
      }
      world.fate = () => undefined;
      await world.kill();
      world.start(row('10.1.0.0/21'));
      await world.converge();
      expect(world.all<Node>(NODES).every(each => each.spec.podCIDRs?.length === 1)).toBe(true);
      await world.kill();
    }
  });
});
