import { rmSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { randomHex } from '../../src/base/hash.ts';
import { BridgeApplier } from '../../src/cni/bridge/apply.ts';
import { GantryBridge } from '../../src/cni/bridge/plugin.ts';
import { AddressJournal } from '../../src/cni/journal/journal.ts';
import { loopbackPlugin } from '../../src/cni/loopback/plugin.ts';
import type { CniError } from '../../src/cni/protocol/error.ts';
import type { JsonObject } from '../../src/cni/protocol/json.ts';
import type { PluginRequest } from '../../src/cni/protocol/plugin.ts';
import { formatResult } from '../../src/cni/protocol/result.ts';
import { runCommand } from '../../src/linux/command.ts';
import { listLinks } from '../../src/linux/netlink/links.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { removeNetns } from '../../src/linux/netns.ts';
import { bootId } from '../../src/linux/procfs.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { runDirectory } from '../harness/run-id.ts';

let machine: PrivateNetns;
let links: NetlinkSocket;
let journalDir: string;
let bridge: GantryBridge;
let foreign: GantryBridge;
let pod: Attached;

const CONFIG = {
  cniVersion: '1.1.0',
  name: 'verbs',
  type: 'gantry-bridge',
  bridge: 'gvb0',
  ipam: { ranges: [[{ subnet: '10.32.0.0/24' }], [{ subnet: 'fd00:32::/64' }]] },
};
const RUNTIME = {
  runtimeConfig: {
    bandwidth: { ingressRate: 10e6, ingressBurst: 2 ** 32 - 1, egressRate: 20e6 },
    portMappings: [{ hostPort: 18081, containerPort: 80, protocol: 'tcp' }],
  },
};

interface Attached {
  readonly request: PluginRequest;
  /** What CHECK gets. */
  readonly checked: PluginRequest;
  readonly hostLink: string;
}

beforeAll(async () => {
  machine = PrivateNetns.enter();
  links = NetlinkSocket.open();
  journalDir = runDirectory('journal');
  const warn = (message: string, error: unknown): void => console.error(message, error);
  bridge = new GantryBridge({ journalDir, bootId: bootId(), warn });
  foreign = new GantryBridge({ journalDir, bootId: bootId(), warn, runner: 'another' });
  pod = await attach(bridge, 'pod', RUNTIME);
});

afterAll(async () => {
  removeNetns(pod.request.netns);
  await foreign.prune(new Set());
  await bridge.prune(new Set());
  bridge.close();
  foreign.close();
  rmSync(journalDir, { recursive: true, force: true });
  links.close();
  machine.leave();
});

async function attach(plugin: GantryBridge, name: string, more: JsonObject = {}): Promise<Attached> {
  const config = { ...CONFIG, ...more };
  const request = { containerId: randomHex(32), netns: machine.create(name), ifname: 'eth0', args: [], config };
  const result = await plugin.add(request);
  const prevResult = formatResult(result, '1.1.0');
  const hostLink = result.interfaces[1]?.name ?? '';
  return { request, checked: { ...request, config: { ...config, prevResult } }, hostLink };
}

async function sh(script: string): Promise<void> {
  const { code, stderr } = await runCommand('sh', ['-ec', script]);
  expect(stderr.toString()).toBe('');
  expect(code).toBe(0);
}

const holders = (): string[] => {
  const journal = AddressJournal.open(journalDir, 'verbs', bootId());
  try {
    return journal.transaction(({ state }) => [...state.entries.values()].map(entry => entry.containerId));
  } finally {
    journal.close();
  }
};
const podLinks = (): string[] =>
  listLinks(links)
    .filter(({ kind }) => kind === 'veth' || kind === 'ifb')
    .map(({ name }) => name)
    .sort();
const failure = (work: Promise<void>): Promise<Pick<CniError, 'cniCode' | 'message'> | undefined> =>
  work.then(
    () => undefined,
    (error: unknown) => error as CniError,
  );
const inPod = (command: string): string => `nsenter --net=${pod.request.netns} ${command}`;

describe('CHECK', () => {
  it('finds what ADD has left as it was, with what others have added', async () => {
    await sh(`${inPod('ip address add 192.0.2.9/32 dev eth0')}; ip address add 192.0.2.10/32 dev gvb0`);
    expect(await failure(bridge.check(pod.checked))).toBeUndefined();
  });

  const port = 'tcp . 18081 : 10.32.0.2 . 80';
  it.each([
    ['an address', () => inPod('ip -4 address flush dev eth0'), 'is gone from eth0 in'],
    ['a route', () => inPod('ip route del default'), 'the route to 0.0.0.0/0 by 10.32.0.1 is gone from'],
    ['the link that is up', () => inPod('ip link set eth0 down'), 'the link eth0 in'],
    ['the MAC', () => inPod('ip link set eth0 address 0a:00:00:00:00:09'), 'has the MAC 0a:00:00:00:00:09'],
    ['the port of the bridge', () => `ip link set ${pod.hostLink} nomaster`, 'is no port of gvb0'],
    ['the limit towards the pod', () => `tc qdisc del dev ${pod.hostLink} root`, 'what the pod receives is gone'],
    [
      'its rate',
      () => `tc qdisc change dev ${pod.hostLink} root tbf rate 1mbit burst 15180 limit 40000`,
      'the limit of what the pod receives is 1000000 bits per second',
    ],
    ['the limit from the pod', () => `tc qdisc del dev ${pod.hostLink} clsact`, 'what the pod sends is gone'],
    ['the gateway', () => 'ip address del 10.32.0.1/24 dev gvb0', 'the bridge gvb0 has not the address 10.32.0.1'],
    ['the rules', () => 'nft delete table inet gantry_cni', 'the rule that masquerades 10.32.0.0/24 is gone'],
    ['a host port', () => 'nft delete table inet gantry_cni', `the host port rule "${port}" is gone`],
  ])('names %s when it has changed', async (what, damage, message) => {
    const held = pod;
    pod = await attach(bridge, `check-${what.replaceAll(' ', '-')}`, {
      runtimeConfig: { bandwidth: RUNTIME.runtimeConfig.bandwidth },
    });
    try {
      const script = damage();
      const [target, expected] = /nft/.test(script) ? [held, message] : [pod, message];
      expect(await failure(bridge.check(target.checked))).toBeUndefined();
      await sh(script);
      expect(await failure(bridge.check(target.checked))).toMatchObject({
        cniCode: 100,
        message: expect.stringContaining(expected),
      });
    } finally {
      await bridge.del(pod.request);
      removeNetns(pod.request.netns);
      pod = held;
      // The next pod puts back what is the network's.
      const healing = await attach(bridge, `heal-${what.replaceAll(' ', '-')}`);
      await bridge.del(healing.request);
      removeNetns(healing.request.netns);
    }
    expect(await failure(bridge.check(pod.checked))).toBeUndefined();
  });

  it('says what it lacks: a result to compare with, the namespace, an attachment', async () => {
    expect(await failure(bridge.check(pod.request))).toMatchObject({ cniCode: 7, message: /prevResult is missing/ });
    const elsewhere = { ...pod.checked, netns: '/nowhere' };
    expect(await failure(bridge.check(elsewhere))).toMatchObject({ cniCode: 8 });
    const other = { ...pod.checked, containerId: 'other' };
    expect(await failure(bridge.check(other))).toMatchObject({
      cniCode: 100,
      message: expect.stringContaining('the address journal has no live attachment of other eth0'),
    });
  });

  it('of loopback says when lo is down', async () => {
    const netns = machine.create('lo');
    const request = { containerId: 'lo', netns, ifname: 'lo', args: [], config: {} };
    expect(await failure(loopbackPlugin.check(request))).toMatchObject({ cniCode: 100, message: /lo in .* is down/ });
    await loopbackPlugin.add(request);
    expect(await failure(loopbackPlugin.check(request))).toBeUndefined();
  });
});

describe('GC', () => {
  const valid = (...attached: Attached[]): JsonObject => ({
    ...CONFIG,
    'cni.dev/valid-attachments': attached.map(({ request }) => ({
      containerID: request.containerId,
      ifname: request.ifname,
    })),
  });

  it('takes away what belongs to no valid attachment: links, limits, ports, addresses; the valid ones work on', async () => {
    const lost = await attach(bridge, 'lost', {
      runtimeConfig: { ...RUNTIME.runtimeConfig, portMappings: [{ hostPort: 18082, containerPort: 80 }] },
    });
    const theirs = await attach(foreign, 'theirs');
    await bridge.gc(valid(pod));
    expect(holders().sort()).toEqual([pod.request.containerId, theirs.request.containerId].sort());
    expect(podLinks()).toEqual([pod.hostLink, pod.hostLink.replace('veth', 'ifb'), theirs.hostLink].sort());
    const rules = (await runCommand('nft', ['list', 'table', 'inet', 'gantry_cni'])).stdout.toString();
    expect(rules).toContain('18081');
    expect(rules).not.toContain('18082');
    expect(await failure(bridge.check(pod.checked))).toBeUndefined();
    await foreign.gc(valid());
    expect(holders()).toEqual([pod.request.containerId]);
    removeNetns(lost.request.netns);
    removeNetns(theirs.request.netns);
  });

  it('takes away links of ours that no journal names any more, and no others', async () => {
    await sh(`
      ip link add veth0123456789a up master gvb0 type veth peer name peer0
      ip link add veth0123456789b type veth peer name peer1
      ip link add veth01234567 up master gvb0 type veth peer name peer2
      ip link add ifb0123456789a type ifb
      ip link add ifb0123456789c type ifb
    `);
    await bridge.gc(valid(pod));
    const mine = [pod.hostLink, pod.hostLink.replace('veth', 'ifb')];
    const left = podLinks().filter(name => !mine.includes(name));
    expect(left).toEqual(['peer1', 'peer2', 'veth01234567', 'veth0123456789b']);
    await sh('ip link del peer1; ip link del peer2');
  });

  it('leaves a pod alone that another runner attaches while it looks for links that nobody names', async () => {
    const look = BridgeApplier.prototype.allLinks;
    let theirs: Promise<Attached> | undefined;
    const between = vi.spyOn(BridgeApplier.prototype, 'allLinks').mockImplementation(function (this: BridgeApplier) {
      // It has made its links when it returns.
      theirs ??= attach(foreign, 'between');
      return look.call(this);
    });
    try {
      await bridge.gc(valid(pod));
    } finally {
      between.mockRestore();
    }
    const attached = await theirs;
    expect(podLinks()).toContain(attached?.hostLink);
    await foreign.gc(valid());
    removeNetns(attached?.request.netns ?? '');
  });

  it('refuses a configuration without the list: it would take every pod’s network away', async () => {
    expect(await failure(bridge.gc(CONFIG))).toMatchObject({ cniCode: 7, message: /valid-attachments is missing/ });
    expect(await failure(bridge.check(pod.checked))).toBeUndefined();
  });
});

describe('STATUS', () => {
  it.each([
    ['a network that works', {}, undefined],
    ['a pod CIDR that is still to come', { ipam: {} }, undefined],
    ['a bridge that is another link', { bridge: 'gvother' }, 'the link gvother exists and is not a bridge'],
    ['a key that is not supported', { vlan: 7 }, 'field vlan (7) is not supported by gantry-bridge'],
  ])('of %s', async (_what, change, message) => {
    await sh('ip link add gvother type ifb');
    const seen = await failure(bridge.status({ ...CONFIG, ...change }));
    await sh('ip link del gvother');
    expect([seen?.cniCode, seen?.message]).toEqual(message === undefined ? [undefined, undefined] : [50, message]);
  });
});
