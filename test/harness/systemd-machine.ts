import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { removeCgroup } from '../../src/linux/cgroup.ts';
import { type CommandResult, runCommand, spawnProcess, waitForExit } from '../../src/linux/command.ts';
import { PROJECT } from './gantry-command.ts';
import { BUSYBOX } from './images.ts';
import { makeRunDirectory, RUN_DIR, RUN_ID } from './run-id.ts';
import { waitFor } from './wait-for.ts';

const LAUNCHER = fileURLToPath(new URL('systemd-machine.sh', import.meta.url));
const NEEDED = ['/lib/systemd/systemd', '/lib/systemd/systemd-logind', '/usr/bin/dbus-daemon', '/usr/bin/etcd'];

/** Where a node has its things on it; all else is of the machine around. */
export const NODE_ROOTS: readonly string[] = [
  '/etc',
  '/opt',
  '/run',
  '/var/log',
  '/var/lib/kubelet',
  '/var/lib/gantry',
  '/var/lib/etcd',
  '/var/lib/cni',
];

/** A pod for it, whose `sleep 7654321` ends when it is told to. */
export const SLEEPER = `
apiVersion: v1
kind: Pod
metadata: {name: sleeper}
spec:
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 5
  containers: [{name: main, image: "${BUSYBOX}", command: [sh, -c, "trap 'exit 0' TERM; sleep 7654321 & wait"]}]
`;

/** Why there can be no such machine here; undefined where there can. */
export function noSystemdMachine(): string | undefined {
  const missing = NEEDED.filter(path => !existsSync(path));
  return missing.length === 0 ? undefined : `${missing.join(', ')} missing here`;
}

/** A machine that systemd runs, within this one: its PID 1 in namespaces of its own, the built command and the units installed as the package does. */
export class SystemdMachine {
  /** The same directory inside and outside. */
  readonly shared: string;
  readonly #pid1: number;
  readonly #ended: Promise<unknown>;
  readonly #group: string;

  private constructor(pid1: number, ended: Promise<unknown>, group: string, shared: string) {
    this.#pid1 = pid1;
    this.#ended = ended;
    this.#group = group;
    this.shared = shared;
  }

  /** Resolves when its manager answers. */
  static async boot(): Promise<SystemdMachine> {
    makeRunDirectory();
    const group = `/gantry-${RUN_ID}-systemd`;
    const [layer, shared] = ['layer', 'shared'].map(name => `${RUN_DIR}/systemd-${name}`) as [string, string];
    for (const directory of [layer, shared]) mkdirSync(directory, { recursive: true });
    const { pid } = spawnProcess(LAUNCHER, [group, layer, PROJECT, process.execPath, shared]);
    const ended = waitForExit(pid);
    const pid1 = await waitFor('PID 1 of the machine', () => {
      const [child] = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ');
      return child !== undefined && /^systemd\n/.test(readFileSync(`/proc/${child}/comm`, 'utf8')) && Number(child);
    });
    const machine = new SystemdMachine(pid1, ended, group, shared);
    await waitFor('its manager to answer', async saw => {
      const { stdout } = await machine.run('systemctl is-system-running');
      saw(stdout.toString('utf8'));
      return /^(running|degraded)/.test(stdout.toString('utf8'));
    });
    return machine;
  }

  /** Runs a script of sh inside, as root. */
  run(script: string): Promise<CommandResult> {
    const inside = ['-t', String(this.#pid1), '-a', `--root=/proc/${this.#pid1}/root`, '--wdns=/'];
    return runCommand('nsenter', [...inside, 'sh', '-c', script], {
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', HOME: '/root' },
      timeoutMs: 110_000,
    });
  }

  /** The same; its output. Throws where it fails. */
  async sh(script: string): Promise<string> {
    const { code, stdout, stderr } = await this.run(script);
    if (code !== 0) throw new Error(`${script}: code ${code}: ${stdout}${stderr}`);
    return stdout.toString('utf8').trim();
  }

  /** A property of a unit. */
  property(unit: string, name: string): Promise<string> {
    return this.sh(`systemctl show --value --property=${name} ${unit}`);
  }

  /** Resolves when the machine went down by itself. */
  async down(): Promise<void> {
    await this.#ended;
  }

  /** Ends it at once and takes its groups away. Safe to repeat. */
  async stop(): Promise<void> {
    try {
      process.kill(this.#pid1, 'SIGKILL');
    } catch {
      // it went down by itself
    }
    await this.#ended;
    await removeCgroup(this.#group);
  }
}
