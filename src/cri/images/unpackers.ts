import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import { errorMessage, GantryError, internalError } from '../../base/errors.ts';
import { isAnyIgnored } from '../../linux/ignored-signals.ts';
import type { BlobLocation } from './image-source.ts';
import { LayerTurns } from './layer-turns.ts';
import type { AskedAgain } from './registry-layer.ts';
import type { LayerUsage, UnpackReport, UnpackRequest } from './unpack-protocol.ts';

/** A process that has nothing to do for this long is ended: the daemon's idle memory is its own alone. */
const IDLE_MS = 2_000;

/** An UnpackRequest but for the place of the bytes, which is asked for when a process is free. */
export type LayerToUnpack = Omit<UnpackRequest, 'source'>;

/** Who is told how a layer gets on. */
export interface UnpackObserver {
  /** Now and then: bytes of the layer that have been taken. */
  onProgress(bytes: number): void;
  onAgain(again: AskedAgain): void;
}

/**
 * A small pool of unpack processes, started when a layer comes and ended when none does. Unpacking is synchronous work for seconds and runs
 * as a chroot: neither may happen in the daemon. The processes read the layers themselves, so that their bytes leave nothing in its heap.
 */
export class Unpackers {
  readonly #command: readonly string[];
  readonly #turns: LayerTurns;
  readonly #idle: UnpackProcess[] = [];
  readonly #all = new Set<UnpackProcess>();

  /** `command` starts a process that calls runUnpackProcess; `limit` is that of LayerTurns. */
  constructor(command: readonly string[], limit: number) {
    this.#command = command;
    this.#turns = new LayerTurns(limit);
  }

  /**
   * Unpacks one layer of a pull. Waits its turn; `locate` is called when that has come. Throws what the process found wrong or met at the source. The directory
   * may then hold a part; the caller removes it.
   */
  async unpack(
    pull: object,
    layer: LayerToUnpack,
    locate: () => Promise<BlobLocation>,
    observer: UnpackObserver,
    signal: AbortSignal,
  ): Promise<LayerUsage> {
    const endTurn = await this.#turns.take(pull, signal);
    try {
      signal.throwIfAborted();
      const source = await locate();
      const worker = this.#idle.pop() ?? this.#start();
      worker.stopIdleTimer();
      const usage = await worker.run({ ...layer, source }, observer, signal);
      this.#idle.push(worker);
      worker.startIdleTimer(() => this.#forget(worker));
      return usage;
    } finally {
      endTurn();
    }
  }

  /** Ends every process, at work or not. */
  close(): void {
    for (const worker of this.#all) worker.kill();
  }

  #start(): UnpackProcess {
    const worker: UnpackProcess = new UnpackProcess(this.#command, () => {
      this.#all.delete(worker);
      this.#forget(worker);
    });
    this.#all.add(worker);
    return worker;
  }

  /** Hands no more layers to it. */
  #forget(worker: UnpackProcess): void {
    const at = this.#idle.indexOf(worker);
    if (at >= 0) this.#idle.splice(at, 1);
  }
}

class UnpackProcess {
  readonly #child: ChildProcess;
  readonly #input: Writable;
  readonly #gone: Promise<string>;
  #onReport: ((report: UnpackReport) => void) | undefined;
  #idleTimer: NodeJS.Timeout | undefined;
  #stderr = '';

  constructor(command: readonly string[], onGone: () => void) {
    const [file = '', ...args] = command;
    // NODE_EXTRA_CA_CERTS and the like only slow the start: trusted-certificates.ts reads the certificates it trusts itself.
    const env: NodeJS.ProcessEnv = { PATH: process.env['PATH'] ?? '' };
    if (process.env['SSL_CERT_FILE'] !== undefined) env['SSL_CERT_FILE'] = process.env['SSL_CERT_FILE'];
    this.#child = spawn(file, args, { stdio: ['pipe', 'pipe', 'pipe'], env, detached: isAnyIgnored() });
    const { stdin, stdout, stderr } = this.#child;
    if (stdin === null || stdout === null || stderr === null) throw internalError('the unpack process has no pipes');
    this.#input = stdin;
    stdin.on('error', () => undefined);
    createInterface({ input: stdout }).on('line', line => this.#onReport?.(JSON.parse(line) as UnpackReport));
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

  /** One layer. After a throw, the abortion of `signal` included, the process has ended. */
  async run(request: UnpackRequest, observer: UnpackObserver, signal: AbortSignal): Promise<LayerUsage> {
    let onAbort = (): void => {};
    const outcome = new Promise<LayerUsage>((resolve, reject) => {
      this.#onReport = report => {
        if (report.kind === 'progress') observer.onProgress(report.bytes);
        else if (report.kind === 'again') observer.onAgain(report);
        else if (report.kind === 'done') resolve(report.usage);
        else
          reject(
            new GantryError(report.code, report.message, report.reason === undefined ? {} : { reason: report.reason }),
          );
      };
      void this.#gone.then(why => reject(internalError(`the unpack process failed: ${why}`)));
      onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
    });
    try {
      this.#input.write(`${JSON.stringify(request)}\n`);
      return await outcome;
    } catch (error) {
      this.kill();
      await this.#gone;
      throw error;
    } finally {
      this.#onReport = undefined;
      signal.removeEventListener('abort', onAbort);
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
