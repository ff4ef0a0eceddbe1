import { readFileSync, writeFileSync } from 'node:fs';
import type { Kubectl } from '../kubectl.ts';
import { type MachineSnapshot, machineSnapshot, snapshotDifference } from '../machine-snapshot.ts';
import { makeRunDirectory, RUN_DIR, removeRunDirectory } from '../run-id.ts';
import { kubectlOf } from './installed-node.ts';
import { KEEPS_VMS, VMS_ID, Vm } from './vm.ts';

/** The last words of what failed, and of all that is Gantry's. */
const TROUBLE = `
  set +e +o pipefail
  systemctl --failed --no-legend --plain
  systemctl list-units --all --no-legend --plain 'gantry-*.service'
  free -m | sed -n 2p; df -h / | sed -n 2p; uptime
  journalctl --no-pager --output=short-iso -u 'gantry-*' -n 50`;

/** The process that udev has for some seconds after a link came or went. */
const UDEV_WORKER = /^processes +\(udev-worker\)$/;

/** What apt and dpkg write down of every package that came and went. */
const PACKAGE_LOGS = /^files .* \/var\/(log\/apt\/|log\/dpkg\.log|lib\/apt\/lists\/auxfiles)/;

/** How long a step took, and what of it the machines computed: time on a machine with others on it says little. */
interface StepTime {
  readonly name: string;
  readonly seconds: number;
  readonly cpuSeconds: number;
}

/**
 * Two Debian machines of one net: what a suite does with both. With GANTRY_KEEP_VMS=1 they outlive the run, which says how to look into them; with GANTRY_VMS=ID the run takes
 * those that an earlier one has kept, and leaves them.
 */
export class TwoVms {
  readonly one: Vm;
  readonly two: Vm;
  readonly #program: string;
  readonly #times: StepTime[] = [];
  #kubectl: Kubectl | undefined;

  private constructor(one: Vm, two: Vm, program: string) {
    this.one = one;
    this.two = two;
    this.#program = program;
  }

  /** Resolves when both take commands. `program` is the kubectl of this machine. */
  static async boot(program: string): Promise<TwoVms> {
    makeRunDirectory();
    const booted = await Promise.allSettled([
      Vm.boot('one', { number: 1, cpus: 2, online: 1 }),
      Vm.boot('two', { number: 2, cpus: 1 }),
    ]);
    const [one, two] = booted.map(each => (each.status === 'fulfilled' ? each.value : undefined));
    if (one !== undefined && two !== undefined) return new TwoVms(one, two, program);
    removeRunDirectory();
    if (!KEEPS_VMS) await Promise.all([one?.stop(), two?.stop()]);
    throw new Error(booted.map(each => (each.status === 'rejected' ? String(each.reason) : '')).join('\n'));
  }

  both<T>(work: (vm: Vm) => Promise<T>): Promise<T[]> {
    return Promise.all([work(this.one), work(this.two)]);
  }

  /** kubectl of this machine, as the administrator. */
  get kubectl(): Kubectl {
    if (this.#kubectl === undefined) throw new Error('connect() was not called since the first machine came up');
    return this.#kubectl;
  }

  /** Makes `kubectl` ask the API server of the first machine: to be called again when that was started anew. `config` prints a kubeconfig there. */
  async connect(config = 'cat /etc/kubernetes/admin.conf'): Promise<Kubectl> {
    this.#kubectl = await kubectlOf(this.one, { program: this.#program, folder: RUN_DIR, config });
    return this.#kubectl;
  }

  /** Writes down what there is on a machine, under that name. */
  async remember(vm: Vm, state: string): Promise<void> {
    const lines = [...(await listOf(vm))].map(([section, things]) => [section, [...things]]);
    writeFileSync(`${vm.folder}/${state}.json`, JSON.stringify(lines));
  }

  /** What came to a machine and went from it since that, a line a thing. */
  async differenceFrom(vm: Vm, state: string): Promise<string[]> {
    const lines = JSON.parse(readFileSync(`${vm.folder}/${state}.json`, 'utf8')) as [string, string[]][];
    const before: MachineSnapshot = new Map(lines.map(([section, things]) => [section, new Set(things)]));
    return snapshotDifference(before, await listOf(vm)).map(line => `${vm.name} ${line}`);
  }

  /** Begins to time a step; the answer ends it. */
  time(name: string): () => void {
    const cpu = (): number => this.one.cpuSeconds() + this.two.cpuSeconds();
    const started = performance.now();
    const before = cpu();
    return () => {
      const seconds = (performance.now() - started) / 1000;
      this.#times.push({ name, seconds, cpuSeconds: cpu() - before });
    };
  }

  /** A line for each step, and their sum. */
  times(): string {
    const sum = (of: 'seconds' | 'cpuSeconds'): number => this.#times.reduce((all, step) => all + step[of], 0);
    const rows = [...this.#times, { name: 'all', seconds: sum('seconds'), cpuSeconds: sum('cpuSeconds') }];
    const row = ({ name, seconds, cpuSeconds }: StepTime): string =>
      `${seconds.toFixed(0).padStart(6)} s ${cpuSeconds.toFixed(0).padStart(8)} s   ${name}`;
    return ['    time   CPU of both', ...rows.map(row)].join('\n');
  }

  /** What both say of what failed. */
  async trouble(): Promise<string> {
    const said = await this.both(async vm => `== ${vm.name}\n${await vm.sh(TROUBLE).catch(String)}`);
    return said.join('\n');
  }

  /** Ends both, unless they are to be kept; answers how to go on with those. */
  async end(): Promise<string> {
    removeRunDirectory();
    if (!KEEPS_VMS) {
      await this.both(vm => vm.stop());
      return '';
    }
    const names = [this.one.name, this.two.name];
    return [
      `kept: ${names.join(' and ')}. To look into them: scripts/vm shell ${names[0]}`,
      `to run steps on them: GANTRY_VMS=${VMS_ID} GANTRY_DEB=… npx vitest run --project vm --testNamePattern 'part of a step'`,
      `to end them: ${names.map(name => `scripts/vm stop ${name}`).join('; ')}`,
    ].join('\n');
  }
}

// the script that lists a machine goes on where a tool is missing or says no
function listOf(vm: Vm): Promise<MachineSnapshot> {
  return machineSnapshot({
    run: script => vm.sh(`set +e +o pipefail\n${script}`),
    ignore: [UDEV_WORKER, PACKAGE_LOGS],
  });
}
