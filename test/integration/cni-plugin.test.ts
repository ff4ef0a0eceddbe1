import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CNI_VERSIONS } from '../../src/cni/protocol/versions.ts';
import { runCommand } from '../../src/linux/command.ts';
import { listLinks } from '../../src/linux/netlink/links.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { removeNetns } from '../../src/linux/netns.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import { podConfig } from '../harness/cri-pod.ts';
import { gantryCommand, PROJECT } from '../harness/gantry-command.ts';
import { run } from '../harness/host.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { runDirectory } from '../harness/run-id.ts';
import { containerdHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const LAUNCHER = readFileSync(`${PROJECT}/cni/gantry-bridge`, 'utf8');

/** The launcher that runtimes execute, calling the built command where no daemon takes its call. */
const launcher = (options = ''): string =>
  LAUNCHER.replace('gantry cni', `${gantryCommand('cni').join(' ')}${options}`);

describe('gantry-bridge as a program', () => {
  let machine: PrivateNetns;
  let links: NetlinkSocket;
  let root: string;

  beforeAll(() => {
    machine = PrivateNetns.enter();
    links = NetlinkSocket.open();
    root = runDirectory('plugin');
    mkdirSync(root, { recursive: true });
    writeFileSync(`${root}/cri.yaml`, `cni:\n  journalDir: ${root}/journal\n`);
    for (const name of ['gantry-bridge', 'loopback'])
      writeFileSync(`${root}/${name}`, launcher(` --cri-config ${root}/cri.yaml`), { mode: 0o755 });
  });

  afterAll(() => {
    rmSync(root, { recursive: true, force: true });
    links.close();
    machine.leave();
  });

  const CONFIG = {
    cniVersion: '1.1.0',
    name: 'program',
    type: 'gantry-bridge',
    bridge: 'gpr0',
    ipam: { subnet: '10.36.0.0/24' },
    runtimeConfig: { bandwidth: { egressRate: 1e6 } },
  };
  interface Answer {
    readonly code: number | null;
    readonly answer: Record<string, unknown> | undefined;
  }
  async function call(
    command: string,
    netns: string,
    config: object | string = CONFIG,
    more: object = {},
  ): Promise<Answer> {
    const { code, stdout, stderr } = await runCommand(`${root}/gantry-bridge`, [], {
      env: {
        PATH: process.env['PATH'] ?? '',
        GANTRY_CNI_SOCKET: `${root}/nobody.sock`,
        CNI_COMMAND: command,
        CNI_CONTAINERID: 'one',
        CNI_NETNS: netns,
        CNI_IFNAME: 'eth0',
        CNI_PATH: root,
        ...more,
      },
      input: typeof config === 'string' ? config : JSON.stringify(config),
    });
    expect(stderr.toString()).toBe('');
    const text = stdout.toString();
    return { code, answer: text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>) };
  }
  const ended = { code: 0, answer: undefined };

  it('serves every verb, and DEL leaves nothing behind when it returns', async () => {
    const netns = machine.create('program');
    expect(await call('STATUS', '')).toEqual(ended);
    const { code, answer: prevResult } = await call('ADD', netns);
    expect({ code, prevResult }).toMatchObject({
      code: 0,
      prevResult: { cniVersion: '1.1.0', ips: [{ address: '10.36.0.2/24', gateway: '10.36.0.1' }] },
    });
    expect(await call('CHECK', netns, { ...CONFIG, prevResult })).toEqual(ended);
    const valid = { ...CONFIG, 'cni.dev/valid-attachments': [{ containerID: 'one', ifname: 'eth0' }] };
    expect(await call('GC', '', valid)).toEqual(ended);
    expect(await call('CHECK', netns, { ...CONFIG, prevResult })).toEqual(ended);
    expect(await call('DEL', netns)).toEqual(ended);
    expect(listLinks(links).map(({ name }) => name)).toEqual(['lo', 'gpr0']);
    expect(await call('DEL', '')).toEqual(ended);
    const { answer: again } = await call('ADD', netns, { ...CONFIG, cniVersion: '0.3.1' });
    expect(again).toMatchObject({ cniVersion: '0.3.1', ips: [{ version: '4', address: '10.36.0.3/24' }] });
    expect(await call('GC', '', { ...CONFIG, 'cni.dev/valid-attachments': [] })).toEqual(ended);
    expect(listLinks(links).map(({ name }) => name)).toEqual(['lo', 'gpr0']);
    removeNetns(netns);
  });

  it('says which versions it speaks', async () => {
    expect(await call('VERSION', '', { cniVersion: '1.0.0' })).toEqual({
      code: 0,
      answer: { cniVersion: '1.0.0', supportedVersions: [...CNI_VERSIONS] },
    });
  });

  it.each([
    ['a verb that is none', 'MEND', CONFIG, {}, 4, 'unknown CNI_COMMAND: "MEND"'],
    ['a configuration that is no JSON', 'ADD', '{', {}, 6, 'the configuration on stdin is not JSON'],
    ['a version of the future', 'ADD', { ...CONFIG, cniVersion: '2.0.0' }, {}, 1, 'CNI version "2.0.0" is not spoken'],
    ['a namespace that is none', 'ADD', CONFIG, { CNI_NETNS: '/nowhere' }, 8, '/nowhere is not a network namespace'],
    ['arguments that are no pairs', 'ADD', CONFIG, { CNI_ARGS: 'A=1;B' }, 4, 'CNI_ARGS: "B" is not KEY=VALUE'],
    ['no container', 'DEL', CONFIG, { CNI_CONTAINERID: '' }, 4, 'missing or invalid: CNI_CONTAINERID'],
  ])('refuses %s with an error object', async (_what, command, config, more, number, message) => {
    expect(await call(command, '/nowhere', config, more)).toMatchObject({
      code: 1,
      answer: { code: number, msg: expect.stringContaining(message) },
    });
  });
});

describe.each([
  { how: 'alone', program: launcher(), start: async (): Promise<void> => undefined },
  // no `gantry` is on the PATH there: every call is the daemon's
  { how: 'by the daemon of the shim', program: LAUNCHER, start: startShim },
])('gantry-bridge under containerd, $how', ({ program, start }) => {
  let target: RuntimeHost;

  beforeAll(async () => {
    target = await containerdHost({
      withoutImage: true,
      cniBinDir: '/opt/cni/bin',
      prepare: async host => {
        mkdirSync(host.path('/opt/cni/bin'), { recursive: true });
        for (const name of ['gantry-bridge', 'loopback']) {
          const file = host.path(`/opt/cni/bin/${name}`);
          writeFileSync(file, program);
          chmodSync(file, 0o755);
        }
        rmSync(host.path('/etc/cni/net.d/10-peer.conflist'));
        // containerd 1.6 speaks 1.0.0 at most.
        const template = readFileSync(`${PROJECT}/cni/10-gantry.conflist.json`, 'utf8').replace('1.1.0', '1.0.0');
        writeFileSync(host.path('/etc/cni/net.d/10-gantry.conflist'), template);
        await start(host);
      },
    });
  });
  afterAll(() => target.delete());

  it('gives a pod its address, host port and limits, and takes them back', async () => {
    const config = PodSandboxConfig.fromPartial({
      ...podConfig('foreign'),
      annotations: { 'kubernetes.io/ingress-bandwidth': '10M', 'kubernetes.io/egress-bandwidth': '10M' },
      portMappings: [{ protocol: 0, hostPort: 18080, containerPort: 80, hostIp: '' }],
    });
    const { podSandboxId } = await target.client.runPodSandbox({ config, runtimeHandler: '' });
    const { status } = await target.client.podSandboxStatus({ podSandboxId, verbose: false });
    expect(status?.network?.ip).toBe('10.244.0.2');
    await run(target.host, ['busybox', 'ping', '-c1', '-W2', '10.244.0.2']);
    const seen = async (): Promise<string> =>
      `${await run(target.host, ['tc', 'qdisc'])}${await run(target.host, ['nft', 'list', 'table', 'inet', 'gantry_cni'])}`;
    expect(await seen()).toMatch(/tbf .*rate 10Mbit[\s\S]*18080/);
    await target.client.stopPodSandbox({ podSandboxId });
    await target.client.removePodSandbox({ podSandboxId });
    expect(await seen()).not.toContain('18080');
    await waitFor('the links to be deleted', async saw => {
      const left = `${await seen()}${await run(target.host, ['ip', '-o', 'link'])}`;
      saw(left);
      return !/tbf|veth|ifb/.test(left);
    });
  });
});

async function startShim(host: Host): Promise<void> {
  await host.supervise('gantry-cri', gantryCommand('run', 'cri'));
  await waitFor('the socket for launchers', () => existsSync(host.path('/run/gantry/cni.sock')));
}
