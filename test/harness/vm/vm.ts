import { execa } from 'execa';
import { PROJECT } from '../gantry-command.ts';
import { RUN_ID } from '../run-id.ts';

export interface VmResult {
  readonly out: string;
  readonly err: string;
  readonly code: number | undefined;
}

export interface VmOptions {
  /** 1 or 2: its address is 192.168.77.11 or 192.168.77.12, and two VMs of this run reach each other. */
  readonly number: 1 | 2;
  /** MB; 2048 unless given. */
  readonly memory?: number;
}

/** Software emulation on a busy machine is slow: this ends what hangs, and is no measure of anything. */
const PATIENCE_MS = 540_000;

/** Of what failed; a list of a machine is long. */
const MAX_ERROR = 6000;

/** A Debian machine with systemd under QEMU, by scripts/vm. Names carry the run's id, so runs side by side do not meet. */
export class Vm {
  readonly name: string;
  readonly address: string;

  private constructor(name: string, number: number) {
    this.name = name;
    this.address = `192.168.77.${10 + number}`;
  }

  /** Resolves when it takes commands. The host name is `<name>-<run id>`. */
  static async boot(name: string, { number, memory = 2048 }: VmOptions): Promise<Vm> {
    const vm = new Vm(`${name}-${RUN_ID}`, number);
    await vm.#script('boot', vm.name, '--number', `${number}`, '--net', RUN_ID, '--memory', `${memory}`);
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
