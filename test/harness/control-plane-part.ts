import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { freePorts } from './etcd.ts';
import { gantryCommand } from './gantry-command.ts';
import { makeRunDirectory, RUN_DIR } from './run-id.ts';

/** A built part of the control plane, `gantry run ROLE`, against some API server; it can be killed and started again. */
export class ControlPlanePart {
  readonly #role: string;
  readonly #kubeconfig: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #log = '';
  #port = 0;

  constructor(role: string, kubeconfig: string, args: readonly string[] = []) {
    this.#role = role;
    this.#kubeconfig = kubeconfig;
    this.#args = args;
  }

  /** What this life of it has logged. */
  get log(): string {
    return this.#log;
  }

  /** Where it serves /healthz and /metrics, on 127.0.0.1. */
  get healthzPort(): number {
    return this.#port;
  }

  async start(): Promise<void> {
    const [port] = await freePorts();
    const [node = '', ...command] = gantryCommand('run', this.#role);
    makeRunDirectory();
    // the machine's own candidates know of each other elsewhere
    const lives = `--leader-elect-lives-dir=${RUN_DIR}/leader-election`;
    const args = [`--kubeconfig=${this.#kubeconfig}`, `--healthz-port=${port}`, lives, ...this.#args];
    this.#log = '';
    this.#port = port;
    const child = spawn(node, [...command, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', piece => {
        this.#log = (this.#log + String(piece)).slice(-50_000);
      });
    this.#child = child;
  }

  /** Its exit code, when it has ended by itself. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) throw new Error(`the ${this.#role} does not run`);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
  }

  /** SIGSTOP: it lives and does nothing. */
  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** Ends it and waits until it is gone; its exit code. Safe to repeat. */
  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = await exited;
    return code as number | null;
  }
}
