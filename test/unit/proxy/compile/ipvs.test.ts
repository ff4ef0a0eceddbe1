import { describe, expect, it } from 'vitest';
import { IptablesRules } from '../../../../src/proxy/act/iptables-rules.ts';
import { ipvsSysctls } from '../../../../src/proxy/act/ipvs-mode.ts';
import { compileService } from '../../../../src/proxy/compile/compiled-service.ts';
import { setCommands } from '../../../../src/proxy/compile/ipvs/set-commands.ts';
import { parseSets, setForm, setName } from '../../../../src/proxy/compile/ipvs/sets.ts';
import { changeText, serverChanges } from '../../../../src/proxy/compile/ipvs/virtual-server.ts';
import { removalText } from '../../../../src/proxy/compile/xtables/restore-text.ts';
import { IpvsTracer } from '../../../harness/ipvs-tracer.ts';
import { ipvsContents, ipvsRules, NODE, NODE_IPS, nodeSettings, TracedLoopback } from '../../../harness/proxy-rules.ts';
import { type SampleEndpoint, sampleService, sampleSlice } from '../../../harness/proxy-world.ts';

const CONTEXT = { family: 4, node: { name: NODE, zone: '' }, nodeIps: [NODE_IPS[4]] } as const;
const VIP = '10.96.0.10';
const web = (endpoints: readonly SampleEndpoint[], spec: object = {}) =>
  compileService(
    sampleService('web', {
      type: 'NodePort',
      clusterIPs: [VIP],
      ports: [{ port: 80, protocol: 'TCP', nodePort: 30080 }],
      ...spec,
    }),
    [sampleSlice('web', endpoints)],
    CONTEXT,
    undefined,
  );
const ONE = { ip: '10.244.0.5', node: NODE };
const TWO = { ip: '10.244.1.5' };
const SERVER = { protocol: 'tcp', ip: VIP, port: 80, scheduler: 'rr', persistentSeconds: 0 } as const;

describe('serverChanges', () => {
  const one = { ip: ONE.ip, port: 8080, weight: 1 };
  const two = { ip: TWO.ip, port: 8080, weight: 1 };
  const udp = { ...SERVER, protocol: 'udp' } as const;
  const sticky = { ...SERVER, persistentSeconds: 60 };
  it.each([
    ['nothing', undefined, undefined, []],
    [
      'a new one',
      { server: SERVER, reals: [one] },
      undefined,
      ['-A -t 10.96.0.10:80 -s rr', '-a -t 10.96.0.10:80 -r 10.244.0.5:8080 -m -w 1'],
    ],
    ['one that goes', undefined, { server: SERVER, reals: [{ ...one, connections: 3 }] }, ['-D -t 10.96.0.10:80']],
    ['the same', { server: SERVER, reals: [one] }, { server: SERVER, reals: [{ ...one, connections: 3 }] }, []],
    [
      'session affinity',
      { server: sticky, reals: [] },
      { server: SERVER, reals: [] },
      ['-E -t 10.96.0.10:80 -s rr -p 60'],
    ],
    [
      'an endpoint that goes and has no connections',
      { server: SERVER, reals: [two] },
      {
        server: SERVER,
        reals: [
          { ...one, connections: 0 },
          { ...two, connections: 0 },
        ],
      },
      ['-d -t 10.96.0.10:80 -r 10.244.0.5:8080'],
    ],
    [
      'an endpoint that goes and has connections, which it keeps',
      { server: SERVER, reals: [] },
      { server: SERVER, reals: [{ ...one, connections: 2 }] },
      ['-e -t 10.96.0.10:80 -r 10.244.0.5:8080 -m -w 0'],
    ],
    [
      'one that waits for its connections',
      { server: SERVER, reals: [] },
      { server: SERVER, reals: [{ ...one, weight: 0, connections: 2 }] },
      [],
    ],
    [
      'one whose last connection has ended',
      { server: SERVER, reals: [] },
      { server: SERVER, reals: [{ ...one, weight: 0, connections: 0 }] },
      ['-d -t 10.96.0.10:80 -r 10.244.0.5:8080'],
    ],
    [
      'one that comes back while it waits',
      { server: SERVER, reals: [one] },
      { server: SERVER, reals: [{ ...one, weight: 0, connections: 2 }] },
      ['-e -t 10.96.0.10:80 -r 10.244.0.5:8080 -m -w 1'],
    ],
    [
      'an endpoint of udp that goes, at once',
      { server: udp, reals: [] },
      { server: udp, reals: [{ ...one, connections: 2 }] },
      ['-d -u 10.96.0.10:80 -r 10.244.0.5:8080'],
    ],
  ])('brings %s to what is wanted', (_, wanted, present, expected) => {
    expect(serverChanges(wanted, present).map(changeText)).toEqual(expected);
  });
});

describe('sets', () => {
  it('are named as upstream names them', () => {
    expect(setName('clusterIp', 4)).toBe('KUBE-CLUSTER-IP');
    expect(setName('clusterIp', 6)).toBe('KUBE-6-CLUSTER-IP');
    // the kernel's limit
    expect(setName('loadBalancerSourceCidr', 6)).toBe('KUBE-6-LOAD-BALANCER-SOURCE-CID');
  });

  it('of another form change places with new ones, and keep what the kernel counts by itself', () => {
    const name = setName('clusterIp', 4);
    const saved = (form: string) =>
      parseSets(
        `create ${name} ${form}\nadd ${name} 10.96.0.1,tcp:443\ncreate OTHER hash:ip\nadd OTHER 1.2.3.4\n`,
        new Set([name]),
      );
    const wanted = new Map([['clusterIp', new Set(['10.96.0.1,tcp:443'])]] as const);
    const own = (texts: readonly string[]) => texts.filter(text => text.includes(`${name}`) || text.includes('SWAP'));
    const grown = saved(
      `${setForm('clusterIp', 4).replace('hashsize 1024', 'hashsize 4096')} bucketsize 12 initval 0x1`,
    );
    expect(own(setCommands(wanted, grown, 4).before)).toEqual([]);
    expect(own(setCommands(wanted, saved('hash:ip,port family inet hashsize 1024 maxelem 65536'), 4).before)).toEqual([
      'create KUBE-SWAP hash:ip,port family inet hashsize 1024 maxelem 1048576',
      'add KUBE-SWAP 10.96.0.1,tcp:443',
      'swap KUBE-SWAP KUBE-CLUSTER-IP',
      'destroy KUBE-SWAP',
    ]);
  });
});

describe('the kernel’s settings', () => {
  it.each([
    ['as upstream sets them', false, false, []],
    ['with the one for old kernels', false, true, ['net/ipv4/vs/conn_reuse_mode']],
    ['with those of strict ARP', true, false, ['net/ipv4/conf/all/arp_ignore', 'net/ipv4/conf/all/arp_announce']],
  ])('are %s', (_, strictArp, hasReuseBug, more) => {
    const settings = { scheduler: 'rr', strictArp, excludeCidrs: [], timeouts: { tcp: 0, tcpFin: 0, udp: 0 } };
    const names = ipvsSysctls(settings, hasReuseBug).map(([name]) => name);
    expect(names.toSorted()).toEqual(
      [
        'net/ipv4/vs/conntrack',
        'net/ipv4/vs/expire_nodest_conn',
        'net/ipv4/vs/expire_quiescent_template',
        'net/ipv4/ip_forward',
        ...more,
      ].toSorted(),
    );
  });
});

describe('IPVS mode', () => {
  it('keeps the connections of an endpoint that goes, and deletes it when the last has ended', async () => {
    const tracer = new IpvsTracer();
    const rules = ipvsRules(nodeSettings(4), tracer);
    rules.update('default/web', web([ONE, TWO]));
    await rules.apply();
    tracer.connections.set('tcp 10.96.0.10:80 10.244.0.5:8080', 1);
    rules.update('default/web', web([TWO]));
    await rules.apply();
    const weights = () => tracer.present(SERVER).reals.map(({ ip, weight }) => `${ip} ${weight}`);
    expect(weights()).toEqual(['10.244.0.5 0', '10.244.1.5 1']);
    rules.drain();
    expect(weights()).toEqual(['10.244.0.5 0', '10.244.1.5 1']);
    tracer.connections.clear();
    rules.drain();
    expect(weights()).toEqual(['10.244.1.5 1']);
    expect(rules.isDraining).toBe(false);
  });

  it('knows such endpoints after a start, and serves by them again when they come back', async () => {
    const tracer = new IpvsTracer();
    const start = async (endpoints: readonly SampleEndpoint[]) => {
      const rules = ipvsRules(nodeSettings(4), tracer);
      rules.update('default/web', web(endpoints));
      await rules.apply();
      return rules;
    };
    await start([ONE, TWO]);
    tracer.connections.set('tcp 10.96.0.10:80 10.244.0.5:8080', 1);
    expect((await start([TWO])).isDraining).toBe(true);
    await start([ONE, TWO]);
    expect(tracer.present(SERVER).reals.map(({ weight }) => weight)).toEqual([1, 1]);
  });

  it('leaves servers of others alone, and those in networks that are excluded', async () => {
    const tracer = new IpvsTracer();
    const foreign = { ...SERVER, ip: '172.16.0.1' };
    const excluded = { ...SERVER, ip: '10.99.0.1' };
    for (const server of [foreign, excluded]) tracer.change({ verb: 'add', server });
    const start = async (spec: object) => {
      const rules = ipvsRules(nodeSettings(4), tracer, ['10.99.0.0/16']);
      rules.update('default/web', web([ONE], spec));
      await rules.apply();
    };
    await start({ externalIPs: ['10.99.0.1', '198.51.100.7'] });
    await start({});
    expect(
      tracer
        .servers(4)
        .map(({ ip }) => ip)
        .sort(),
    ).toEqual(['10.96.0.10', '10.99.0.1', '172.16.0.1', NODE_IPS[4]].sort());
  });

  it('writes no more than what changed', async () => {
    const tracer = new IpvsTracer();
    const rules = ipvsRules(nodeSettings(4), tracer);
    rules.update('default/web', web([ONE]));
    expect(await rules.apply()).toBe('everything');
    expect(await rules.apply()).toBe('nothing');
    const before = tracer.texts.length;
    rules.update('default/web', web([ONE, TWO]));
    expect(await rules.apply()).toBe('changes');
    expect(tracer.texts.slice(before)).toEqual([
      '-a -t 10.96.0.10:80 -r 10.244.1.5:8080 -m -w 1\n',
      '-a -t 192.168.0.2:30080 -r 10.244.1.5:8080 -m -w 1\n',
    ]);
  });

  it('killed before any of its steps, it begins anew and leaves what a start from nothing does', async () => {
    const start = async (tracer: IpvsTracer, endpoints: readonly SampleEndpoint[], spec: object = {}) => {
      const rules = ipvsRules(nodeSettings(4), tracer);
      rules.update('default/web', web(endpoints, spec));
      await rules.apply();
      return rules;
    };
    const life = async (tracer: IpvsTracer): Promise<void> => {
      const rules = await start(tracer, [ONE], { externalIPs: ['198.51.100.7'] });
      rules.update('default/web', web([ONE, TWO], { clusterIPs: ['10.96.0.11'] }));
      await rules.apply();
      rules.update('default/web', web([], { clusterIPs: ['10.96.0.12'], internalTrafficPolicy: 'Local' }));
      await rules.apply();
    };
    let steps = 0;
    const counted = new IpvsTracer();
    counted.onStep = () => {
      steps += 1;
    };
    await life(counted);
    const fresh = new IpvsTracer();
    await start(fresh, [TWO]);
    expect(steps).toBeGreaterThan(40);
    const wanted = JSON.stringify(ipvsContents(fresh));
    for (let last = 0; last < steps; last += 1) {
      const tracer = new IpvsTracer();
      let left = last;
      tracer.onStep = () => {
        left -= 1;
        if (left < 0) throw new Error('killed');
      };
      await expect(life(tracer)).rejects.toThrow('killed');
      tracer.onStep = () => {};
      await start(tracer, [TWO]);
      expect({ last, is: JSON.stringify(ipvsContents(tracer)) }).toEqual({ last, is: wanted });
    }
  });

  it.each([
    ['closed', false],
    ['open', true],
  ])(
    'after iptables mode closes the route to the loopback before its guard goes, where it was %s',
    async (_, before) => {
      const settings = nodeSettings(4, { localhostNodePorts: true });
      const loopback = new TracedLoopback();
      const isGuarded = (tracer: IpvsTracer): boolean =>
        (tracer.iptables.rules('filter', 'KUBE-FIREWALL') ?? []).length > 0;
      const afterIptables = async (): Promise<IpvsTracer> => {
        const tracer = new IpvsTracer();
        loopback.value = before;
        await new IptablesRules(settings, tracer.iptables, false, loopback).apply();
        expect([loopback.value, isGuarded(tracer)]).toEqual([true, true]);
        return tracer;
      };
      const start = async (tracer: IpvsTracer): Promise<void> => {
        const rules = ipvsRules(settings, tracer, [], loopback);
        rules.update('default/web', web([ONE]));
        await rules.apply();
      };
      const whole = await afterIptables();
      let steps = 0;
      whole.onStep = () => {
        steps += 1;
      };
      await start(whole);
      expect(steps).toBeGreaterThan(5);
      expect([loopback.value, isGuarded(whole)]).toEqual([before, false]);
      // killed before any of its steps it leaves no opening either, and the next life ends where this one did
      for (let last = 0; last < steps; last += 1) {
        const tracer = await afterIptables();
        let left = last;
        tracer.onStep = () => {
          left -= 1;
          if (left < 0) throw new Error('killed');
        };
        await expect(start(tracer)).rejects.toThrow('killed');
        expect({ last, open: loopback.value && !isGuarded(tracer) }).toEqual({
          last,
          open: before && !isGuarded(tracer),
        });
        tracer.onStep = () => {};
        await start(tracer);
        expect({ last, is: [loopback.value, isGuarded(tracer)] }).toEqual({ last, is: [before, false] });
      }
    },
  );

  it('says whose all of it is before there is anything, and after all but that has gone', async () => {
    const tracer = new IpvsTracer();
    const marks: boolean[] = [];
    const rules = ipvsRules(nodeSettings(4), tracer);
    rules.update('default/web', web([ONE]));
    const runSets = tracer.runSets.bind(tracer);
    tracer.runSets = async text => {
      marks.push((await tracer.iptables.save()).isOurs);
      await runSets(text);
    };
    await rules.apply();
    expect(marks).toEqual([true]);
    await tracer.iptables.restore([removalText(await tracer.iptables.save(), 'but-the-mark')]);
    expect(tracer.iptables.saved()).not.toContain('match-set');
    expect((await tracer.iptables.save()).isOurs).toBe(true);
    await tracer.iptables.restore([removalText(await tracer.iptables.save())]);
    expect(tracer.iptables.saved()).not.toContain('KUBE');
  });
});
