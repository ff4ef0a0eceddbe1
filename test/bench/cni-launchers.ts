import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { runCommand } from '../../src/linux/command.ts';
import { listLinks } from '../../src/linux/netlink/links.ts';
import { NetlinkSocket } from '../../src/linux/netlink/socket.ts';
import { createNetns, removeNetns } from '../../src/linux/netns.ts';
import { gantryCommand, PROJECT } from '../harness/gantry-command.ts';
import { PrivateNetns } from '../harness/private-netns.ts';
import { runDirectory } from '../harness/run-id.ts';
import { waitFor } from '../harness/wait-for.ts';
import type { CniSamples } from './cni.ts';

/** What a runtime waits for that executes a plugin. */
export interface LauncherBench {
  /** The launcher, whose call `gantry run cri` takes. */
  readonly socket: CniSamples;
  /** The launcher, with no daemon there: it starts Node. */
  readonly alone: CniSamples;
  /** Debian's bridge, which executes host-local, with ipMasq. */
  readonly reference: CniSamples;
}

interface Side {
  readonly name: string;
  readonly program: string;
  readonly config: object;
  readonly env?: Readonly<Record<string, string>>;
  readonly samples: { readonly add: number[]; readonly del: number[] };
}

const side = (name: string, program: string, config: object, env: Readonly<Record<string, string>> = {}): Side => ({
  name,
  program,
  config: { cniVersion: '1.0.0', name, ...config },
  env,
  samples: { add: [], del: [] },
});

/** ADD and DEL of three executed plugins, turn by turn, in a network namespace of its own, with a daemon of the built command there. Needs root. */
export async function benchLaunchers(rounds: number): Promise<LauncherBench> {
  const machine = PrivateNetns.enter();
  const links = NetlinkSocket.open();
  const root = runDirectory('launchers');
  mkdirSync(`${root}/net.d`, { recursive: true });
  await runCommand('ip', ['link', 'set', 'lo', 'up']);
  const launcher = `${root}/gantry-bridge`;
  const text = readFileSync(`${PROJECT}/cni/gantry-bridge`, 'utf8');
  const alone = gantryCommand('cni', '--cri-config', `${root}/cri.yaml`).join(' ');
  writeFileSync(launcher, text.replace('gantry cni', alone));
  chmodSync(launcher, 0o755);
  const daemon = await startDaemon(root);
  const ours = (bridge: string, subnet: string): object => ({ type: 'gantry-bridge', bridge, ipam: { subnet } });
  const dataDir = `${root}/host-local`;
  const ipam = { type: 'host-local', dataDir, ranges: [[{ subnet: '10.93.0.0/16' }]] };
  const peer = { type: 'bridge', bridge: 'cni0', isDefaultGateway: true, hairpinMode: true, ipMasq: true, ipam };
  const sides = [
    side('socket', launcher, ours('gla0', '10.91.0.0/16'), { GANTRY_CNI_SOCKET: `${root}/cni.sock` }),
    side('alone', launcher, ours('gla1', '10.92.0.0/16'), { GANTRY_CNI_SOCKET: `${root}/nobody.sock` }),
    side('reference', '/usr/lib/cni/bridge', peer),
  ] as const;
  const call = async ({ program, config, env }: Side, command: string, netns: string): Promise<number> => {
    const started = performance.now();
    const { code, stdout } = await runCommand(program, [], {
      env: {
        PATH: process.env['PATH'] ?? '',
        CNI_COMMAND: command,
        CNI_CONTAINERID: netns.replaceAll('/', '-').slice(-40),
        CNI_NETNS: netns,
        CNI_IFNAME: 'eth0',
        CNI_PATH: '/usr/lib/cni',
        ...env,
      },
      input: JSON.stringify(config),
    });
    if (code !== 0) throw new Error(`${program} ${command} ended with ${code}: ${stdout.toString()}`);
    return performance.now() - started;
  };
  try {
    // the first round of each is unmeasured: bridges, rules and caches
    for (let index = -1; index < rounds; index++)
      for (const each of sides) {
        const netns = machine.path(`${each.name}-${index + 1}`);
        createNetns(netns);
        const add = await call(each, 'ADD', netns);
        const del = await call(each, 'DEL', netns);
        removeNetns(netns);
        await waitFor('the links to be gone', () => listLinks(links).every(({ kind }) => kind !== 'veth'));
        if (index < 0) continue;
        each.samples.add.push(add);
        each.samples.del.push(del);
      }
    const [socket, without, reference] = sides;
    return { socket: socket.samples, alone: without.samples, reference: reference.samples };
  } finally {
    daemon.kill('SIGTERM');
    await once(daemon, 'exit');
    rmSync(root, { recursive: true, force: true });
    links.close();
    machine.leave();
  }
}

async function startDaemon(root: string): Promise<ChildProcess> {
  const config = [
    `socket: ${root}/cri.sock`,
    `root: ${root}/lib`,
    `state: ${root}/state`,
    `cni: { confDir: ${root}/net.d, cacheDir: ${root}/cache, journalDir: ${root}/journal }`,
  ];
  writeFileSync(`${root}/cri.yaml`, `${config.join('\n')}\n`);
  const [program = '', ...args] = gantryCommand('run', 'cri', '--config', `${root}/cri.yaml`);
  const daemon = spawn(program, args, { stdio: 'ignore' });
  await waitFor('the daemon to serve launchers', () => existsSync(`${root}/cni.sock`));
  return daemon;
}
