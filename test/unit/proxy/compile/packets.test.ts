import { describe, expect, it } from 'vitest';
import type { ProxyMode } from '../../../../src/proxy/settings.ts';
import { NODE, NODE_IPS, ProxyRules, type ProxyRulesOptions } from '../../../harness/proxy-rules.ts';
import { type SampleEndpoint, sampleService, sampleSlice } from '../../../harness/proxy-world.ts';
import { seededRandom } from '../../../harness/random.ts';
import type { TracedPacket } from '../../../harness/traced.ts';

const VIP = '10.96.0.10';
const NODE_IP = NODE_IPS[4];
const LOCAL = { ip: '10.244.0.5', node: NODE };
const REMOTE = { ip: '10.244.1.5', node: 'node-b' };

const FROM = {
  pod: { source: '10.244.0.9', link: 'veth9' },
  itself: { source: LOCAL.ip, link: 'veth5' },
  outside: { source: '172.16.9.9', link: 'eth0' },
  host: { source: NODE_IP },
};

interface Case {
  readonly spec?: object;
  readonly endpoints?: readonly SampleEndpoint[];
  readonly ingress?: readonly object[];
  readonly options?: ProxyRulesOptions;
  readonly from: keyof typeof FROM;
  readonly to: string;
  readonly port?: number;
  readonly protocol?: string;
  readonly ends: readonly string[];
  /** Where a mode ends otherwise, as upstream's does. */
  readonly but?: Partial<Record<ProxyMode, readonly string[]>>;
}

const MODES: readonly ProxyMode[] = ['nftables', 'iptables', 'ipvs'];

async function endsOf(
  mode: ProxyMode,
  { spec = {}, endpoints = [LOCAL, REMOTE], ingress = [], options = {}, ...packet }: Case,
) {
  const random = seededRandom(3);
  const node = { serviceCidrs: ['10.96.0.0/16'], ...options.node };
  const rules = new ProxyRules({ mode, random: limit => random.below(limit), ...options, node });
  const service = sampleService(
    'web',
    { clusterIP: VIP, clusterIPs: [VIP], ports: [{ port: 80, protocol: 'TCP' }], ...spec },
    ingress,
  );
  rules.set('default/web', service, [sampleSlice('web', endpoints)]);
  await rules.apply();
  const traced: TracedPacket = {
    ...FROM[packet.from],
    destination: packet.to,
    port: packet.port ?? 80,
    protocol: packet.protocol ?? 'tcp',
  };
  // both of two endpoints are met, but for one time in a million
  return rules.ends(traced, 20);
}

const nodePort = { type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] };
const loadBalancer = { type: 'LoadBalancer', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] };
const local = { externalTrafficPolicy: 'Local' };
const LB = '203.0.113.1';
const BOTH = ['10.244.0.5:8080', '10.244.1.5:8080'];
const BOTH_MASQUERADED = BOTH.map(end => `${end} masquerade`);

describe('a cluster IP', () => {
  it.each<[string, Case]>([
    ['leads a pod to every endpoint, and keeps its address', { from: 'pod', to: VIP, ends: BOTH }],
    [
      'leads a program of the machine there, with an address that answers find',
      { from: 'host', to: VIP, ends: BOTH_MASQUERADED },
    ],
    ['leads others there with the address of this node', { from: 'outside', to: VIP, ends: BOTH_MASQUERADED }],
    [
      'leads a pod to itself with the address of this node',
      { endpoints: [LOCAL], from: 'itself', to: VIP, ends: ['10.244.0.5:8080 masquerade'] },
    ],
    ['refuses another port', { from: 'pod', to: VIP, port: 81, ends: ['reject'], but: { iptables: ['pass'] } }],
    [
      'refuses another protocol',
      { from: 'pod', to: VIP, protocol: 'udp', ends: ['reject'], but: { iptables: ['pass'] } },
    ],
    [
      'that nobody has is dropped',
      { from: 'pod', to: '10.96.9.9', ends: ['drop'], but: { iptables: ['pass'], ipvs: ['pass'] } },
    ],
    ['refuses where nobody serves', { endpoints: [], from: 'pod', to: VIP, ends: ['reject'] }],
    ['refuses a program of the machine too', { endpoints: [], from: 'host', to: VIP, ends: ['reject'] }],
    [
      'leads to none that is not ready',
      { endpoints: [{ ...LOCAL, state: 'not-ready' }, REMOTE], from: 'pod', to: VIP, ends: ['10.244.1.5:8080'] },
    ],
    [
      'leads to those that end where none is ready',
      {
        endpoints: [
          { ...LOCAL, state: 'ending' },
          { ...REMOTE, state: 'ended' },
        ],
        from: 'pod',
        to: VIP,
        ends: ['10.244.0.5:8080'],
      },
    ],
    [
      'leads to none that ends where one is ready',
      { endpoints: [{ ...LOCAL, state: 'ending' }, REMOTE], from: 'pod', to: VIP, ends: ['10.244.1.5:8080'] },
    ],
    [
      'of policy Local leads to this node alone',
      { spec: { internalTrafficPolicy: 'Local' }, from: 'pod', to: VIP, ends: ['10.244.0.5:8080'] },
    ],
    [
      'of policy Local drops where there are only others',
      {
        spec: { internalTrafficPolicy: 'Local' },
        endpoints: [REMOTE],
        from: 'pod',
        to: VIP,
        ends: ['drop'],
        but: { ipvs: ['reject'] },
      },
    ],
    [
      'of policy Local refuses where there is nobody',
      { spec: { internalTrafficPolicy: 'Local' }, endpoints: [], from: 'pod', to: VIP, ends: ['reject'] },
    ],
    [
      'masquerades everything where that is asked for',
      { options: { node: { masqueradeAll: true } }, from: 'pod', to: VIP, ends: BOTH_MASQUERADED },
    ],
    [
      'masquerades nothing where nobody knows who is a pod',
      {
        options: { node: { localPods: undefined } },
        from: 'outside',
        to: VIP,
        ends: BOTH,
      },
    ],
    [
      'tells pods by their links',
      {
        options: { node: { localPods: { kind: 'link', name: 'veth*' } } },
        from: 'pod',
        to: VIP,
        ends: BOTH,
      },
    ],
    [
      'follows hints for this node',
      {
        endpoints: [
          { ...LOCAL, nodes: [NODE] },
          { ...REMOTE, nodes: ['node-b'] },
        ],
        from: 'pod',
        to: VIP,
        ends: ['10.244.0.5:8080'],
      },
    ],
    [
      'follows hints for this zone',
      {
        options: { zone: 'z1' },
        endpoints: [
          { ...LOCAL, zones: ['z2'] },
          { ...REMOTE, zones: ['z1'] },
        ],
        from: 'pod',
        to: VIP,
        ends: ['10.244.1.5:8080'],
      },
    ],
    [
      'does not follow hints that one lacks',
      { options: { zone: 'z1' }, endpoints: [LOCAL, { ...REMOTE, zones: ['z1'] }], from: 'pod', to: VIP, ends: BOTH },
    ],
    [
      'does not follow hints that name no endpoint here',
      {
        options: { zone: 'z9' },
        endpoints: [
          { ...LOCAL, zones: ['z2'] },
          { ...REMOTE, zones: ['z1'] },
        ],
        from: 'pod',
        to: VIP,
        ends: BOTH,
      },
    ],
  ])('%s', async (_, given) => {
    for (const mode of MODES)
      expect({ mode, ends: await endsOf(mode, given) }).toEqual({ mode, ends: given.but?.[mode] ?? given.ends });
  });
});

describe('a node port', () => {
  it.each<[string, Case]>([
    [
      'leads others to every endpoint with the address of this node',
      { spec: nodePort, from: 'outside', to: NODE_IP, port: 30080, ends: BOTH_MASQUERADED },
    ],
    ['leads pods there alike', { spec: nodePort, from: 'pod', to: NODE_IP, port: 30080, ends: BOTH_MASQUERADED }],
    [
      'leads the machine itself there',
      { spec: nodePort, from: 'host', to: NODE_IP, port: 30080, ends: BOTH_MASQUERADED },
    ],
    ['is none of other addresses', { spec: nodePort, from: 'outside', to: '192.168.0.3', port: 30080, ends: ['pass'] }],
    [
      'is on no loopback address, even where it is everywhere',
      {
        spec: nodePort,
        options: { node: { nodePorts: 'everywhere' } },
        from: 'host',
        to: '127.0.0.1',
        port: 30080,
        ends: ['pass'],
      },
    ],
    [
      'is on every address of the machine where that is asked for',
      {
        spec: nodePort,
        options: { node: { nodePorts: 'everywhere' } },
        from: 'outside',
        to: NODE_IP,
        port: 30080,
        ends: BOTH_MASQUERADED,
      },
    ],
    [
      'refuses where nobody serves',
      { spec: nodePort, endpoints: [], from: 'outside', to: NODE_IP, port: 30080, ends: ['reject'] },
    ],
    [
      'of policy Local leads others to this node and keeps their address',
      { spec: { ...nodePort, ...local }, from: 'outside', to: NODE_IP, port: 30080, ends: ['10.244.0.5:8080'] },
    ],
    [
      'of policy Local drops where there are only others',
      {
        spec: { ...nodePort, ...local },
        endpoints: [REMOTE],
        from: 'outside',
        to: NODE_IP,
        port: 30080,
        ends: ['drop'],
      },
    ],
    [
      'of policy Local leads pods to every endpoint',
      {
        spec: { ...nodePort, ...local },
        endpoints: [REMOTE],
        from: 'pod',
        to: NODE_IP,
        port: 30080,
        ends: ['10.244.1.5:8080'],
      },
    ],
    [
      'of policy Local leads the machine to every endpoint',
      {
        spec: { ...nodePort, ...local },
        endpoints: [REMOTE],
        from: 'host',
        to: NODE_IP,
        port: 30080,
        ends: ['10.244.1.5:8080 masquerade'],
      },
    ],
    [
      'of policy Local leads to those that end where none of this node is ready',
      {
        spec: { ...nodePort, ...local },
        endpoints: [{ ...LOCAL, state: 'ending' }, REMOTE],
        from: 'outside',
        to: NODE_IP,
        port: 30080,
        ends: ['10.244.0.5:8080'],
      },
    ],
  ])('%s', async (_, given) => {
    for (const mode of MODES)
      expect({ mode, ends: await endsOf(mode, given) }).toEqual({ mode, ends: given.but?.[mode] ?? given.ends });
  });
});

describe('an external address', () => {
  const external = { externalIPs: ['198.51.100.7'] };
  const ingress = [{ ip: LB, ipMode: 'VIP' }];
  it.each<[string, Case]>([
    ['leads others to every endpoint', { spec: external, from: 'outside', to: '198.51.100.7', ends: BOTH_MASQUERADED }],
    [
      'refuses where nobody serves',
      { spec: external, endpoints: [], from: 'outside', to: '198.51.100.7', ends: ['reject'] },
    ],
    [
      'leaves other ports alone',
      { spec: external, from: 'outside', to: '198.51.100.7', port: 22, ends: ['pass'], but: { ipvs: ['reject'] } },
    ],
    ['of a load balancer does too', { spec: loadBalancer, ingress, from: 'outside', to: LB, ends: BOTH_MASQUERADED }],
    [
      'of a load balancer that is a proxy is its own affair',
      { spec: loadBalancer, ingress: [{ ip: LB, ipMode: 'Proxy' }], from: 'outside', to: LB, ends: ['pass'] },
    ],
    [
      'of a load balancer keeps addresses with policy Local',
      { spec: { ...loadBalancer, ...local }, ingress, from: 'outside', to: LB, ends: ['10.244.0.5:8080'] },
    ],
    [
      'drops who is in no source range',
      {
        spec: { ...loadBalancer, loadBalancerSourceRanges: ['10.0.0.0/8', '10.1.0.0/16'] },
        ingress,
        from: 'outside',
        to: LB,
        ends: ['drop'],
      },
    ],
    [
      'lets in who is in a source range',
      {
        spec: { ...loadBalancer, loadBalancerSourceRanges: ['10.0.0.0/8', ' 172.16.0.0/12'] },
        ingress,
        from: 'outside',
        to: LB,
        ends: BOTH_MASQUERADED,
      },
    ],
    [
      'lets everybody in where the range is everything',
      {
        spec: { ...loadBalancer, loadBalancerSourceRanges: ['0.0.0.0/0', '10.0.0.0/8'] },
        ingress,
        from: 'outside',
        to: LB,
        ends: BOTH_MASQUERADED,
      },
    ],
    [
      'has no source range on node ports',
      {
        spec: { ...loadBalancer, loadBalancerSourceRanges: ['10.0.0.0/8'] },
        ingress,
        from: 'outside',
        to: NODE_IP,
        port: 30080,
        ends: BOTH_MASQUERADED,
      },
    ],
  ])('%s', async (_, given) => {
    for (const mode of MODES)
      expect({ mode, ends: await endsOf(mode, given) }).toEqual({ mode, ends: given.but?.[mode] ?? given.ends });
  });
});

describe('a node port of policy Local in IPVS mode, where a server has one list of endpoints for all', () => {
  const spec = { ...nodePort, ...local };
  it.each<[string, Case]>([
    ['leads pods to those of this node', { spec, from: 'pod', to: NODE_IP, port: 30080, ends: ['10.244.0.5:8080'] }],
    [
      'leads the machine to those of this node',
      { spec, from: 'host', to: NODE_IP, port: 30080, ends: ['10.244.0.5:8080 masquerade'] },
    ],
  ])('%s', async (_, given) => {
    expect(await endsOf('ipvs', given)).toEqual(given.ends);
  });
});

describe('session affinity', () => {
  const sticky = { sessionAffinity: 'ClientIP', sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } } };
  const packet = { ...FROM.pod, destination: VIP, port: 80, protocol: 'tcp' };
  const given = async (mode: ProxyMode, endpoints: readonly SampleEndpoint[]) => {
    const random = seededRandom(11);
    const rules = new ProxyRules({ mode, random: limit => random.below(limit) });
    const service = sampleService('web', { clusterIP: VIP, ports: [{ port: 80, protocol: 'TCP' }], ...sticky });
    const set = async (wanted: readonly SampleEndpoint[]): Promise<void> => {
      rules.set('default/web', service, [sampleSlice('web', wanted)]);
      await rules.apply();
    };
    await set(endpoints);
    return { rules, set };
  };
  const MANY = Array.from({ length: 8 }, (_, i) => ({ ip: `10.244.1.${i + 1}` }));

  it.each(MODES)('keeps a client with its endpoint, and spreads clients (%s)', async mode => {
    const { rules } = await given(mode, MANY);
    expect(rules.ends(packet, 20)).toHaveLength(1);
    const clients = Array.from({ length: 40 }, (_, i) => rules.ends({ ...packet, source: `10.244.0.${i + 20}` }, 4));
    expect(new Set(clients.flat()).size).toBe(8);
  });

  it.each(MODES)('keeps it there when others come and go (%s)', async mode => {
    const { rules, set } = await given(mode, MANY);
    const [its = ''] = rules.ends(packet);
    const ip = its.split(':')[0] ?? '';
    await set([{ ip: '10.244.1.200' }, { ip }, ...MANY.slice(0, 2).filter(each => each.ip !== ip)]);
    expect(rules.ends(packet)).toEqual([its]);
  });

  it.each(MODES)('chooses anew when its endpoint is gone, and stays there (%s)', async mode => {
    const { rules, set } = await given(mode, MANY);
    const [its = ''] = rules.ends(packet);
    await set(MANY.filter(({ ip }) => !its.startsWith(`${ip}:`)));
    const [next] = rules.ends(packet);
    expect(next).not.toBe(its);
    await set(MANY);
    expect(rules.ends(packet)).toEqual([next]);
  });

  it.each(MODES)('outlives a start of the proxy (%s)', async mode => {
    const { rules } = await given(mode, MANY);
    const [its] = rules.ends(packet);
    rules.distrust();
    expect(await rules.apply()).toBe('everything');
    expect(rules.ends(packet)).toEqual([its]);
  });
});

describe('IPv6', () => {
  it.each(MODES)('is served alike (%s)', async mode => {
    const rules = new ProxyRules({ mode, family: 6 });
    const vip = 'fd00:96::a';
    const spec = { type: 'NodePort', clusterIP: vip, ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] };
    rules.set('default/web', sampleService('web', spec), [sampleSlice('web', [{ ip: 'fd00:244::5', node: NODE }])]);
    await rules.apply();
    const packet = { source: 'fd00:244::9', link: 'veth9', protocol: 'tcp' };
    expect(rules.ends({ ...packet, destination: vip, port: 80 })).toEqual(['[fd00:244::5]:8080']);
    expect(rules.ends({ ...packet, destination: NODE_IPS[6], port: 30080 })).toEqual(['[fd00:244::5]:8080 masquerade']);
  });

  it.each(MODES)('keeps clients with their endpoints alike (%s)', async mode => {
    const random = seededRandom(5);
    const rules = new ProxyRules({ mode, family: 6, random: limit => random.below(limit) });
    const spec = { clusterIP: 'fd00:96::a', ports: [{ port: 80, protocol: 'TCP' }], sessionAffinity: 'ClientIP' };
    const many = Array.from({ length: 5 }, (_, i) => ({ ip: `fd00:244::${i + 1}` }));
    rules.set('default/web', sampleService('web', spec), [sampleSlice('web', many)]);
    await rules.apply();
    const packet = { link: 'veth9', protocol: 'tcp', destination: 'fd00:96::a', port: 80 };
    const seen = Array.from({ length: 20 }, (_, i) => rules.ends({ ...packet, source: `fd00:244::1:${i}` }, 8));
    expect(seen.every(ends => ends.length === 1)).toBe(true);
    expect(new Set(seen.flat()).size).toBe(5);
  });
});
