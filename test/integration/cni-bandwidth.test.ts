import { type ChildProcess, spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { NetworkAttachment } from '../../src/cri/network/ports.ts';
import { runCommand } from '../../src/linux/command.ts';
import { listLinks } from '../../src/linux/netlink/links.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { removeNetns } from '../../src/linux/netns.ts';
import { attachmentOf, type CniNetwork, openCniNetwork } from '../harness/cni-network.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Long enough that a burst does not count. */
const SECONDS = process.env['GANTRY_SOAK'] === '1' ? 10 : 2;
const PORT = 5001;

let machine: PrivateNetns;
let links: NetlinkSocket;
let pods: CniNetwork;
const servers: ChildProcess[] = [];

beforeAll(() => {
  machine = PrivateNetns.enter();
  links = NetlinkSocket.open();
  const ranges = [[{ subnet: '10.31.0.0/24' }]];
  pods = openCniNetwork([
    { type: 'gantry-bridge', bridge: 'gbw0', capabilities: { bandwidth: true }, ipam: { ranges } },
  ]);
});

afterAll(async () => {
  for (const server of servers) server.kill('SIGKILL');
  await pods.dispose();
  links.close();
  machine.leave();
});

async function pod(name: string, annotations: Record<string, string>): Promise<NetworkAttachment & { ip: string }> {
  const attachment = attachmentOf(machine.create(name), { annotations });
  const [ip = ''] = await pods.network.add(attachment);
  const sink = ['socat', '-u', `TCP4-LISTEN:${PORT},reuseaddr,fork`, 'OPEN:/dev/null'];
  servers.push(spawn('nsenter', [`--net=${attachment.netnsPath}`, ...sink], { stdio: 'ignore' }));
  return { ...attachment, ip };
}

/** Bytes that a link inside a namespace has received. */
async function receivedIn(netns: string): Promise<number> {
  const { stdout } = await runCommand('nsenter', [`--net=${netns}`, 'cat', '/proc/net/dev']);
  const [, bytes = '0'] = /eth0:\s*(\d+)/.exec(stdout.toString()) ?? [];
  return Number(bytes);
}

/** Megabits per second that come through by TCP, seen at the receiver over the whole time. */
async function throughput(from: NetworkAttachment, to: NetworkAttachment & { ip: string }): Promise<number> {
  const target = `TCP4:${to.ip}:${PORT},retry=100,interval=0.05`;
  const enter = [`--net=${from.netnsPath}`, 'timeout', String(SECONDS), 'socat', '-u', 'OPEN:/dev/zero', target];
  const before = await receivedIn(to.netnsPath);
  const started = performance.now();
  await runCommand('nsenter', enter);
  const seconds = (performance.now() - started) / 1000;
  return (((await receivedIn(to.netnsPath)) - before) * 8e-6) / seconds;
}

const names = (): string[] => listLinks(links).map(({ name }) => name);

async function remove(attachment: NetworkAttachment): Promise<void> {
  await pods.network.remove(attachment);
  removeNetns(attachment.netnsPath);
}

describe('bandwidth of a pod', () => {
  it('is limited both ways, within a fifth, and in no way where nothing was asked for', async () => {
    const limited = await pod('limited', {
      'kubernetes.io/ingress-bandwidth': '20M',
      'kubernetes.io/egress-bandwidth': '8M',
    });
    const free = await pod('free', {});
    const seen = {
      ingress: await throughput(free, limited),
      egress: await throughput(limited, free),
    };
    expect(seen.ingress / 20).toBeGreaterThan(0.8);
    expect(seen.ingress / 20).toBeLessThan(1.2);
    expect(seen.egress / 8).toBeGreaterThan(0.8);
    expect(seen.egress / 8).toBeLessThan(1.2);
    const another = await pod('another', {});
    expect(await throughput(free, another)).toBeGreaterThan(200);
    for (const one of [limited, free, another]) await remove(one);
    await waitFor('the links of removed pods to be gone', saw => {
      saw(names());
      return names().every(name => !/^(veth|ifb)/.test(name));
    });
    expect(pods.holders()).toEqual([]);
  });
});
