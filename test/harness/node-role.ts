import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { gantryCommand } from './gantry-command.ts';

/** A part of a node, built, in the network namespace in which this is called; it can be killed and started again. */
export class TestNodeRole {
  readonly #role: 'proxy' | 'network' | 'dns';
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #log = '';

  constructor(role: 'proxy' | 'network' | 'dns', args: readonly string[]) {
    this.#role = role;
    this.#args = args;
  }

  /** What this life of it has logged. */
  get log(): string {
    return this.#log;
  }

  start(): void {
    const [node = '', ...command] = gantryCommand('run', this.#role);
    this.#log = '';
    const child = spawn(node, [...command, ...this.#args], { stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', piece => {
        this.#log = (this.#log + String(piece)).slice(-50_000);
      });
    this.#child = child;
  }

  /** Waits until it has ended by itself; its exit code. */
  async ended(): Promise<number | null> {
    const child = this.#child;
    if (child === undefined) return null;
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    return child.exitCode;
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
