import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loopbackPlugin } from '../../src/cni/loopback/plugin.ts';
import { CNI_VERSIONS } from '../../src/cni/protocol/versions.ts';
import { NetworkConfiguration } from '../../src/cri/network/configuration.ts';
import { ExecPlugin } from '../../src/cri/network/exec-plugin.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { runCommand } from '../../src/linux/command.ts';
import type { FaultPoint } from '../../src/linux/fault-point.ts';
import { addAddress, listAddresses } from '../../src/linux/netlink/addresses.ts';
import { createVeth, getLink, listLinks, setLinkUp } from '../../src/linux/netlink/links.ts';
import { listRoutes } from '../../src/linux/netlink/routes.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { inNetns, removeNetns } from '../../src/linux/netns.ts';
import { NftContext } from '../../src/linux/nft.ts';
import { readSysctl } from '../../src/linux/sysctl.ts';
import type { ChildTask } from '../harness/cni-child.ts';
import { attachmentOf, type CniNetwork, openCniNetwork, REFERENCE_BIN_DIR } from '../harness/cni-network.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { buildCniChild, DIED, ENDED, runCniChild } from '../harness/run-cni-child.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Routes that nobody has marked as his. */
const RTPROT_BOOT = 3;

/** Everything below happens in a namespace of this file alone: it plays the machine. */
let machine: PrivateNetns;
let links: NetlinkSocket;
const servers: ChildProcess[] = [];
const networks: CniNetwork[] = [];

beforeAll(() => {
  machine = PrivateNetns.enter();
  links = NetlinkSocket.open();
  setLinkUp(links, 1);
});

afterAll(async () => {
  for (const { network } of networks) await network.close();
  for (const server of servers) server.kill('SIGKILL');
  links.close();
  machine.leave();
});

function open(plugins: readonly object[], cniVersion?: string): CniNetwork {
  const opened = openCniNetwork(plugins, cniVersion);
  networks.push(opened);
  return opened;
}

async function inside(netns: string, ...argv: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCommand('nsenter', [`--net=${netns}`, ...argv]);
  if (code !== 0) throw new Error(`${argv.join(' ')}: ${stdout.toString()} ${stderr.toString()}`);
  return stdout.toString();
}

const ping = (netns: string, ip: string): Promise<string> => inside(netns, 'busybox', 'ping', '-c1', '-W1', ip);

/** A server that tells each client the address it came from. */
function serve(netns: string, port: number, family: 4 | 6 = 4): void {
  const listen = `TCP${family}-LISTEN:${port},reuseaddr,fork`;
  // biome-ignore lint/suspicious/noTemplateCurlyInString: socat sets the variable
  const answer = 'SYSTEM:echo from ${SOCAT_PEERADDR}';
  servers.push(spawn('nsenter', [`--net=${netns}`, 'socat', listen, answer], { stdio: 'ignore' }));
}

/** Connects until the server listens, and returns what it says. */
async function ask(netns: string, target: string): Promise<string> {
  return (await inside(netns, 'socat', '-u', `${target},retry=100,interval=0.05`, 'STDOUT')).trim();
}

const podLinks = (): string[] =>
  listLinks(links).flatMap(({ name, kind }) => (['veth', 'ifb'].includes(kind) ? [name] : []));
const noPodLinks = (): Promise<boolean> =>
  waitFor('the links of removed pods to be gone', saw => {
    saw(podLinks());
    return podLinks().filter(name => name !== 'outside').length === 0;
  });

const LIMITS = { 'kubernetes.io/ingress-bandwidth': '10M', 'kubernetes.io/egress-bandwidth': '10M' };
const DUAL = [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]];

describe('gantry-bridge through the runner', () => {
  it('connects pods with each other, with themselves through a service address, and with the outside under the machine’s address', async () => {
    const outside = machine.create('outside');
    const fd = openSync(outside, 'r');
    const peer = { name: 'eth0', mac: '0a:00:00:00:00:01', netnsFd: fd };
    createVeth(links, { name: 'outside', mtu: undefined, master: undefined, peer });
    closeSync(fd);
    const near = getLink(links, 'outside')?.index ?? 0;
    addAddress(links, near, '192.0.2.1', 24);
    addAddress(links, near, '2001:db8::1', 64);
    inNetns(outside, () => {
      const socket = NetlinkSocket.open();
      const { index } = getLink(socket, 'eth0') ?? { index: 0 };
      addAddress(socket, index, '192.0.2.2', 24);
      addAddress(socket, index, '2001:db8::2', 64);
      setLinkUp(socket, index);
      socket.close();
    });
    const { network, holders, cached } = open([
      { type: 'gantry-bridge', bridge: 'gbr0', mtu: 1400, ipam: { ranges: DUAL } },
    ]);
    expect(network.readiness()).toEqual({ ready: true });
    const a = attachmentOf(machine.create('a'));
    const b = attachmentOf(machine.create('b'));
    expect(await network.add(a)).toEqual(['10.22.0.2', 'fd00:22::2']);
    expect(await network.add(b)).toEqual(['10.22.0.3', 'fd00:22::3']);

    const seen = inNetns(a.netnsPath, () => {
      const socket = NetlinkSocket.open();
      const found = {
        addresses: listAddresses(socket),
        routes: listRoutes(socket),
        eth0: getLink(socket, 'eth0'),
        lo: getLink(socket, 'lo'),
      };
      socket.close();
      return found;
    });
    expect(seen.eth0).toMatchObject({ mtu: 1400, up: true, mac: '0a:58:0a:16:00:02' });
    expect(seen.lo?.up).toBe(true);
    expect(seen.routes).toEqual(
      expect.arrayContaining([
        { destination: '0.0.0.0/0', gateway: '10.22.0.1', linkIndex: seen.eth0?.index, protocol: RTPROT_BOOT },
        { destination: '::/0', gateway: 'fd00:22::1', linkIndex: seen.eth0?.index, protocol: RTPROT_BOOT },
      ]),
    );
    expect(seen.addresses.filter(({ tentative }) => tentative)).toEqual([]);

    for (const ip of ['10.22.0.3', 'fd00:22::3', '10.22.0.1', 'fd00:22::1']) await ping(a.netnsPath, ip);
    await ping(b.netnsPath, '10.22.0.2');

    const details = (await runCommand('bridge', ['-d', 'link'])).stdout.toString();
    expect(details.match(/hairpin on/g)).toHaveLength(2);
    const nft = NftContext.open();
    nft.run(`add table ip svc
add chain ip svc pre { type nat hook prerouting priority dstnat; }
add chain ip svc post { type nat hook postrouting priority srcnat - 1; }
add rule ip svc pre ip daddr 10.96.0.1 tcp dport 80 dnat to 10.22.0.2:8080
add rule ip svc post ip saddr 10.22.0.2 ip daddr 10.22.0.2 masquerade
`);
    serve(a.netnsPath, 8080);
    expect(await ask(a.netnsPath, 'TCP4:10.96.0.1:80')).toBe('from 10.22.0.1');
    expect(await ask(b.netnsPath, 'TCP4:10.96.0.1:80')).toBe('from 10.22.0.3');
    nft.run('delete table ip svc');

    // The machine forwards now, and its uplink listens to router advertisements as before.
    expect(readSysctl('net/ipv4/ip_forward')).toBe('1');
    expect(readSysctl('net/ipv6/conf/all/forwarding')).toBe('1');
    expect(readSysctl('net/ipv6/conf/outside/accept_ra')).toBe('2');
    serve(outside, 9000);
    serve(outside, 9001, 6);
    expect(await ask(a.netnsPath, 'TCP4:192.0.2.2:9000')).toBe('from 192.0.2.1');
    expect(await ask(a.netnsPath, 'TCP6:[2001:db8::2]:9001')).toContain('2001:0db8:0000:0000:0000:0000:0000:0001');

    expect(nft.run('list table inet gantry_cni').match(/masquerade comment/g)).toHaveLength(2);
    nft.run('delete table inet gantry_cni');
    const c = attachmentOf(machine.create('c'));
    await network.add(c);
    expect(nft.run('list table inet gantry_cni').match(/masquerade comment/g)).toHaveLength(2);
    nft.close();

    expect(cached()).toHaveLength(3);
    for (const attachment of [a, b, c]) {
      await network.remove(attachment);
      await expect(ping(attachment.netnsPath, '10.22.0.1')).rejects.toThrow();
      await network.remove(attachment);
      removeNetns(attachment.netnsPath);
      await network.remove(attachment);
    }
    await noPodLinks();
    await network.prune(() => new Set());
    expect([holders(), cached()]).toEqual([[], []]);
  });

  it('refuses a second ADD of a container, and one where the link exists already', async () => {
    const { network } = open([{ type: 'gantry-bridge', bridge: 'gbr1', ipam: { subnet: '10.23.0.0/24' } }]);
    const a = attachmentOf(machine.create('dup'));
    await network.add(a);
    await expect(network.add(a)).rejects.toThrow(/is attached to network pods already/);
    await ping(a.netnsPath, '10.23.0.1');
    await expect(network.add({ ...a, sandboxId: 'b'.repeat(64) })).rejects.toThrow(/link named eth0 exists already/);
    await network.remove(a);
    removeNetns(a.netnsPath);
    await network.prune(() => new Set());
  });

  it('keeps the address of a removed pod back while its link exists, names the range that is exhausted, and reclaims what a crash left', async () => {
    const { network, holders } = open([{ type: 'gantry-bridge', bridge: 'gbr2', ipam: { subnet: '10.24.0.0/29' } }]);
    const pods = ['p0', 'p1', 'p2', 'p3', 'p4'].map(name => attachmentOf(machine.create(name)));
    const ips: string[] = [];
    for (const pod of pods) ips.push(...(await network.add(pod)));
    expect(ips).toEqual([2, 3, 4, 5, 6].map(n => `10.24.0.${n}`));
    const late = attachmentOf(machine.create('late'));
    await network.remove(pods[0] ?? late);
    await expect(network.add(late)).rejects.toThrow(
      /no IP addresses available in range set: 10\.24\.0\.1-10\.24\.0\.6/,
    );
    // One pod was removed and its namespace goes now; another vanishes without DEL, as in a crash.
    for (const pod of pods.slice(0, 2)) removeNetns(pod.netnsPath);
    await waitFor('the links of two namespaces to be gone', () => podLinks().filter(n => n !== 'outside').length <= 3);
    const later = attachmentOf(machine.create('later'));
    expect([await network.add(late), await network.add(later)].flat().sort()).toEqual(['10.24.0.2', '10.24.0.3']);
    for (const pod of [...pods, late, later]) removeNetns(pod.netnsPath);
    await network.prune(() => new Set());
    expect(holders()).toEqual([]);
    await noPodLinks();
  });

  it('is not ready, and says why, without a valid configuration; takes up a new one and the pod CIDR by itself', async () => {
    const { network, config } = open([{ type: 'gantry-bridge', bridge: 'gbr3', capabilities: { ipRanges: true } }]);
    expect(network.readiness()).toMatchObject({ ready: false, message: /no pod CIDR yet/ });
    network.setPodCidr('10.25.0.0/24');
    expect(network.readiness()).toEqual({ ready: true });
    writeFileSync(`${config.confDir}/00-broken.conflist`, '{');
    rmSync(`${config.confDir}/10-pods.conflist`);
    await waitFor('the broken file to be seen', () => JSON.stringify(network.readiness()).includes('00-broken'));
    await expect(network.add(attachmentOf(machine.create('none')))).rejects.toThrow(/no valid network configuration/);
    writeFileSync(
      `${config.confDir}/20-pods.json`,
      JSON.stringify({ cniVersion: '1.0.0', name: 'x', type: 'loopback' }),
    );
    await waitFor('the new file to be taken up', () => network.readiness().ready);
  });

  it('goes on watching when its directory is replaced by one that is valid at once', async () => {
    const confDir = `${runDirectory('conf')}/net.d`;
    const put = (directory: string, file: string, name: string): void =>
      writeFileSync(
        `${directory}/${file}.conflist`,
        JSON.stringify({ cniVersion: '1.0.0', name, plugins: [{ type: 'loopback' }] }),
      );
    for (const directory of [confDir, `${confDir}.new`]) {
      mkdirSync(directory);
      put(directory, '20', 'same');
    }
    const configuration = new NetworkConfiguration(
      confDir,
      createLogger({ daemon: 'cni-test', level: 'error' }),
      () => {},
    );
    renameSync(confDir, `${confDir}.old`);
    renameSync(`${confDir}.new`, confDir);
    // The first file may be seen when the replacement is noticed; the second is seen by a watch alone.
    for (const file of ['10', '00']) {
      put(confDir, file, `of-${file}`);
      await waitFor(`the network of ${file} to be in force`, () => configuration.current.list?.name === `of-${file}`);
    }
    configuration.close();
  });

  it('puts the bridge’s address and forwarding back for the next pod when somebody took them away', async () => {
    const { network } = open([{ type: 'gantry-bridge', bridge: 'gbr9', ipam: { subnet: '10.32.0.0/24' } }]);
    const a = attachmentOf(machine.create('heal-a'));
    const b = attachmentOf(machine.create('heal-b'));
    await network.add(a);
    await runCommand('ip', ['address', 'flush', 'dev', 'gbr9']);
    await runCommand('sysctl', ['-w', 'net.ipv4.ip_forward=0']);
    await network.add(b);
    await ping(a.netnsPath, '10.32.0.1');
    expect(readSysctl('net/ipv4/ip_forward')).toBe('1');
    for (const pod of [a, b]) {
      await network.remove(pod);
      removeNetns(pod.netnsPath);
    }
    await noPodLinks();
  });

  it('runs loopback as the last plugin of a list: the result stays that of the bridge', async () => {
    const { network } = open([
      { type: 'gantry-bridge', bridge: 'gbr10', ipam: { subnet: '10.33.0.0/24' } },
      { type: 'loopback' },
    ]);
    const a = attachmentOf(machine.create('chain'));
    expect(await network.add(a)).toEqual(['10.33.0.2']);
    await network.remove(a);
    removeNetns(a.netnsPath);
    await noPodLinks();
  });
});

describe('kill -9', () => {
  let child: string;
  beforeAll(async () => {
    child = await buildCniChild();
  });

  const run = (task: ChildTask, fault?: FaultPoint) => runCniChild(child, task, fault);

  it.each([
    'cni/add/address-taken',
    'cni/add/link-made',
    'cni/add/link-configured',
    'cni/add/bandwidth-limited',
  ] as const)('at %s: ADD again works, and DEL and prune leave nothing', async fault => {
    const { network, config, holders, cached } = open([
      { type: 'gantry-bridge', bridge: 'gbr4', capabilities: { bandwidth: true }, ipam: { subnet: '10.26.0.0/24' } },
    ]);
    const a = attachmentOf(machine.create(`add-${fault.split('/')[2]}`), { annotations: LIMITS });
    expect(await run({ config, verb: 'add', attachment: a }, fault)).toMatchObject(DIED);
    expect(holders()).toEqual([a.sandboxId]);
    expect(await run({ config, verb: 'add', attachment: a })).toMatchObject(ENDED);
    await ping(a.netnsPath, '10.26.0.1');
    await network.remove(a);
    removeNetns(a.netnsPath);
    await noPodLinks();

    const b = attachmentOf(machine.create(`prune-${fault.split('/')[2]}`), { annotations: LIMITS });
    expect(await run({ config, verb: 'add', attachment: b }, fault)).toMatchObject(DIED);
    await network.prune(() => new Set());
    expect([holders(), cached(), podLinks().filter(name => name !== 'outside')]).toEqual([[], [], []]);
  });

  it.each(['cni/del/quarantined', 'cni/del/link-gone', 'cni/del/address-released'] as const)(
    'at %s: DEL again and prune leave nothing',
    async fault => {
      const { network, config, holders, cached } = open([
        { type: 'gantry-bridge', bridge: 'gbr5', capabilities: { bandwidth: true }, ipam: { subnet: '10.27.0.0/24' } },
      ]);
      const a = attachmentOf(machine.create(`del-${fault.split('/')[2]}`), { annotations: LIMITS });
      await network.add(a);
      const removal = fault === 'cni/del/quarantined' ? { verb: 'remove' as const, attachment: a } : undefined;
      expect(await run({ config, ...(removal ?? { verb: 'prune', keep: [] }) }, fault)).toMatchObject(DIED);
      await network.remove(a);
      removeNetns(a.netnsPath);
      await network.prune(() => new Set());
      expect([holders(), cached(), podLinks().filter(name => name !== 'outside')]).toEqual([[], [], []]);
    },
  );
});

describe('kill -9 at random moments', () => {
  const SEED = 7;

  it(`leaves nothing that prune does not find (seed ${SEED})`, async () => {
    const { network, config, holders, cached } = open([
      { type: 'gantry-bridge', bridge: 'gbr7', capabilities: { bandwidth: true }, ipam: { subnet: '10.30.0.0/28' } },
    ]);
    const netnsPaths = ['churn0', 'churn1', 'churn2'].map(name => machine.path(name));
    const task: ChildTask = { config, verb: 'churn', netnsPaths };
    const child = await buildCniChild();
    const delays = fc.sample(fc.integer({ min: 0, max: 60 }), { seed: SEED, numRuns: 8 });
    for (const delayMs of delays) {
      const churning = spawn(process.execPath, [child, JSON.stringify(task)], {
        env: { PATH: process.env['PATH'], NODE_PATH: `${process.cwd()}/node_modules` },
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const exited = once(churning, 'exit');
      await once(churning.stdout, 'data');
      // The moment itself is what is random here; nothing is waited for.
      await setTimeout(delayMs);
      churning.kill('SIGKILL');
      expect(await exited).toEqual([null, 'SIGKILL']);
      await network.prune(() => new Set());
      expect([holders(), cached(), podLinks().filter(name => name !== 'outside')]).toEqual([[], [], []]);
    }
    for (const path of netnsPaths) removeNetns(path);
  });
});

describe('the cache of results', () => {
  it('of other runtimes is none of ours: prune calls no plugin for it and removes no file', async () => {
    const { network, config, cached, writePlugin } = open([{ type: 'recorder' }], '1.0.0');
    const calls = `${runDirectory('record')}/calls`;
    writePlugin('recorder', `#!/bin/sh\necho "$CNI_COMMAND $CNI_CONTAINERID" >> ${calls}\n`);
    const list = { cniVersion: '1.0.0', name: 'others', plugins: [{ type: 'recorder' }] };
    const record = {
      kind: 'cniCacheV1',
      containerId: 'd'.repeat(64),
      config: Buffer.from(JSON.stringify(list)).toString('base64'),
      ifName: 'eth0',
      networkName: 'others',
      netns: '/run/netns/others',
      cniArgs: null,
      result: null,
    };
    expect(cached()).toEqual([]);
    const files = new Map([
      [`others-${record.containerId}-eth0`, JSON.stringify(record)],
      ['others-empty-eth0', ''],
      ['others-later-eth0.tmp-later', JSON.stringify(record)],
    ]);
    for (const [file, text] of files) writeFileSync(`${config.cacheDir}/results/${file}`, text);
    await network.prune(() => new Set());
    expect(cached().sort()).toEqual([...files.keys()]);
    expect(existsSync(calls)).toBe(false);
  });

  it('keeps a record that cannot be read now: DEL fails, and works when it can be read again', async () => {
    const { network, config, holders, cached } = open([
      { type: 'gantry-bridge', bridge: 'gbr8', ipam: { subnet: '10.31.0.0/24' } },
    ]);
    const a = attachmentOf(machine.create('unreadable'));
    await network.add(a);
    const file = `${config.cacheDir}/results/pods-${a.sandboxId}-eth0`;
    renameSync(file, `${config.cacheDir}/aside`);
    symlinkSync(file, file);
    await expect(network.remove(a)).rejects.toThrow(/ELOOP/);
    await network.prune(() => new Set([a.sandboxId]));
    expect([holders(), cached()]).toEqual([[a.sandboxId], [`pods-${a.sandboxId}-eth0`]]);
    renameSync(`${config.cacheDir}/aside`, file);
    await network.remove(a);
    expect(cached()).toEqual([]);
    removeNetns(a.netnsPath);
    await noPodLinks();
  });
});

describe('plugins of others', () => {
  const PORTS = [{ protocol: 'tcp' as const, containerPort: 8080, hostPort: 18080, hostIp: '' }];
  const chain = (dataDir: string) => [
    {
      type: 'bridge',
      bridge: 'rbr0',
      isDefaultGateway: true,
      ipMasq: true,
      hairpinMode: true,
      ipam: { type: 'host-local', dataDir, ranges: [[{ subnet: '10.28.0.0/24' }]] },
    },
    { type: 'bandwidth', capabilities: { bandwidth: true } },
    { type: 'portmap', capabilities: { portMappings: true } },
    { type: 'firewall', backend: 'iptables' },
  ];

  it('runs Debian’s bridge, host-local, bandwidth, portmap and firewall as one list, with cached results in libcni’s format', async () => {
    expect(readdirSync(REFERENCE_BIN_DIR)).toEqual(expect.arrayContaining(['bridge', 'host-local', 'portmap']));
    const dataDir = runDirectory('host-local');
    const { network, config, cached } = open(chain(dataDir), '1.0.0');
    const annotations = { 'kubernetes.io/ingress-bandwidth': '10M' };
    const a = attachmentOf(machine.create('ref'), { portMappings: PORTS, annotations });
    expect(await network.add(a)).toEqual(['10.28.0.2']);
    serve(a.netnsPath, 8080);
    const b = attachmentOf(machine.create('ref-client'));
    await network.add(b);
    expect(await ask(b.netnsPath, 'TCP4:10.28.0.1:18080')).toMatch(/^from 10\.28\.0\./);
    const tc = (await runCommand('tc', ['qdisc'])).stdout.toString();
    expect(tc).toContain('tbf');

    const name = `pods-${a.sandboxId}-eth0`;
    expect(cached()).toContain(name);
    const record = JSON.parse(readFileSync(`${config.cacheDir}/results/${name}`, 'utf8')) as Record<string, unknown>;
    expect(record).toMatchObject({
      kind: 'cniCacheV1',
      containerId: a.sandboxId,
      ifName: 'eth0',
      networkName: 'pods',
      netns: a.netnsPath,
      capabilityArgs: { portMappings: [{ hostPort: 18080 }] },
      result: { cniVersion: '1.0.0', ips: [{ address: '10.28.0.2/24' }] },
    });
    expect(JSON.parse(Buffer.from(String(record['config']), 'base64').toString())).toMatchObject({ name: 'pods' });

    for (const attachment of [a, b]) {
      await network.remove(attachment);
      await network.remove(attachment);
      removeNetns(attachment.netnsPath);
    }
    expect(cached()).toEqual([]);
    expect(readdirSync(`${dataDir}/pods`).filter(file => file.startsWith('10.'))).toEqual([]);
    expect((await runCommand('iptables', ['-t', 'nat', '-S'])).stdout.toString()).not.toContain('18080');
    expect((await runCommand('iptables', ['-S'])).stdout.toString()).not.toContain('10.28.0.2');
    expect((await runCommand('tc', ['qdisc'])).stdout.toString()).not.toContain('tbf');
    await noPodLinks();
  });

  it('asks a binary which versions it speaks', async () => {
    expect(await new ExecPlugin('bridge', [REFERENCE_BIN_DIR]).version()).toEqual(CNI_VERSIONS.slice(0, -1));
    expect(await loopbackPlugin.version()).toEqual(CNI_VERSIONS);
  });

  it('reads at once what a plugin says that fails, be it a megabyte of blanks', async () => {
    const directory = runDirectory('chatty');
    const blanks = "head -c 1000000 /dev/zero | tr '\\0' ' '";
    writeFileSync(`${directory}/chatty`, `#!/bin/sh\nprintf begin; ${blanks}; echo end; exit 3\n`, { mode: 0o755 });
    const started = performance.now();
    await expect(new ExecPlugin('chatty', [directory]).version()).rejects.toThrow('exit code 3: begin');
    expect(performance.now() - started).toBeLessThan(5000);
  });

  it('names the plugin that failed and its message, and has undone the ones before it', async () => {
    const list = [
      { type: 'gantry-bridge', bridge: 'gbr6', ipam: { subnet: '10.29.0.0/24' } },
      { type: 'refuses', capabilities: { portMappings: true } },
    ];
    const { network, holders, cached, writePlugin } = open(list, '1.0.0');
    const refusal = '{"cniVersion":"1.0.0","code":107,"msg":"no room","details":"at all"}';
    const record = `${runDirectory('record')}/calls`;
    writePlugin(
      'refuses',
      `#!/bin/sh
echo "$CNI_COMMAND $CNI_CONTAINERID $CNI_NETNS $CNI_IFNAME $CNI_ARGS $(cat)" >> ${record}
[ "$CNI_COMMAND" = DEL ] || { echo '${refusal}'; exit 1; }
`,
    );
    const a = attachmentOf(machine.create('fail'), { portMappings: PORTS });
    await expect(network.add(a)).rejects.toThrow(
      'CNI plugin refuses of network pods failed ADD: no room; at all (code 107)',
    );
    const [add = '', del = ''] = readFileSync(record, 'utf8').split('\n');
    const common = `${a.sandboxId} ${a.netnsPath} eth0 IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=pod;`;
    expect([add, del]).toEqual([expect.stringContaining(`ADD ${common}`), expect.stringContaining(`DEL ${common}`)]);
    expect(JSON.parse(add.slice(add.indexOf('{')))).toMatchObject({
      cniVersion: '1.0.0',
      name: 'pods',
      type: 'refuses',
      runtimeConfig: { portMappings: [{ hostPort: 18080 }] },
      prevResult: { cniVersion: '1.0.0', ips: [{ address: '10.29.0.2/24' }] },
    });
    removeNetns(a.netnsPath);
    await noPodLinks();
    await network.prune(() => new Set());
    expect([holders(), cached()]).toEqual([[], []]);
    const missing = open([{ type: 'no-such-plugin' }], '1.0.0');
    await expect(missing.network.add(attachmentOf(machine.create('missing')))).rejects.toThrow(
      /CNI plugin no-such-plugin of network pods failed ADD: no executable plugin "no-such-plugin" in .*\/usr\/lib\/cni/,
    );
  });

  it('takes away what an ADD that was broken off half way left with binaries, by their own DEL', async () => {
    const dataDir = runDirectory('host-local');
    const started = `${runDirectory('record')}/started`;
    const { network, cached, writePlugin } = open([...chain(dataDir), { type: 'hangs' }], '1.0.0');
    writePlugin('hangs', `#!/bin/sh\n[ "$CNI_COMMAND" != ADD ] || { : > ${started}; exec sleep 1000; }\n`);
    const addresses = (): string[] => readdirSync(`${dataDir}/pods`).filter(file => file.startsWith('10.'));
    const a = attachmentOf(machine.create('half'));
    const stop = new AbortController();
    const ended = network.add(a, stop.signal);
    ended.catch(() => undefined);
    await waitFor('the last plugin to be at work', () => existsSync(started));
    expect([addresses(), cached()]).toEqual([['10.28.0.2'], [`pods-${a.sandboxId}-eth0`]]);
    stop.abort(new Error('the pod is not wanted any more'));
    await expect(ended).rejects.toThrow('the pod is not wanted any more');
    expect([addresses(), cached()]).toEqual([[], []]);
    removeNetns(a.netnsPath);
    await noPodLinks();
  });
});
