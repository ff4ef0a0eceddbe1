import { describe, expect, it } from 'vitest';
import { IptablesRules, MANY_ENDPOINTS } from '../../../../src/proxy/act/iptables-rules.ts';
import { compileService } from '../../../../src/proxy/compile/compiled-service.ts';
import { endpointChain, serviceChain } from '../../../../src/proxy/compile/xtables/chains.ts';
import { removalText } from '../../../../src/proxy/compile/xtables/restore-text.ts';
import { SavedTables } from '../../../../src/proxy/compile/xtables/saved-tables.ts';
import { IptablesTracer } from '../../../harness/iptables-tracer.ts';
import {
  iptablesContents,
  NODE,
  NODE_IPS,
  nodeSettings,
  ProxyRules,
  TracedLoopback,
} from '../../../harness/proxy-rules.ts';
import { type SampleEndpoint, sampleService, sampleSlice } from '../../../harness/proxy-world.ts';

const CONTEXT = { family: 4, node: { name: NODE, zone: '' }, nodeIps: [NODE_IPS[4]] } as const;
const web = (endpoints: readonly SampleEndpoint[], spec: object = {}) =>
  compileService(
    sampleService('web', { clusterIPs: ['10.96.0.10'], ports: [{ port: 80, protocol: 'TCP' }], ...spec }),
    [sampleSlice('web', endpoints)],
    CONTEXT,
    undefined,
  );
const ONE = { ip: '10.244.0.5', node: NODE };
const TWO = { ip: '10.244.1.5' };
const nodePort = { type: 'NodePort', ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }] };

function rulesIn(
  tracer: IptablesTracer,
  node: Parameters<typeof nodeSettings>[1] = {},
  loopback = new TracedLoopback(),
): IptablesRules {
  return new IptablesRules(nodeSettings(4, node), tracer, false, loopback);
}

describe('names of chains', () => {
  // as kube-proxy 1.36 names them
  it.each([
    [serviceChain('SVC', 'default/kubernetes:https', 'tcp'), 'KUBE-SVC-NPX46M4PTMTKRN6Y'],
    [serviceChain('SVC', 'kube-system/kube-dns:dns', 'udp'), 'KUBE-SVC-TCOU7JCQXEZGVUNU'],
    [serviceChain('SVC', 'kube-system/kube-dns:dns-tcp', 'tcp'), 'KUBE-SVC-ERIFXISQEP7F7OF4'],
    [endpointChain('ns1/svc1:p80', 'tcp', '10.180.0.1:80'), 'KUBE-SEP-SXIVWICOYRO3J4NJ'],
  ])('are those that tools look for: %s', (name, expected) => {
    expect(name).toBe(expected);
  });
});

describe('iptables mode', () => {
  it('leaves everybody else’s rules where they are, in a start and when it is taken away', async () => {
    const tracer = new IptablesTracer();
    await tracer.restore([
      '*filter\n:CNI-FORWARD - [0:0]\n-A CNI-FORWARD -s 10.0.0.1/32 -j ACCEPT\n-I FORWARD -j CNI-FORWARD\nCOMMIT\n',
    ]);
    const before = iptablesContents(tracer);
    const rules = rulesIn(tracer, { localhostNodePorts: true });
    rules.update('default/web', web([ONE, TWO], nodePort));
    await rules.apply();
    expect(tracer.rules('filter', 'FORWARD')?.at(-1)).toBe('-j CNI-FORWARD');
    await tracer.restore([removalText(await tracer.save())]);
    expect(iptablesContents(tracer)).toEqual(before);
    expect(removalText(await tracer.save())).toBe('');
  });

  it.each([
    [false, false],
    [true, true],
  ])(
    'opens the route to the loopback behind its guard; open before: %s, without node ports there: %s',
    async (before, after) => {
      const tracer = new IptablesTracer();
      const loopback = new TracedLoopback();
      loopback.value = before;
      const rules = rulesIn(tracer, { localhostNodePorts: true }, loopback);
      expect(loopback.value).toBe(before);
      await rules.apply();
      expect([loopback.value, tracer.rules('filter', 'KUBE-FIREWALL')?.length]).toEqual([true, 1]);
      expect(await rules.apply()).toBe('nothing');
      // another life of it, which is told to leave the loopback alone
      await rulesIn(tracer, { localhostNodePorts: true }, loopback).apply();
      expect((await tracer.save()).hasOpenedLoopback).toBe(!before);
      await rulesIn(tracer, { localhostNodePorts: false }, loopback).apply();
      expect([loopback.value, tracer.rules('filter', 'KUBE-FIREWALL')]).toEqual([after, undefined]);
    },
  );

  it('leaves KUBE-FIREWALL to a kubelet of upstream', async () => {
    const tracer = new IptablesTracer();
    await tracer.restore([
      '*mangle\n:KUBE-KUBELET-CANARY - [0:0]\nCOMMIT\n',
      '*filter\n:KUBE-FIREWALL - [0:0]\n-I INPUT -j KUBE-FIREWALL\nCOMMIT\n',
    ]);
    await rulesIn(tracer).apply();
    await tracer.restore([removalText(await tracer.save())]);
    expect(tracer.chains('filter')).toEqual(['INPUT', 'FORWARD', 'OUTPUT', 'KUBE-FIREWALL']);
  });

  it('empties a chain that somebody else’s rule leads to, and cannot take it away', async () => {
    const tracer = new IptablesTracer();
    await rulesIn(tracer).apply();
    await tracer.restore(['*nat\n-I PREROUTING -s 10.0.0.1/32 -j KUBE-MARK-MASQ\nCOMMIT\n']);
    await tracer.restore([removalText(await tracer.save())]);
    expect(tracer.rules('nat', 'KUBE-MARK-MASQ')).toEqual([]);
    expect(tracer.rules('nat', 'PREROUTING')).toEqual(['-s 10.0.0.1/32 -j KUBE-MARK-MASQ']);
  });

  it('tells its chains from those of another proxy', async () => {
    const foreign = '*nat\n:KUBE-MARK-MASQ - [0:0]\n-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000\nCOMMIT\n';
    expect(SavedTables.of(foreign).isOurs).toBe(false);
    const tracer = new IptablesTracer();
    await rulesIn(tracer).apply();
    expect((await tracer.save()).isOurs).toBe(true);
  });

  it('takes over what another proxy left, and has each way into its chains once', async () => {
    const tracer = new IptablesTracer();
    const rules = rulesIn(tracer);
    rules.update('default/web', web([ONE]));
    await rules.apply();
    const clean = iptablesContents(tracer);
    await tracer.restore([
      '*nat\n:KUBE-SVC-AAAAAAAAAAAAAAAA - [0:0]\n:KUBE-SEP-AAAAAAAAAAAAAAAA - [0:0]\n',
      '-A KUBE-SVC-AAAAAAAAAAAAAAAA -j KUBE-SEP-AAAAAAAAAAAAAAAA\n-A KUBE-SERVICES -j KUBE-SVC-AAAAAAAAAAAAAAAA\n',
      '-I PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES\nCOMMIT\n',
    ]);
    expect(iptablesContents(tracer)).not.toEqual(clean);
    rules.distrust();
    await rules.apply();
    expect(iptablesContents(tracer)).toEqual(clean);
  });

  it.each([0, 1, 2, 3, 4, 5])(
    'killed before its step %i, it begins anew and leaves what a start from nothing does',
    async step => {
      const start = async (tracer: IptablesTracer, endpoints: readonly SampleEndpoint[]): Promise<IptablesRules> => {
        const rules = rulesIn(tracer);
        rules.update('default/web', web(endpoints, nodePort));
        await rules.apply();
        return rules;
      };
      const tracer = new IptablesTracer();
      let left = step;
      tracer.onTable = () => {
        left -= 1;
        if (left < 0) throw new Error('killed');
      };
      // three tables in a start, one in a change of endpoints, two where the last endpoint goes
      const life = async (): Promise<void> => {
        const rules = await start(tracer, [ONE]);
        rules.update('default/web', web([ONE, TWO], nodePort));
        await rules.apply();
        rules.update('default/web', web([], nodePort));
        await rules.apply();
      };
      await expect(life()).rejects.toThrow('killed');
      tracer.onTable = () => {};
      await start(tracer, [TWO]);
      const fresh = new IptablesTracer();
      await start(fresh, [TWO]);
      expect(iptablesContents(tracer)).toEqual(iptablesContents(fresh));
    },
  );

  it('writes no more than what changed, and everything after a failure', async () => {
    const tracer = new IptablesTracer();
    const rules = rulesIn(tracer);
    rules.update('default/web', web([ONE]));
    rules.update('default/other', web([]));
    expect(await rules.apply()).toBe('everything');
    expect(await rules.apply()).toBe('nothing');
    rules.update('default/web', web([ONE]));
    expect(await rules.apply()).toBe('nothing');
    rules.update('default/web', web([ONE, TWO]));
    expect(await rules.apply()).toBe('changes');
    expect(tracer.texts.at(-1)).not.toContain('KUBE-SERVICES');
    tracer.onTable = () => {
      throw new Error('the lock is held');
    };
    rules.update('default/web', web([TWO]));
    await expect(rules.apply()).rejects.toThrow('the lock is held');
    tracer.onTable = () => {};
    expect(await rules.apply()).toBe('everything');
  });

  it('leaves words on endpoints out where they are many, and writes them again where they are few', async () => {
    const tracer = new IptablesTracer();
    const rules = rulesIn(tracer);
    rules.update('default/web', web([ONE]));
    await rules.apply();
    const few = iptablesContents(tracer);
    const many = Array.from({ length: MANY_ENDPOINTS }, (_, i) => ({ ip: `10.244.${i >> 8}.${i & 255}` }));
    rules.update('default/many', web(many, { clusterIPs: ['10.96.0.11'] }));
    await rules.apply();
    expect(tracer.rules('nat', endpointChain('default/web', 'tcp', '10.244.0.5:8080'))).toEqual([
      '-s 10.244.0.5/32 -j KUBE-MARK-MASQ',
      '-p tcp -m tcp -j DNAT --to-destination 10.244.0.5:8080',
    ]);
    rules.update('default/many', { ports: [] });
    await rules.apply();
    expect(iptablesContents(tracer)).toEqual(few);
  });

  it('gives an address and port that two services want to the one whose name comes first', async () => {
    const rules = new ProxyRules({ mode: 'iptables' });
    const service = (name: string, vip: string) =>
      sampleService(name, { clusterIPs: [vip], externalIPs: ['198.51.100.7'], ports: [{ port: 80, protocol: 'TCP' }] });
    rules.set('default/b', service('b', '10.96.0.11'), [sampleSlice('b', [TWO])]);
    rules.set('default/a', service('a', '10.96.0.10'), [sampleSlice('a', [ONE])]);
    await rules.apply();
    const packet = { source: '172.16.9.9', link: 'eth0', destination: '198.51.100.7', port: 80, protocol: 'tcp' };
    expect(rules.ends(packet)).toEqual(['10.244.0.5:8080 masquerade']);
    rules.set('default/a', undefined, []);
    await rules.apply();
    expect(rules.ends(packet)).toEqual(['10.244.1.5:8080 masquerade']);
  });

  it('masquerades what comes from none of several networks of pods', async () => {
    const node = { localPods: { kind: 'cidrs', cidrs: ['10.244.0.0/24', '10.250.0.0/24'] } } as const;
    const rules = new ProxyRules({ mode: 'iptables', node });
    rules.set(
      'default/web',
      sampleService('web', { clusterIPs: ['10.96.0.10'], ports: [{ port: 80, protocol: 'TCP' }] }),
      [sampleSlice('web', [ONE])],
    );
    await rules.apply();
    const from = (source: string) =>
      rules.ends({ source, link: 'eth0', destination: '10.96.0.10', port: 80, protocol: 'tcp' });
    expect(['10.244.0.9', '10.250.0.9', '10.244.1.9'].map(source => from(source))).toEqual([
      ['10.244.0.5:8080'],
      ['10.244.0.5:8080'],
      ['10.244.0.5:8080 masquerade'],
    ]);
  });

  it('answers node ports on 127.0.0.1 where that is asked for, and lets nobody else reach what listens there', async () => {
    const tracer = new IptablesTracer();
    tracer.localIps.add('127.0.0.1').add(NODE_IPS[4]);
    const rules = rulesIn(tracer, { nodePorts: 'everywhere', localhostNodePorts: true });
    rules.update('default/web', web([ONE], nodePort));
    await rules.apply();
    const packet = { source: '127.0.0.1', destination: '127.0.0.1', port: 30080, protocol: 'tcp' };
    expect(tracer.trace(packet)).toMatchObject({ destination: ONE.ip, masquerade: true });
    expect(tracer.trace({ ...packet, source: '10.0.0.9', link: 'eth0', port: 10249 })).toMatchObject({
      verdict: 'drop',
    });
  });

  it('keeps tens of thousands of lines in pieces', async () => {
    const tracer = new IptablesTracer();
    const pieces: number[] = [];
    const runner = {
      save: () => tracer.save(),
      hasCanaries: () => tracer.hasCanaries(),
      restore: async (text: Iterable<string>) => {
        for (const piece of text) pieces.push(piece.length);
      },
    };
    const rules = new IptablesRules(nodeSettings(4), runner, false, new TracedLoopback());
    for (let i = 0; i < 1000; i += 1) rules.update(`default/s${i}`, web([ONE, TWO]));
    await rules.apply();
    expect(Math.max(...pieces)).toBeLessThan(34_000);
    expect(pieces.length).toBeGreaterThan(20);
  });
});
