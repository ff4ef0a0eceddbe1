import { Worker } from 'node:worker_threads';
import type { YamlBody } from '../../api/decode/json/decode-yaml-body.ts';
import { requestTooLargeError, serviceUnavailableError, tooManyRequestsError } from '../../api/status.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import { YAML_TYPE } from '../negotiation/negotiate.ts';
import type { BodyDecoder } from './body-decoder.ts';
import { type Body, type DecodedObject, DeepYamlError, decodeBody, readYamlText } from './decode-body.ts';
import { type BodyMessage, type BodyReply, bodyMessage, readReply, readYamlReply } from './worker-messages.ts';

export interface BodyWorkerLimits {
  /** A larger body in YAML goes to a thread: as much as this holds the loop some ten milliseconds. */
  readonly yamlBytes: number;
  /** The same of JSON and protobuf. */
  readonly otherBytes: number;
  /** Time for one body, in ms; what takes longer is refused, and its thread ended. */
  readonly bodyMs: number;
  /** Bytes of bodies that wait for one thread. */
  readonly queuedBytes: number;
  /** A thread that has had nothing to do for so long is ended, in ms. */
  readonly idleMs: number;
}

export const DEFAULT_BODY_LIMITS: BodyWorkerLimits = {
  yamlBytes: 64 * 1024,
  otherBytes: 256 * 1024,
  bodyMs: 20_000,
  queuedBytes: 64 * 1024 * 1024,
  idleMs: 30_000,
};

/** The heap of a thread. Node may end the whole process when one is full, so it is more than any body of 3 MiB takes. */
const HEAP_MB = 2048;

/** The stack of a thread: four times what the deepest YAML takes. Memory that is not used is not taken. */
const STACK_MB = 64;

/** Beside the chunk that holds this module. */
const ENTRY = new URL('body-worker.mjs', import.meta.url);

/** Starts the thread of the built command. */
export function startBodyWorker(): Worker {
  return new Worker(ENTRY, { resourceLimits: { maxOldGenerationSizeMb: HEAP_MB, stackSizeMb: STACK_MB } });
}

export interface BodyWorkersOptions {
  readonly start: () => Worker;
  readonly limits?: Partial<BodyWorkerLimits>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Decodes small bodies at once and large ones, and what is nested too deep for the stack here, in threads, so that the event loop, which all clients share, is not away while they are read. There is one
 * thread for YAML, which takes long, and one for the rest, each started when it is first needed. They end with the process, whatever ends that.
 */
export class BodyWorkers implements BodyDecoder {
  readonly #limits: BodyWorkerLimits;
  readonly #yaml: WorkerQueue;
  readonly #others: WorkerQueue;

  constructor(options: BodyWorkersOptions) {
    this.#limits = { ...DEFAULT_BODY_LIMITS, ...options.limits };
    this.#yaml = new WorkerQueue(options, this.#limits);
    this.#others = new WorkerQueue(options, this.#limits);
  }

  /** Rejects with 429 where too many bytes wait, and with 413 what takes too long. */
  async decode(body: Body, signal: AbortSignal): Promise<DecodedObject> {
    const isYaml = body.mediaType === YAML_TYPE;
    const { yamlBytes, otherBytes } = this.#limits;
    if (body.bytes.length <= (isYaml ? yamlBytes : otherBytes)) {
      try {
        return decodeBody(body);
      } catch (error) {
        if (!(error instanceof DeepYamlError)) throw error;
      }
    }
    signal.throwIfAborted();
    return readReply(await (isYaml ? this.#yaml : this.#others).ask(bodyMessage(body), signal), body);
  }

  async readYaml(bytes: Buffer, signal: AbortSignal): Promise<YamlBody> {
    if (bytes.length <= this.#limits.yamlBytes) return readYamlText(bytes);
    signal.throwIfAborted();
    return readYamlReply(await this.#yaml.ask({ bytes, expected: undefined }, signal));
  }

  /** Ends the threads. Bodies that are under way get 503. */
  async close(): Promise<void> {
    await Promise.all([this.#yaml.close(), this.#others.close()]);
  }
}

interface Job {
  readonly message: BodyMessage;
  readonly resolve: (reply: BodyReply) => void;
  readonly reject: (error: unknown) => void;
}

/** One thread and what waits for it, first come, first served. */
class WorkerQueue {
  readonly #options: BodyWorkersOptions;
  readonly #limits: BodyWorkerLimits;
  readonly #waiting: Job[] = [];
  #waitingBytes = 0;
  #worker: Worker | undefined;
  #running: Job | undefined;
  #cancelTimer = (): void => {};

  constructor(options: BodyWorkersOptions, limits: BodyWorkerLimits) {
    this.#options = options;
    this.#limits = limits;
  }

  ask(message: BodyMessage, signal: AbortSignal): Promise<BodyReply> {
    if (this.#waitingBytes + message.bytes.length > this.#limits.queuedBytes)
      return Promise.reject(tooManyRequestsError('too many large bodies, please try again later', 1));
    return new Promise((resolve, reject) => {
      const job: Job = {
        message,
        resolve: reply => {
          signal.removeEventListener('abort', leave);
          resolve(reply);
        },
        reject: error => {
          signal.removeEventListener('abort', leave);
          reject(error);
        },
      };
      const leave = (): void => this.#leave(job, signal.reason);
      signal.addEventListener('abort', leave, { once: true });
      this.#waiting.push(job);
      this.#waitingBytes += message.bytes.length;
      this.#next();
    });
  }

  async close(): Promise<void> {
    const left = this.#waiting.splice(0);
    if (this.#running !== undefined) left.push(this.#running);
    this.#running = undefined;
    this.#waitingBytes = 0;
    this.#cancelTimer();
    for (const job of left) job.reject(serviceUnavailableError('the server is shutting down'));
    await this.#endWorker();
  }

  #next(): void {
    if (this.#running !== undefined) return;
    const job = this.#waiting.shift();
    this.#cancelTimer();
    if (job === undefined) {
      this.#cancelTimer = this.#options.clock.after(this.#limits.idleMs, () => void this.#endWorker());
      return;
    }
    this.#waitingBytes -= job.message.bytes.length;
    this.#running = job;
    const { bodyMs } = this.#limits;
    this.#cancelTimer = this.#options.clock.after(bodyMs, () => {
      this.#options.log.warn({ bytes: job.message.bytes.length }, 'a body took too long to be read');
      this.#fail(requestTooLargeError(`the body takes more than ${bodyMs / 1000} s to be read`));
    });
    try {
      this.#worker ??= this.#startWorker();
      this.#worker.postMessage(job.message);
    } catch (error) {
      this.#fail(error);
    }
  }

  #startWorker(): Worker {
    const worker = this.#options.start();
    worker.unref();
    worker.on('message', (reply: BodyReply) => {
      if (worker === this.#worker) this.#settle(job => job.resolve(reply));
    });
    worker.on('error', error => {
      if (worker !== this.#worker) return;
      this.#options.log.error(`the thread that reads large bodies failed: ${errorMessage(error)}`);
      this.#fail(error);
    });
    worker.on('exit', () => {
      if (worker === this.#worker) this.#fail(new Error('the thread that reads large bodies ended'));
    });
    return worker;
  }

  #settle(tell: (job: Job) => void): void {
    const job = this.#running;
    this.#running = undefined;
    if (job !== undefined) tell(job);
    this.#next();
  }

  /** The thread is of no use any more: the next body gets another one. */
  #fail(error: unknown): void {
    void this.#endWorker();
    this.#settle(job => job.reject(error));
  }

  /** The client of a body has left, or its time is up. */
  #leave(job: Job, reason: unknown): void {
    if (job === this.#running) {
      this.#fail(reason);
      return;
    }
    const at = this.#waiting.indexOf(job);
    if (at < 0) return;
    this.#waiting.splice(at, 1);
    this.#waitingBytes -= job.message.bytes.length;
    job.reject(reason);
  }

  async #endWorker(): Promise<void> {
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }
}
