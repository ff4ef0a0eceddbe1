import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { errorMessage, GantryError, internalError } from '../../base/errors.ts';
import type { LayerUsage } from './unpack-layer.ts';
import type { UnpackAnswer, UnpackRequest } from './unpack-protocol.ts';

/** A process that has nothing to do for this long is ended: the daemon's idle memory is its own alone. */
const IDLE_MS = 2_000;

/**
 * A small pool of unpack processes, started when a layer comes and ended when none does. Unpacking is synchronous work for seconds and runs
 * as a chroot: neither may happen in the daemon.
 */
export class Unpackers {
  readonly #command: readonly string[];
  readonly #limit: number;
  readonly #idle: UnpackProcess[] = [];
  readonly #all = new Set<UnpackProcess>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `command` starts a process that calls runUnpackProcess; at most `limit` run at once. */
  constructor(command: readonly string[], limit: number) {
    this.#command = command;
    this.#limit = limit;
  }

  /**
   * Unpacks one layer; `open` is called when a process is free and gives the layer's bytes. Waits its turn. Throws what the process found wrong,
   * or what the source of the bytes threw. The directory may then hold a part; the caller removes it.
   */
  async unpack(request: UnpackRequest, open: () => Promise<Readable>, signal: AbortSignal): Promise<LayerUsage> {
    while (this.#running >= this.#limit) await this.#turn(signal);
    this.#running += 1;
    try {
      signal.throwIfAborted();
      const body = await open();
      const worker = this.#idle.pop() ?? this.#start();
      worker.stopIdleTimer();
      const usage = await worker.run(request, body, signal);
      this.#idle.push(worker);
      worker.startIdleTimer(() => this.#idle.splice(this.#idle.indexOf(worker), 1));
      return usage;
    } finally {
      this.#running -= 1;
      this.#waiting.shift()?.();
    }
  }

  /** Ends every process, at work or not. */
  close(): void {
    for (const worker of this.#all) worker.kill();
  }

  #start(): UnpackProcess {
    const worker: UnpackProcess = new UnpackProcess(this.#command, () => {
      this.#all.delete(worker);
      const at = this.#idle.indexOf(worker);
      if (at >= 0) this.#idle.splice(at, 1);
    });
    this.#all.add(worker);
    return worker;
  }

  #turn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(go);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason);
      };
      const go = (): void => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      };
      if (signal.aborted) return reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(go);
    });
  }
}

class UnpackProcess {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #gone: Promise<string>;
  #answer: ((answer: UnpackAnswer) => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #stderr = '';

  constructor(command: readonly string[], onGone: () => void) {
    const [file = '', ...args] = command;
    // NODE_EXTRA_CA_CERTS and the like only slow the start: nothing here speaks to a network.
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env: { PATH: process.env['PATH'] ?? '' } });
    const { stdin, stdout, stderr } = this.#child;
    if (stdin === null || stdout === null || stderr === null) throw internalError('the unpack process has no pipes');
    this.#input = stdin;
    stdin.on('error', () => undefined);
    createInterface({ input: stdout }).on('line', line => this.#answer?.(JSON.parse(line) as UnpackAnswer));
    stderr.on('data', (data: Buffer) => {
      this.#stderr = (this.#stderr + data.toString('utf8')).slice(-2000);
    });
    this.#gone = new Promise(resolve => {
      this.#child.once('error', error => resolve(errorMessage(error)));
      this.#child.once('close', (code, name) =>
        resolve(
          `it ended with ${name ?? `exit code ${code}`}${this.#stderr === '' ? '' : `: ${this.#stderr.trim().split('\n').at(-1)}`}`,
        ),
      );
    });
    void this.#gone.then(onGone);
  }

  async run(request: UnpackRequest, body: Readable, signal: AbortSignal): Promise<LayerUsage> {
    const feeding = new AbortController();
    const stopFeeding = (): void => feeding.abort(signal.reason);
    if (signal.aborted) stopFeeding();
    else signal.addEventListener('abort', stopFeeding, { once: true });
    const answered = new Promise<UnpackAnswer>(resolve => {
      this.#answer = resolve;
    });
    const died = this.#gone.then(
      (why): UnpackAnswer => ({ ok: false, code: 'internal', message: `the unpack process failed: ${why}` }),
    );
    const outcome = Promise.race([answered, died]);
    const json = Buffer.from(JSON.stringify(request), 'utf8');
    const head = Buffer.alloc(4);
    head.writeUInt32BE(json.length, 0);
    this.#input.write(Buffer.concat([head, json]));
    const fed = pipeline(body, exactly(request.size), this.#input, { end: false, signal: feeding.signal });
    try {
      const first = await Promise.race([
        outcome,
        fed.then(
          () => undefined,
          (error: unknown) => ({ failed: error }),
        ),
      ]);
      signal.throwIfAborted();
      // A process that gave up closes its pipe, so that its answer and our EPIPE race: its answer is the cause.
      const brokenPipe = first !== undefined && 'failed' in first && isBrokenPipe(first.failed);
      if (first !== undefined && 'failed' in first && !brokenPipe) throw first.failed;
      const answer = await outcome;
      if (!answer.ok) throw new GantryError(answer.code, answer.message);
      await fed;
      return { bytes: answer.bytes, inodes: answer.inodes, skippedXattrs: answer.skippedXattrs };
    } catch (error) {
      fed.catch(() => undefined);
      feeding.abort();
      body.destroy();
      this.kill();
      await this.#gone;
      throw error;
    } finally {
      this.#answer = undefined;
      signal.removeEventListener('abort', stopFeeding);
    }
  }

  startIdleTimer(onIdle: () => void): void {
    this.#idleTimer = setTimeout(() => {
      onIdle();
      this.#input.end();
    }, IDLE_MS);
    this.#idleTimer.unref();
  }

  stopIdleTimer(): void {
    clearTimeout(this.#idleTimer);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** Passes bytes on and throws `data-loss` when there are more or fewer than the descriptor says. */
function exactly(size: number): (source: AsyncIterable<Buffer>) => AsyncGenerator<Buffer> {
  return async function* count(source) {
    let seen = 0;
    for await (const chunk of source) {
      seen += chunk.length;
      if (seen > size)
        throw new GantryError('data-loss', `the layer has more than the ${size} bytes that its descriptor says`);
      yield chunk;
    }
    if (seen < size) throw new GantryError('data-loss', `the layer ended after ${seen} of ${size} bytes`);
  };
}

function isBrokenPipe(error: unknown): boolean {
  const code = (error as { code?: unknown } | undefined)?.code;
  return code === 'EPIPE' || code === 'ERR_STREAM_PREMATURE_CLOSE' || code === 'ECONNRESET';
}
