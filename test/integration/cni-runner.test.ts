import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPodNetwork } from '../../src/cri/network/pod-network.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { listLinks } from '../../src/linux/netlink/links.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { removeNetns } from '../../src/linux/netns.ts';
import { attachmentOf, type CniNetwork, openCniNetwork } from '../harness/cni-network.ts';
import { FakeClock } from '../harness/fake-clock.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { buildCniChild, DIED, ENDED, runCniChild } from '../harness/run-cni-child.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

let machine: PrivateNetns;
let links: NetlinkSocket;
let child: string;
const opened: CniNetwork[] = [];

beforeAll(async () => {
  machine = PrivateNetns.enter();
  links = NetlinkSocket.open();
  child = await buildCniChild();
});

afterAll(async () => {
  for (const network of opened) await network.dispose();
  links.close();
  machine.leave();
});

interface Call {
  readonly command: string;
  readonly type: string;
  readonly netns: string;
  readonly config: Record<string, unknown>;
}

/** A plugin that writes down each call, and waits, fails or dies as files beside it say. */
class Recorder {
  readonly directory = runDirectory('recorder');

  constructor() {
    mkdirSync(this.directory, { recursive: true });
  }

  /** To be written as an executable of any name. */
  get script(): string {
    const result = '{"cniVersion":"1.0.0","ips":[{"address":"10.33.0.9/24"}]}';
    return `#!/bin/sh
config=$(cat)
printf '%s\\t%s\\t%s\\t%s\\n' "$CNI_COMMAND" "\${0##*/}" "$CNI_NETNS" "$config" >> ${this.directory}/calls
while [ -e ${this.directory}/wait-$CNI_COMMAND ]; do sleep 0.02; done
echo "$CNI_COMMAND done" >> ${this.directory}/done
if [ -e ${this.directory}/$CNI_COMMAND ]; then . ${this.directory}/$CNI_COMMAND; fi
[ "$CNI_COMMAND" != ADD ] || echo '${result}'
`;
  }

  /** The same for a plugin that follows others in a list: it hands their result on. */
  get chained(): string {
    const previous = `printf %s "$config" | grep -o '"prevResult":.*[}]' | sed 's/"prevResult"://; s/[}]$//'`;
    return this.script.replace(/echo '.*'\n$/, () => `${previous}\n`);
  }

  /** Shell commands that the plugin runs for a verb from now on; undefined takes them away. */
  on(verb: string, commands: string | undefined): void {
    if (commands === undefined) rmSync(`${this.directory}/${verb}`);
    else writeFileSync(`${this.directory}/${verb}`, commands);
  }

  calls(): Call[] {
    if (!existsSync(`${this.directory}/calls`)) return [];
    const lines = readFileSync(`${this.directory}/calls`, 'utf8').trimEnd().split('\n');
    return lines.map(line => {
      const [command = '', type = '', netns = '', config = '{}'] = line.split('\t');
      return { command, type, netns, config: JSON.parse(config) as Record<string, unknown> };
    });
  }

  commands(): string[] {
    return this.calls().map(({ command, type }) => `${command} ${type}`);
  }

  forget(): void {
    rmSync(`${this.directory}/calls`, { force: true });
  }
}

const REFUSES = (code: number, message: string): string =>
  `echo '{"cniVersion":"1.1.0","code":${code},"msg":"${message}"}'; exit 1`;

function open(types: readonly string[], version = '1.1.0', more: Parameters<typeof openCniNetwork>[2] = {}) {
  const recorder = new Recorder();
  const network = openCniNetwork(
    types.map(type => ({ type })),
    version,
    more,
  );
  for (const type of types) network.writePlugin(type, recorder.script);
  opened.push(network);
  return { ...network, recorder };
}

describe('STATUS of the plugins', () => {
  it('keeps the network from being ready until all have answered, while one refuses, and not a moment longer than ten seconds', async () => {
    const clock = new FakeClock();
    const recorder = new Recorder();
    recorder.on('STATUS', REFUSES(50, 'no controller'));
    const { network, writePlugin, config } = openOn(clock);
    expect(network.readiness()).toMatchObject({ ready: false, message: /plugins of network pods are being asked/ });
    await waitFor('the missing program to be told', () => messageOf(network).includes('no executable plugin "status"'));
    writePlugin('status', recorder.script);
    await clock.advance(10_000);
    await waitFor('the refusal', () => messageOf(network).includes('no controller'));
    expect(network.readiness()).toEqual({
      ready: false,
      reason: 'NetworkPluginNotReady',
      message: `${config.confDir}/10-pods.conflist: CNI plugin status of network pods failed STATUS: no controller (code 50)`,
    });
    recorder.on('STATUS', undefined);
    await clock.advance(10_000);
    await waitFor('the network to be ready', () => network.readiness().ready);
    recorder.forget();
    await clock.advance(3_599_000);
    expect(recorder.commands()).toEqual([]);
    await clock.advance(1000);
    await waitFor('the question of the next hour', () => recorder.commands().length === 1);
    expect(recorder.calls()[0]?.config).toEqual({ type: 'status', name: 'pods', cniVersion: '1.1.0' });
  });

  it('keeps its last answer while the plugins of a changed list are asked', async () => {
    const { network, recorder, config } = open(['answers']);
    const change = async (comment: string): Promise<void> => {
      recorder.forget();
      const list = { cniVersion: '1.1.0', name: 'pods', comment, plugins: [{ type: 'answers' }] };
      writeFileSync(`${config.confDir}/10-pods.conflist`, JSON.stringify(list));
      await waitFor('the question', () => recorder.commands().length === 1);
    };
    const wait = `${recorder.directory}/wait-STATUS`;
    await waitFor('the network to be ready', () => network.readiness().ready);
    writeFileSync(wait, '');
    await change('second');
    expect(network.readiness()).toEqual({ ready: true });
    recorder.on('STATUS', REFUSES(50, 'no controller'));
    rmSync(wait);
    await waitFor('the refusal', () => messageOf(network).includes('no controller'));
    writeFileSync(wait, '');
    recorder.on('STATUS', undefined);
    await change('third');
    expect(messageOf(network)).toContain('no controller');
    rmSync(wait);
    await waitFor('the network to be ready', () => network.readiness().ready);
  });

  const messageOf = (network: CniNetwork['network']): string =>
    JSON.stringify(network.readiness()).replaceAll('\\"', '"');
  function openOn(clock: FakeClock): CniNetwork {
    const network = openCniNetwork([{ type: 'status' }], '1.1.0', { clock });
    opened.push(network);
    return network;
  }

  it('is not asked of a list of an older version', async () => {
    const { network, recorder } = open(['old'], '1.0.0');
    expect(network.readiness()).toEqual({ ready: true });
    await network.prune(() => new Set());
    expect(recorder.commands()).toEqual([]);
  });
});

describe('GC', () => {
  it('follows DEL of what is cached of others, names the attachments that stay, and goes on after a plugin that fails', async () => {
    const { network, recorder, cached } = open(['first', 'second']);
    const [kept, lost] = [attachmentOf(machine.create('kept')), attachmentOf(machine.create('lost'))];
    await network.add(kept);
    await network.add(lost);
    recorder.forget();
    recorder.on('GC', REFUSES(11, 'busy'));
    await network.prune(() => new Set([kept.sandboxId]));
    expect(recorder.commands().filter(call => !call.startsWith('STATUS'))).toEqual([
      'DEL second',
      'DEL first',
      'GC first',
      'GC second',
    ]);
    const valid = [{ containerID: kept.sandboxId, ifname: 'eth0' }];
    expect(recorder.calls().at(-1)?.config).toEqual({
      type: 'second',
      name: 'pods',
      cniVersion: '1.1.0',
      'cni.dev/valid-attachments': valid,
      'cni.dev/attachments': valid,
    });
    expect(cached()).toEqual([`pods-${kept.sandboxId}-eth0`]);
  });

  it('is not asked for where the list says disableGC, or is of an older version', async () => {
    for (const { network, recorder } of [
      open(['plugin'], '1.1.0', { list: { disableGC: true } }),
      open(['plugin'], '1.0.0'),
    ]) {
      await network.prune(() => new Set());
      expect(recorder.commands().filter(call => call.startsWith('GC'))).toEqual([]);
    }
  });

  it('runs while nothing else does: it waits for an ADD, asks then who is attached, and the next ADD waits for it', async () => {
    const { network, recorder } = open(['plugin']);
    const [a, b] = [attachmentOf(machine.create('gc-a')), attachmentOf(machine.create('gc-b'))];
    const waiting = (verb: string): string => `${recorder.directory}/wait-${verb}`;
    writeFileSync(waiting('ADD'), '');
    writeFileSync(waiting('GC'), '');
    const first = network.add(a);
    await waitFor('ADD to be under way', () => recorder.commands().includes('ADD plugin'));
    const asked: string[] = [];
    const collected = network.prune(() => {
      asked.push(...recorder.commands());
      return new Set([a.sandboxId]);
    });
    rmSync(waiting('ADD'));
    await first;
    await waitFor('GC to be under way', () => recorder.commands().includes('GC plugin'));
    expect(asked).toContain('ADD plugin');
    const second = network.add(b);
    // Two turns of the loop are enough for a plugin to be started, were it not held up.
    await new Promise(resolve => setImmediate(() => setImmediate(resolve)));
    rmSync(waiting('GC'));
    await Promise.all([collected, second]);
    const order = readFileSync(`${recorder.directory}/done`, 'utf8').trim().split('\n');
    expect(order.filter(line => !line.startsWith('STATUS'))).toEqual(['ADD done', 'GC done', 'ADD done']);
  });
});

describe('a plugin that does not answer to what nobody has asked for', () => {
  const clock = new FakeClock();

  function openWith(types: readonly string[]): CniNetwork & { recorder: Recorder } {
    const recorder = new Recorder();
    const network = openCniNetwork(
      types.map(type => ({ type })),
      '1.1.0',
      { clock },
    );
    for (const type of types) network.writePlugin(type, recorder.script);
    opened.push(network);
    return { ...network, recorder };
  }
  const hang = (recorder: Recorder, verb: string): void =>
    writeFileSync(`${recorder.directory}/${verb}`, 'case $0 in */hung) exec sleep 600;; esac');
  const called = (recorder: Recorder, call: string, times = 1): Promise<boolean> =>
    waitFor(call, () => recorder.commands().filter(made => made === call).length === times);

  it('holds up only the sandbox whose DEL it is, for ten seconds, and is asked again by the next round', async () => {
    const { network, recorder, cached } = openWith(['hung']);
    const [stale, other] = [attachmentOf(machine.create('hung-a')), attachmentOf(machine.create('hung-b'))];
    await network.add(stale);
    hang(recorder, 'DEL');
    const round = network.prune(() => new Set([other.sandboxId]));
    await called(recorder, 'DEL hung');
    expect(await network.add(other)).toEqual(['10.33.0.9']);
    await clock.advance(10_000);
    await round;
    expect(cached().sort()).toEqual([stale, other].map(a => `pods-${a.sandboxId}-eth0`).sort());
    recorder.on('DEL', undefined);
    await network.prune(() => new Set([other.sandboxId]));
    expect(cached()).toEqual([`pods-${other.sandboxId}-eth0`]);
  });

  it('lets a caller remove the sandbox meanwhile: DEL is run in its turn, and no third time', async () => {
    const { network, recorder, cached } = openWith(['hung']);
    const stale = attachmentOf(machine.create('hung-c'));
    await network.add(stale);
    hang(recorder, 'DEL');
    const round = network.prune(() => new Set());
    await called(recorder, 'DEL hung');
    const removed = network.remove(stale);
    recorder.on('DEL', undefined);
    await clock.advance(10_000);
    await Promise.all([removed, round]);
    await network.prune(() => new Set());
    expect(recorder.commands().filter(call => call.startsWith('DEL'))).toEqual(['DEL hung', 'DEL hung']);
    expect(cached()).toEqual([]);
  });

  it('holds up every pod for ten seconds at most with GC, and is asked again by the next round', async () => {
    const { network, recorder } = openWith(['hung', 'second']);
    const pod = attachmentOf(machine.create('hung-d'));
    hang(recorder, 'GC');
    const round = network.prune(() => new Set());
    await called(recorder, 'GC hung');
    const added = network.add(pod);
    await clock.advance(9_999);
    expect(recorder.commands()).not.toContain('ADD hung');
    await clock.advance(1);
    await Promise.all([round, added]);
    recorder.on('GC', undefined);
    await network.prune(() => new Set([pod.sandboxId]));
    expect(recorder.commands().filter(call => call.startsWith('GC'))).toEqual(['GC hung', 'GC hung', 'GC second']);
  });

  it.each(['DEL', 'GC'] as const)(
    'is left at once during %s when the program ends, and nothing is lost',
    async verb => {
      const { network, recorder, cached } = openWith(['hung']);
      const stale = attachmentOf(machine.create(`hung-end-${verb}`));
      await network.add(stale);
      hang(recorder, verb);
      const ending = new AbortController();
      const round = network.prune(() => new Set(), ending.signal);
      await called(recorder, `${verb} hung`);
      ending.abort(new Error('the end'));
      await expect(round).rejects.toThrow('the end');
      await network.close();
      expect(cached()).toEqual(verb === 'DEL' ? [`pods-${stale.sandboxId}-eth0`] : []);
    },
  );
});

describe('DEL', () => {
  it.each([
    ['refuses', REFUSES(107, 'no room'), 'failed ADD: no room (code 107)'],
    ['is killed', 'kill -9 $$', 'failed ADD: signal 9'],
    ['answers what is no JSON', 'echo nonsense; exit 0', 'failed ADD: the answer of second is not JSON'],
    [
      'answers a result without addresses',
      `echo '{"cniVersion":"1.0.0"}'; exit 0`,
      'the result has no address for eth0',
    ],
  ])('is run for all plugins, last one first, when one %s', async (what, commands, message) => {
    const { network, recorder, cached } = open(['first', 'second'], '1.0.0');
    recorder.on('ADD', `[ "\${0##*/}" != second ] || { ${commands}; }`);
    const a = attachmentOf(machine.create(`add-${what.replaceAll(' ', '-')}`));
    await expect(network.add(a)).rejects.toThrow(message);
    expect(recorder.commands()).toEqual(['ADD first', 'ADD second', 'DEL second', 'DEL first']);
    expect(cached()).toEqual([]);
  });

  it('of a sandbox that vanished over a reboot has no namespace, and the list and result of its time', async () => {
    const { config, network, recorder, cached } = open(['first', 'second'], '1.0.0');
    const a = attachmentOf(machine.create('rebooted'));
    await network.add(a);
    await network.close();
    removeNetns(a.netnsPath);
    recorder.forget();
    writeFileSync(
      `${config.confDir}/10-pods.conflist`,
      '{"cniVersion":"1.0.0","name":"new","plugins":[{"type":"other"}]}',
    );
    const restarted = openPodNetwork(config, createLogger({ daemon: 'cni-test', level: 'error' }));
    await restarted.prune(() => new Set());
    await restarted.close();
    expect(recorder.calls().map(({ command, type, netns }) => [command, type, netns])).toEqual([
      ['DEL', 'second', ''],
      ['DEL', 'first', ''],
    ]);
    for (const { config: given } of recorder.calls())
      expect(given).toMatchObject({ name: 'pods', prevResult: { ips: [{ address: '10.33.0.9/24' }] } });
    expect(cached()).toEqual([]);
  });

  it('fails while a program is missing, after all others have done theirs, and ends when it is back', async () => {
    const { config, network, recorder, writePlugin, cached } = open(['first', 'second'], '1.0.0');
    const a = attachmentOf(machine.create('missing'));
    await network.add(a);
    rmSync(`${config.confDir}/10-pods.conflist`);
    await waitFor('the configuration to be gone', () => !network.readiness().ready);
    const program = `${config.binDirs[0]}/second`;
    rmSync(program);
    recorder.forget();
    await expect(network.remove(a)).rejects.toThrow(
      'CNI plugin second of network pods failed DEL: no executable plugin',
    );
    expect(recorder.commands()).toEqual(['DEL first']);
    expect(cached()).toEqual([`pods-${a.sandboxId}-eth0`]);
    writePlugin('second', recorder.script);
    await network.remove(a);
    expect(recorder.commands()).toEqual(['DEL first', 'DEL second', 'DEL first']);
    expect(cached()).toEqual([]);
  });

  it('has no result before version 0.4.0', async () => {
    const { network, recorder } = open(['plugin'], '0.3.1');
    const a = attachmentOf(machine.create('old'));
    await network.add(a);
    await network.remove(a);
    expect(recorder.calls().map(({ command, config }) => [command, 'prevResult' in config])).toEqual([
      ['ADD', false],
      ['DEL', false],
    ]);
  });
});

describe('kill -9 of the runner', () => {
  const bridge = { type: 'gantry-bridge', bridge: 'grn0', ipam: { subnet: '10.34.0.0/24' } };
  const nothingIsLeft = ({ holders, cached }: CniNetwork): void => {
    const left = listLinks(links).filter(({ kind }) => kind === 'veth');
    expect([holders(), cached(), left.map(({ name }) => name)]).toEqual([[], [], []]);
  };

  it.each(['cni-runner/add/recorded', 'cri/network-add/plugin-added', 'cri/network-add/plugin-added:2'] as const)(
    'at %s: ADD again works, and a restart that finds no such sandbox leaves nothing',
    async fault => {
      const recorder = new Recorder();
      const network = openCniNetwork([bridge, { type: 'second' }]);
      opened.push(network);
      network.writePlugin('second', recorder.chained);
      const a = attachmentOf(machine.create(`runner-${fault.replaceAll(/[/:]/g, '-')}`));
      const task = { config: network.config, verb: 'add' as const, attachment: a };
      expect(await runCniChild(child, task, fault)).toMatchObject(DIED);
      expect(network.cached()).toEqual([`pods-${a.sandboxId}-eth0`]);
      expect(await runCniChild(child, task)).toMatchObject(ENDED);
      removeNetns(a.netnsPath);
      await network.network.prune(() => new Set());
      expect(recorder.commands()).toContain('DEL second');
      nothingIsLeft(network);
    },
  );

  it.each(['cni-runner/del/plugin-done', 'cni-runner/gc/deleted', 'cni-runner/gc/plugin-done'] as const)(
    'at %s: once more is enough',
    async fault => {
      const recorder = new Recorder();
      const network = openCniNetwork([bridge, { type: 'second' }]);
      opened.push(network);
      network.writePlugin('second', recorder.chained);
      const a = attachmentOf(machine.create(`runner-${fault.replaceAll(/[/:]/g, '-')}`));
      await network.network.add(a);
      removeNetns(a.netnsPath);
      expect(await runCniChild(child, { config: network.config, verb: 'prune', keep: [] }, fault)).toMatchObject(DIED);
      await network.network.prune(() => new Set());
      nothingIsLeft(network);
    },
  );
});

describe('the configuration directory', () => {
  const list = (name: string): string => JSON.stringify({ cniVersion: '1.0.0', name, plugins: [{ type: 'plugin' }] });
  const within = 1000;

  it('may come later; each change is in force within a second, names the file that is broken, and pods keep what they have', async () => {
    const recorder = new Recorder();
    const root = runDirectory('late');
    const config = {
      confDir: `${root}/etc/net.d`,
      binDirs: [root],
      cacheDir: `${root}/cache`,
      journalDir: `${root}/journal`,
    };
    mkdirSync(root, { recursive: true });
    writeFileSync(`${root}/plugin`, recorder.script, { mode: 0o755 });
    const network = openPodNetwork(config, createLogger({ daemon: 'cni-test', level: 'error' }));
    const file = `${config.confDir}/10-pods.conflist`;
    const change = async (what: string, make: () => void, seen: RegExp): Promise<void> => {
      const started = performance.now();
      make();
      await waitFor(what, saw => {
        const readiness = network.readiness();
        saw(readiness);
        return seen.test(readiness.ready ? 'ready' : readiness.message);
      });
      expect(performance.now() - started).toBeLessThan(within);
    };
    const byRename = (content: string): void => {
      writeFileSync(`${config.confDir}/.next`, content);
      renameSync(`${config.confDir}/.next`, file);
    };
    expect(network.readiness()).toMatchObject({ ready: false, message: /no network configuration in .*net\.d/ });
    await change('the first list', () => writeFileSync(file, list('one')), /^ready$/);
    const a = attachmentOf(machine.create('reload'));
    await network.add(a);
    await change('the broken list', () => byRename('{"cniVersion": "1.0.0",'), /10-pods\.conflist: .* is not JSON/);
    await change('the next list', () => byRename(list('two')), /^ready$/);
    await change('the list to be gone', () => rmSync(file), /no network configuration/);
    await change(
      'the directory that is made anew',
      () => {
        rmSync(config.confDir, { recursive: true });
        mkdirSync(config.confDir);
        writeFileSync(file, list('three'));
      },
      /^ready$/,
    );
    await network.remove(a);
    expect(recorder.calls().map(({ command, config: given }) => [command, given['name']])).toEqual([
      ['ADD', 'one'],
      ['DEL', 'one'],
    ]);
    await network.close();
  });
});

describe('run-time values', () => {
  it('go to the plugins that declare the capability, and unknown capabilities are passed over', async () => {
    const recorder = new Recorder();
    const capabilities = [
      'bandwidth',
      'portMappings',
      'dns',
      'aliases',
      'ipRanges',
      'cgroupPath',
      'io.kubernetes.cri.pod-annotations',
    ];
    const network = openCniNetwork(
      [
        ...capabilities.map((name, index) => ({ type: `p${index}`, capabilities: { [name]: true, unheardOf: true } })),
        { type: 'none' },
      ],
      '1.0.0',
    );
    opened.push(network);
    for (const type of [...capabilities.map((_, index) => `p${index}`), 'none'])
      network.writePlugin(type, recorder.script);
    network.network.setPodCidr('10.35.0.0/24,fd00:35::/64');
    const annotations = { 'kubernetes.io/egress-bandwidth': '1M' };
    const a = attachmentOf(machine.create('values'), {
      annotations,
      portMappings: [{ protocol: 'udp', containerPort: 53, hostPort: 5353, hostIp: '192.0.2.1' }],
      dns: { servers: ['10.0.0.53'], searches: ['svc'], options: [] },
      cgroupParent: '/kubepods/x',
    });
    await network.network.add(a);
    const bandwidth = { egressRate: 1e6, egressBurst: 2 ** 32 - 1 };
    expect(recorder.calls().map(({ config }) => config['runtimeConfig'])).toEqual([
      { bandwidth },
      { portMappings: [{ hostPort: 5353, containerPort: 53, protocol: 'udp', hostIP: '192.0.2.1' }] },
      { dns: { servers: ['10.0.0.53'], searches: ['svc'], options: [] } },
      { aliases: ['pod', 'pod-host'] },
      { ipRanges: [[{ subnet: '10.35.0.0/24' }], [{ subnet: 'fd00:35::/64' }]] },
      { cgroupPath: '/kubepods/x' },
      { 'io.kubernetes.cri.pod-annotations': annotations },
      undefined,
    ]);
    await network.network.remove(a);
  });
});
