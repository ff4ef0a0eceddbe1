import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { inNetns } from '../../src/linux/netns.ts';

const SCRIPT = fileURLToPath(new URL('./netns-agent.mjs', import.meta.url));

export interface Question {
  readonly protocol: 'tcp' | 'udp';
  readonly host: string;
  readonly port: number;
  readonly times?: number;
  readonly timeoutMs?: number;
  /** UDP: the port to ask from. */
  readonly localPort?: number;
}

/** A program in a network namespace that serves and asks for a test. */
export class NetnsAgent {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor(child: ChildProcess) {
    this.#child = child;
    if (child.stdout === null) throw new Error('the agent has no output');
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** In the namespace bound at a path. */
  static start(netns: string): NetnsAgent {
    const env = { ...process.env, NODE_EXTRA_CA_CERTS: '' };
    return new NetnsAgent(
      inNetns(netns, () => spawn(process.execPath, [SCRIPT], { stdio: ['pipe', 'pipe', 'inherit'], env })),
    );
  }

  /** Every answer is `name address-that-it-sees`. */
  async listen(protocol: 'tcp' | 'udp', port: number, name: string): Promise<void> {
    await this.#call('listen', { protocol, port, name });
  }

  async close(protocol: 'tcp' | 'udp', port: number): Promise<void> {
    await this.#call('close', { protocol, port });
  }

  /** The answers, each `name address-that-it-saw`, or the code of an error, or `timeout`. */
  ask(question: Question): Promise<string[]> {
    return this.#call('ask', question);
  }

  /** Begins to ask again and again, over new connections. */
  async flood(question: Question): Promise<void> {
    await this.#call('flood', question);
  }

  /** Ends that, and tells how it went. */
  calm(): Promise<{ asked: number; failed: string[] }> {
    return this.#call('calm', {});
  }

  /** Ends it and waits until it is gone. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await exited;
  }

  async #call<T>(name: string, options: object): Promise<T> {
    this.#child.stdin?.write(`${JSON.stringify([name, options])}\n`);
    const { value, done } = await this.#lines.next();
    if (done === true) throw new Error(`the agent ended during ${name}`);
    return JSON.parse(value) as T;
  }
}
