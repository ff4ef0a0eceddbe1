import { describe, expect, it } from 'vitest';
import type { Service } from '../../../../src/api/types/gen/core-v1.ts';
import type { EndpointSlice } from '../../../../src/api/types/gen/discovery-v1.ts';
import type { ProxyMode } from '../../../../src/proxy/settings.ts';
import { NODE, NODE_IPS, ProxyRules } from '../../../harness/proxy-rules.ts';
import { type SampleEndpoint, sampleService, sampleSlice } from '../../../harness/proxy-world.ts';
import { type Random, seededRandom } from '../../../harness/random.ts';
import type { TracedPacket } from '../../../harness/traced.ts';

/** A service of the world: plain data, from which both the objects and what must become of packets are made. */
interface Item {
  readonly vip: string;
  readonly protocol: 'tcp' | 'udp';
  readonly nodePort: number | undefined;
  readonly externalIp: string | undefined;
  readonly internalLocal: boolean;
  readonly externalLocal: boolean;
  readonly sticky: boolean;
  readonly endpoints: readonly (SampleEndpoint & { readonly state: 'ready' | 'not-ready' | 'ending' })[];
}

const MODES: readonly ProxyMode[] = ['nftables', 'iptables', 'ipvs'];
/** So many packets meet each of three endpoints. */
const TRIES = 3;
const NAMES = ['a', 'b', 'c', 'd', 'e', 'f'] as const;
const NODE_IP = NODE_IPS[4];
const SOURCES = [
  { source: '10.244.0.9', link: 'veth9' },
  { source: '10.244.0.2', link: 'veth2' },
  { source: '172.16.9.9', link: 'eth0' },
  { source: NODE_IP },
] as const;

/** Modes that upstream has too do with services that want one address as upstream does: for them each has its own. */
function randomItem(random: Random, index: number, mode: ProxyMode): Item {
  const count = random.below(4);
  const first = random.below(6);
  return {
    vip: `10.96.0.${10 + index}`,
    protocol: random.pick(['tcp', 'udp']),
    nodePort: random.below(2) === 0 ? 30000 + index : undefined,
    // few, so that services want the same one
    externalIp: random.below(2) === 0 ? `198.51.100.${mode === 'nftables' ? random.below(2) : index}` : undefined,
    internalLocal: random.below(4) === 0,
    externalLocal: random.below(3) === 0,
    sticky: random.below(4) === 0,
    endpoints: Array.from({ length: count }, (_, i) => ({
      ip: `10.244.${i % 2}.${2 + ((first + i) % 6) * 2 + (i % 2)}`,
      node: i % 2 === 0 ? NODE : 'node-b',
      state: random.pick(['ready', 'ready', 'ready', 'not-ready', 'ending'] as const),
    })),
  };
}

function objectsOf(name: string, item: Item): { service: Service; slices: EndpointSlice[] } {
  const protocol = item.protocol.toUpperCase();
  const port = { port: 80, protocol, ...(item.nodePort === undefined ? {} : { nodePort: item.nodePort }) };
  const service = sampleService(name, {
    type: item.nodePort === undefined ? 'ClusterIP' : 'NodePort',
    clusterIP: item.vip,
    clusterIPs: [item.vip],
    ports: [port],
    externalIPs: item.externalIp === undefined ? [] : [item.externalIp],
    internalTrafficPolicy: item.internalLocal ? 'Local' : 'Cluster',
    externalTrafficPolicy: item.externalLocal ? 'Local' : 'Cluster',
    ...(item.sticky
      ? { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 10 } } }
      : {}),
  });
  const ports = [{ name: '', port: 8080, protocol }];
  // two slices, one of which says again what the other says
  const slices = [sampleSlice(name, item.endpoints, ports), sampleSlice(name, item.endpoints.slice(0, 1), ports, 'b')];
  return { service, slices };
}

/** Where a packet may end, worked out from the world alone. */
function expectedEnds(world: ReadonlyMap<string, Item>, packet: TracedPacket, mode: ProxyMode): string[] {
  const names = [...world.keys()].sort();
  const items = names.flatMap(name => world.get(name) ?? []).filter(({ protocol }) => protocol === packet.protocol);
  const isPod = packet.source.startsWith('10.244.');
  const isHost = packet.source === NODE_IP;
  const vipOwner = items.find(({ vip }) => packet.destination === vip && packet.port === 80);
  if (vipOwner !== undefined) {
    const ends = choose(vipOwner, vipOwner.internalLocal, packet, !isPod);
    // a server without real servers refuses
    return mode === 'ipvs' && ends[0] === 'drop' ? ['reject'] : ends;
  }
  if ([...world.values()].some(({ vip }) => vip === packet.destination))
    return [mode === 'iptables' ? 'pass' : 'reject'];
  const owners = items.filter(({ externalIp, nodePort }) =>
    packet.destination === NODE_IP ? packet.port === nodePort : externalIp === packet.destination && packet.port === 80,
  );
  // whoever has endpoints gets what comes, the first by name; where it sends nothing on, the first that has none tells why
  const served = owners.find(({ endpoints }) => endpoints.some(({ state }) => state !== 'not-ready'));
  const isService = [...world.values()].some(({ externalIp }) => externalIp === packet.destination);
  if (mode === 'ipvs' && owners.length === 0 && isService) return ['reject'];
  // upstream's iptables mode refuses what comes in, and what goes out from the machine itself to cluster IPs alone
  const isLeft = mode === 'iptables' && isHost && packet.destination !== NODE_IP;
  if (served === undefined) return owners.length === 0 || isLeft ? ['pass'] : ['reject'];
  if (!served.externalLocal) return choose(served, false, packet, true);
  if (isPod || isHost) {
    const here = mode === 'ipvs' ? choose(served, true, packet, isHost) : ['drop'];
    return here[0] === 'drop' ? choose(served, false, packet, isHost) : here;
  }
  const ends = choose(served, true, packet, false);
  if (ends[0] !== 'drop') return ends;
  // another that stays on the node too, and has something here
  const near = owners.find(each => each.externalLocal && choose(each, true, packet, false)[0]?.includes(':') === true);
  if (near !== undefined) return choose(near, true, packet, false);
  const teller = owners.find(each => choose(each, each.externalLocal, packet, false)[0]?.includes(':') !== true);
  return choose(teller ?? served, true, packet, false);
}

function choose(item: Item, isLocal: boolean, packet: TracedPacket, masquerade: boolean): string[] {
  const known = item.endpoints;
  if (!known.some(({ state }) => state !== 'not-ready')) return ['reject'];
  const here = known.filter(({ node }) => !isLocal || node === NODE);
  const ready = here.filter(({ state }) => state === 'ready');
  const chosen = ready.length > 0 ? ready : here.filter(({ state }) => state === 'ending');
  if (chosen.length === 0) return ['drop'];
  return chosen
    .map(({ ip, node }) => {
      const isItself = ip === packet.source && node === NODE;
      return `${ip}:8080${masquerade || isItself ? ' masquerade' : ''}`;
    })
    .sort();
}

function packets(world: ReadonlyMap<string, Item>): TracedPacket[] {
  const targets = [
    ...[...world.values()].flatMap(({ vip, nodePort }) => [
      { destination: vip, port: 80 },
      { destination: vip, port: 81 },
      ...(nodePort === undefined ? [] : [{ destination: NODE_IP, port: nodePort }]),
    ]),
    ...NAMES.map((_, index) => ({ destination: `198.51.100.${index}`, port: 80 })),
    { destination: NODE_IP, port: 22 },
  ];
  return targets.flatMap(target =>
    (['tcp', 'udp'] as const).flatMap(protocol => SOURCES.map(source => ({ ...source, ...target, protocol }))),
  );
}

/** Dice that lead the packets of each turn to another endpoint. */
class Turns {
  #turn = 0;
  #thrown = 0;
  readonly #mode: ProxyMode;

  constructor(mode: ProxyMode) {
    this.#mode = mode;
  }

  next(): void {
    this.#turn = (this.#turn + 1) % TRIES;
    this.#thrown = 0;
  }

  /** iptables asks of one endpoint after another whether it is that; the others ask which it is. */
  throw(limit: number): number {
    if (this.#mode !== 'iptables') return this.#turn % limit;
    this.#thrown += 1;
    return this.#thrown > this.#turn ? 0 : 1;
  }
}

describe('random services, endpoints and changes', () => {
  const seeds = Array.from({ length: 4 }, (_, i) => seededRandom().seed + i);
  const cases = seeds.map((seed, index) => ({ seed, mode: MODES[index % MODES.length] ?? 'nftables' }));

  it.each(cases)(
    'leave what a fresh start makes, and every packet ends where it should ($mode, seed $seed)',
    async ({ seed, mode }) => {
      const random = seededRandom(seed);
      const world = new Map<string, Item>();
      const turns = new Turns(mode);
      const rules = new ProxyRules({ mode, random: limit => turns.throw(limit) });
      await rules.apply();
      for (let step = 0; step < 5; step += 1) {
        for (let i = 0; i <= random.below(3); i += 1) {
          const index = random.below(NAMES.length);
          const name = NAMES[index] ?? 'a';
          const item = random.below(5) === 0 ? undefined : randomItem(random, index, mode);
          const objects = item === undefined ? undefined : objectsOf(name, item);
          rules.set(`default/${name}`, objects?.service, objects?.slices ?? []);
          if (item === undefined) world.delete(name);
          else world.set(name, item);
        }
        expect(await rules.apply()).not.toBe('everything');

        const fresh = new ProxyRules({ mode });
        for (const [name, item] of world) {
          const { service, slices } = objectsOf(name, item);
          fresh.set(`default/${name}`, service, slices);
        }
        await fresh.apply();
        expect(rules.contents()).toEqual(fresh.contents());

        for (const packet of packets(world)) {
          // whom a client stays with was chosen before: it is looked at in a world of its own
          rules.forget();
          const expected = expectedEnds(world, packet, mode);
          const seen = new Set<string>();
          for (let i = 0; i < TRIES; i += 1) {
            turns.next();
            for (const end of rules.ends(packet, 1)) seen.add(end);
            rules.forget();
          }
          expect({ packet, ends: [...seen].sort() }).toEqual({ packet, ends: expected });
        }
      }
    },
  );
});
