import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NetworkAttachment } from '../../src/cri/network/ports.ts';
import { runCommand } from '../../src/linux/command.ts';
import { addAddress } from '../../src/linux/netlink/addresses.ts';
import { listUdpFlows } from '../../src/linux/netlink/conntrack.ts';
import { createVeth, getLink, setLinkUp } from '../../src/linux/netlink/links.ts';
import { NETLINK_NETFILTER, NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { inNetns, removeNetns } from '../../src/linux/netns.ts';
import { attachmentOf, type CniNetwork, openCniNetwork } from '../harness/cni-network.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { waitFor } from '../harness/wait-for.ts';

/** The machine of these tests: it is 192.0.2.1 and 2001:db8::1, `outside` are .2 and ::2. */
let machine: PrivateNetns;
let links: NetlinkSocket;
let conntrack: NetlinkSocket;
let outside: string;
let pods: CniNetwork;
const servers: ChildProcess[] = [];

beforeAll(() => {
  machine = PrivateNetns.enter();
  links = NetlinkSocket.open();
  conntrack = NetlinkSocket.open(NETLINK_NETFILTER);
  setLinkUp(links, 1);
  outside = machine.create('outside');
  const fd = openSync(outside, 'r');
  createVeth(links, {
    name: 'outside',
    mtu: undefined,
    master: undefined,
    peer: { name: 'eth0', mac: '0a:00:00:00:00:01', netnsFd: fd },
  });
  closeSync(fd);
  address(links, 'outside', '192.0.2.1', '2001:db8::1');
  inNetns(outside, () => {
    const socket = NetlinkSocket.open();
    address(socket, 'eth0', '192.0.2.2', '2001:db8::2');
    socket.close();
  });
  const ranges = [[{ subnet: '10.22.0.0/24' }], [{ subnet: 'fd00:22::/64' }]];
  pods = openCniNetwork([
    { type: 'gantry-bridge', bridge: 'gbr0', capabilities: { portMappings: true }, ipam: { ranges } },
  ]);
});

afterAll(async () => {
  await pods.network.close();
  for (const server of servers) server.kill('SIGKILL');
  links.close();
  conntrack.close();
  machine.leave();
});

function address(socket: NetlinkSocket, name: string, ipv4: string, ipv6: string): void {
  const index = getLink(socket, name)?.index ?? 0;
  addAddress(socket, index, ipv4, 24);
  addAddress(socket, index, ipv6, 64);
  setLinkUp(socket, index);
}

type Mapping = NetworkAttachment['portMappings'][number];
const mapping = (hostPort: number, more: Partial<Mapping> = {}): Mapping => ({
  protocol: 'tcp',
  hostPort,
  containerPort: 8080,
  hostIp: '',
  ...more,
});

/** A pod whose server tells each client the address it came from. */
async function podWith(name: string, portMappings: readonly Mapping[]): Promise<NetworkAttachment> {
  const pod = attachmentOf(machine.create(name), { portMappings });
  await pods.network.add(pod);
  const answer = `SYSTEM:echo ${name} saw \${SOCAT_PEERADDR}`;
  for (const listen of [
    'TCP4-LISTEN:8080,reuseaddr,fork',
    'TCP6-LISTEN:8080,ipv6only=1,reuseaddr,fork',
    'UDP4-RECVFROM:8080,reuseaddr,fork',
  ])
    servers.push(spawn('nsenter', [`--net=${pod.netnsPath}`, 'socat', listen, answer], { stdio: 'ignore' }));
  return pod;
}

async function remove(pod: NetworkAttachment): Promise<void> {
  await pods.network.remove(pod);
  removeNetns(pod.netnsPath);
}

/** The addresses of a pod, as it has them. */
async function addressesOf(pod: NetworkAttachment): Promise<string[]> {
  const { stdout } = await runCommand('nsenter', [`--net=${pod.netnsPath}`, 'ip', '-4', '-o', 'addr', 'show', 'eth0']);
  return [...stdout.toString().matchAll(/inet ([0-9.]+)/g)].map(([, found = '']) => found);
}

/** What the server says to a client in the namespace; the machine's own where none is named. Tries until it listens. */
async function ask(target: string, netns?: string): Promise<string> {
  const enter = netns === undefined ? [] : ['nsenter', `--net=${netns}`];
  const [command = '', ...args] = [...enter, 'socat', '-u', `${target},retry=100,interval=0.05`, 'STDOUT'];
  const { code, stdout, stderr } = await runCommand(command, args);
  if (code !== 0) throw new Error(`${target}: ${stderr.toString()}`);
  return stdout
    .toString()
    .trim()
    .replaceAll(/\[|\]|::ffff:|0000:0000:0000:0000:0000:ffff:/g, '');
}

/** The error of a client that tries once. */
async function refusal(target: string): Promise<string> {
  const { stderr } = await runCommand('socat', ['-u', `${target},connect-timeout=2`, 'STDOUT']);
  return stderr.toString();
}

describe('a port of the machine', () => {
  it('leads to the pod for everybody: clients from outside keep their address', async () => {
    const a = await podWith('a', [mapping(18080)]);
    const b = await podWith('b', []);
    expect(await ask('TCP4:192.0.2.1:18080', outside)).toContain('a saw 192.0.2.2');
    expect(await ask('TCP6:[2001:db8::1]:18080', outside)).toMatch(/^a saw .*2001/);
    expect(await ask('TCP4:192.0.2.1:18080')).toContain('a saw 192.0.2.1');
    expect(await ask('TCP4:127.0.0.1:18080')).toContain('a saw 10.22.0.1');
    expect(await ask('TCP4:192.0.2.1:18080', b.netnsPath)).toContain('a saw 10.22.0.1');
    expect(await ask('TCP4:192.0.2.1:18080', a.netnsPath)).toContain('a saw 10.22.0.1');
    await remove(a);
    expect(await refusal('TCP4:192.0.2.1:18080')).toContain('Connection refused');
    await remove(b);
  });

  it('is open on the address that the pod names alone', async () => {
    const a = await podWith('named', [mapping(18081, { hostIp: '127.0.0.1' })]);
    expect(await ask('TCP4:127.0.0.1:18081')).toContain('named saw');
    expect(await refusal('TCP4:192.0.2.1:18081')).toContain('Connection refused');
    await remove(a);
  });

  it('is of one pod: a second one is refused until the first has gone, other addresses and protocols are free', async () => {
    const first = await podWith('first', [mapping(18082)]);
    const second = attachmentOf(machine.create('second'), { portMappings: [mapping(18082)] });
    await expect(pods.network.add(second)).rejects.toThrow(
      `host port tcp/18082 is taken by container ${first.sandboxId}`,
    );
    const udp = await podWith('udp', [mapping(18082, { protocol: 'udp' })]);
    expect(await ask('TCP4:192.0.2.1:18082')).toContain('first saw');
    await remove(first);
    await pods.network.add(second);
    await remove(second);
    await remove(udp);
  });

  it('of UDP leads to the pod also for who has sent there before, in vain', async () => {
    const send = async (): Promise<string> => {
      const to = 'UDP4:192.0.2.1:18085,sourceport=5555,reuseaddr';
      const { stdout } = await runCommand('nsenter', [`--net=${outside}`, 'socat', '-T', '0.5', '-', to], {
        input: 'hello\n',
      });
      return stdout.toString();
    };
    // The kernel follows flows from the first rule on that needs it.
    const b = await podWith('before', [mapping(18086)]);
    expect(await send()).toBe('');
    const a = await podWith('udp-late', [mapping(18085, { protocol: 'udp' })]);
    await waitFor('the pod to answer', async () => (await send()).includes('udp-late saw 192.0.2.2'));
    await remove(a);
    await remove(b);
  });

  it('of UDP is forgotten with its pod: what still comes from a known sender goes to nobody', async () => {
    const a = await podWith('udp-gone', [mapping(18054, { protocol: 'udp' })]);
    const [ip = ''] = await addressesOf(a);
    const flows = (): string[] => listUdpFlows(conntrack, 4, 18054).map(({ answeredBy }) => answeredBy);
    await waitFor('the pod to have a flow', async () => {
      await runCommand('nsenter', [
        `--net=${outside}`,
        'sh',
        '-c',
        'echo x | socat -u - UDP4:192.0.2.1:18054,sourceport=4054',
      ]);
      return flows().includes(ip);
    });
    await remove(a);
    await waitFor('its flows to be gone', () => flows().length === 0);
    await waitFor('its address to be free after that', () => !pods.holders().includes(a.sandboxId));
  });

  it('of UDP that thousands have sent to is closed at once, and its flows are forgotten in many turns of the loop, before its address is free', async () => {
    const a = attachmentOf(machine.create('udp-busy'), { portMappings: [mapping(18056, { protocol: 'udp' })] });
    await pods.network.add(a);
    const sender = `
      const { createSocket } = require('node:dgram');
      const send = port => {
        if (port === 24000) return;
        const socket = createSocket('udp4');
        socket.bind(port, () => socket.send('x', 18056, '192.0.2.1', () => socket.close(() => send(port + 1))));
      };
      send(20000);`;
    await runCommand('nsenter', [`--net=${outside}`, process.execPath, '-e', sender]);
    const flows = (): number => listUdpFlows(conntrack, 4, 18056).length;
    const before = flows();
    expect(before).toBeGreaterThan(3000);
    await remove(a);
    expect(flows()).toBe(before);
    const seen: number[] = [];
    const held: boolean[] = [];
    while (seen.at(-1) !== 0) {
      await nextTurn();
      seen.push(flows());
      held.push(pods.holders().includes(a.sandboxId));
    }
    expect(seen.filter(count => count > 0 && count < before).length).toBeGreaterThan(1);
    expect(held.slice(0, -1)).not.toContain(false);
    await waitFor('the address to be free', () => !pods.holders().includes(a.sandboxId));
  });

  it('is led anew after others have emptied the ruleset, with the next pod', async () => {
    const a = await podWith('healed', [mapping(18083)]);
    await runCommand('nft', ['flush', 'ruleset']);
    const b = await podWith('next', []);
    expect(await ask('TCP4:192.0.2.1:18083')).toContain('healed saw');
    await remove(a);
    await remove(b);
  });

  it('does not let pods reach what listens on the loopback of the machine', async () => {
    const a = await podWith('curious', [mapping(18084)]);
    const listen = 'TCP4-LISTEN:9999,bind=127.0.0.9,reuseaddr,fork';
    servers.push(spawn('socat', [listen, 'SYSTEM:echo secret'], { stdio: 'ignore' }));
    expect(await ask('TCP4:127.0.0.9:9999')).toBe('secret');
    // What root in a pod can do to send there: its own loopback keeps 127.0.0.1 alone.
    const inPod = (...argv: string[]) => runCommand('nsenter', [`--net=${a.netnsPath}`, ...argv]);
    await inPod('sysctl', '-w', 'net.ipv4.conf.all.route_localnet=1');
    await inPod('ip', 'route', 'del', 'local', '127.0.0.0/8', 'dev', 'lo', 'table', 'local');
    await inPod('ip', 'route', 'add', '127.0.0.9/32', 'via', '10.22.0.1', 'src', '10.22.0.2');
    const { stderr } = await inPod('socat', '-u', 'TCP4:127.0.0.9:9999,connect-timeout=1', 'STDOUT');
    expect(stderr.toString()).toContain('timed out');
    await remove(a);
  });
});
