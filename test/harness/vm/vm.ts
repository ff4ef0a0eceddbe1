import { existsSync, readFileSync } from 'node:fs';
import { execa } from 'execa';
import { PROJECT } from '../gantry-command.ts';
import { RUN_ID } from '../run-id.ts';

export interface VmResult {
  readonly out: string;
  readonly err: string;
  readonly code: number | undefined;
}

export interface VmOptions {
  /** 1 or 2: its address is 192.168.77.11 or 192.168.77.12, and two VMs of one run reach each other. */
  readonly number: 1 | 2;
  /** MB; 2048 unless given. */
  readonly memory?: number;
  /** 2 unless given: what a control plane asks for. */
  readonly cpus?: number;
  /** How many of them are used after a boot; all unless given. */
  readonly online?: number;
}

/** Software emulation on a busy machine is slow: this ends what hangs, and is no measure of anything. */
const PATIENCE_MS = 1_200_000;

/** Of what failed; a list of a machine is long. */
const MAX_ERROR = 6000;

/** By which its VMs are called: this run's, or that of an earlier run which has kept its own (GANTRY_KEEP_VMS=1). */
export const VMS_ID = process.env['GANTRY_VMS'] ?? RUN_ID;

/** VMs outlive the run. */
export const KEEPS_VMS = process.env['GANTRY_KEEP_VMS'] === '1' || process.env['GANTRY_VMS'] !== undefined;

/** Unit of the times in /proc/PID/stat. */
const TICKS_PER_S = 100;

/** A Debian machine with systemd under QEMU, by scripts/vm. Names carry the run's id, so runs side by side do not meet. */
export class Vm {
  readonly name: string;
  readonly address: string;
  /** Where scripts/vm keeps it on this machine; it goes with the VM. */
  readonly folder: string;

  private constructor(name: string, number: number) {
    this.name = name;
    this.address = `192.168.77.${10 + number}`;
    this.folder = `${process.env['GANTRY_VM_DIR'] ?? `${PROJECT}/.cache/vms`}/${name}`;
  }

  /** Resolves when it takes commands. The host name is `<name>-<run id>`. One that GANTRY_VMS names is taken as it stands. */
  static async boot(name: string, { number, memory = 2048, cpus = 2, online = cpus }: VmOptions): Promise<Vm> {
    const vm = new Vm(`${name}-${VMS_ID}`, number);
    if (process.env['GANTRY_VMS'] === undefined || !existsSync(vm.folder))
      try {
        await vm.#script(
          ...['boot', vm.name, '--number', `${number}`, '--net', VMS_ID],
          ...['--memory', `${memory}`, '--cpus', `${cpus}`, '--online', `${online}`],
        );
      } catch (error) {
        if (!KEEPS_VMS) await vm.stop();
        throw error;
      }
    return vm;
  }

  /** Runs a command as root, whatever its exit code is. */
  run(...argv: readonly string[]): Promise<VmResult> {
    return this.#call(['exec', this.name, '--', ...argv]);
  }

  /** Runs a script of bash that ends at the first failure; answers what it wrote on standard output. Fails with all it wrote when it fails. */
  async sh(script: string): Promise<string> {
    const { code, out, err } = await this.#call(
      ['exec', this.name, '--', 'bash', '-s'],
      `set -eu -o pipefail\n${script}\n`,
    );
    if (code === 0) return out;
    throw new Error(`on ${this.name} this ended with ${code}:\n${`${script}\n${err}\n${out}`.slice(-MAX_ERROR)}`);
  }

  /** Files and folders of this machine into a folder of the VM. */
  copy(sources: readonly string[], folder: string): Promise<void> {
    return this.#script('copy', this.name, ...sources, folder);
  }

  /** A port of this machine's loopback for one of the VM's own; it lasts until the VM is restarted. */
  async forward(port: number): Promise<number> {
    const { code, out, err } = await this.#call(['forward', this.name, `${port}`]);
    if (code !== 0) throw new Error(`forwarding ${port} of ${this.name}: ${err}`);
    return Number(out);
  }

  /** Resolves when it takes commands again. Hard is a power cut. */
  reboot(how: 'by systemd' | 'hard' = 'by systemd'): Promise<void> {
    return this.#script('reboot', this.name, ...(how === 'hard' ? ['--hard'] : []));
  }

  /** Ends it at once and deletes its disk. Safe to repeat. */
  stop(): Promise<void> {
    return this.#script('stop', this.name);
  }

  /** What QEMU has used of this machine's CPUs, in seconds; 0 where it does not run. */
  cpuSeconds(): number {
    try {
      const pid = readFileSync(`${this.folder}/pid`, 'utf8').trim();
      const [, after = ''] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ');
      // utime and stime, proc_pid_stat(5)
      const [user = 0, system = 0] = after.split(' ').slice(11, 13).map(Number);
      return (user + system) / TICKS_PER_S;
    } catch {
      return 0;
    }
  }

  async #script(...args: readonly string[]): Promise<void> {
    const { code, err, out } = await this.#call(args);
    if (code !== 0) throw new Error(`scripts/vm ${args.join(' ')} ended with ${code}: ${err}${out}`);
  }

  async #call(args: readonly string[], input?: string): Promise<VmResult> {
    const result = await execa(`${PROJECT}/scripts/vm`, args, {
      reject: false,
      timeout: PATIENCE_MS,
      ...(input === undefined ? { stdin: 'ignore' as const } : { input }),
    });
    return { out: result.stdout ?? '', err: result.stderr ?? '', code: result.exitCode };
  }
}
