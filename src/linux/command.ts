import { fchownSync, readSync } from 'node:fs';
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { errnoName, GantryError } from '../base/errors.ts';
import { closeFds, createPipe, emptyPipe, readPipe, writePipe } from './pipe.ts';
import { type ExitStatus, type SpawnOptions, spawnProcess, waitForExit } from './spawn.ts';

export { type ExitStatus, reapProcess, type SpawnOptions, spawnProcess, waitForExit } from './spawn.ts';

export interface CommandOptions extends Pick<SpawnOptions, 'env' | 'cwd' | 'newSession'> {
  /**
   * Written to the child's standard input, which is then closed; /dev/null unless given. Pieces are written as the child takes them, and others have their
   * turn in between.
   */
  readonly input?: string | Uint8Array | Iterable<string>;
  /** Without `input`: a pipe that has ended, in place of /dev/null, which a child might change for all. */
  readonly emptyInput?: boolean;
  /** The child is killed after this long; no limit unless given (0 is none). */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Who may open its stdout and stderr anew by name; this process's user unless given. */
  readonly outputOwner?: { readonly uid: number; readonly gid: number };
  /** Is given what the child writes to stdout as it comes; nothing of it is kept then. Must not throw. */
  readonly onStdout?: (chunk: Buffer) => void;
  /** How much of each of stdout and stderr is kept; the rest is read and dropped. 16 MiB unless given. */
  readonly maxOutputBytes?: number;
}

export interface CommandResult extends ExitStatus {
  readonly stdout: Buffer;
  readonly stderr: Buffer;
  /** True when output was dropped. */
  readonly truncated: boolean;
}

const DEFAULT_MAX_OUTPUT = 16 << 20;
/** setTimeout counts in 31 bits, and fires at once beyond; this is 24 days. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** A pipe holds 64 KiB unless somebody raised it, to 1 MiB at most: enough rounds for what an ended child left in one. */
const MAX_DRAIN_READS = 17;

/**
 * Runs a program to its end and collects its output. The end is the exit of the program itself, not the closing of its pipes: a daemon that it
 * left behind may hold them. A non-zero exit is a result, not an error.
 * Throws SyscallError when it cannot be started (ENOENT: missing), `deadline-exceeded` after `timeoutMs`, the signal's reason on abort;
 * in the last two cases the child has been sent SIGKILL and is collected when it ends.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult> {
  options.signal?.throwIfAborted();
  const limit = options.maxOutputBytes ?? DEFAULT_MAX_OUTPUT;
  const { pid, stdin, stdout, stderr } = start(file, args, options);
  const outputs = [new Output(stdout, limit, options.onStdout), new Output(stderr, limit)] as const;
  const sink = stdin === undefined ? undefined : feed(stdin, options.input ?? '');
  const stop = interruption(file, options);
  try {
    const exit = waitForExit(pid);
    exit.catch(() => undefined);
    const status = await Promise.race([exit, stop.reached]);
    for (const output of outputs) output.drain();
    return {
      ...status,
      stdout: outputs[0].bytes(),
      stderr: outputs[1].bytes(),
      truncated: outputs.some(o => o.truncated),
    };
  } catch (error) {
    if (stop.happened()) kill(pid);
    throw error;
  } finally {
    stop.release();
    for (const output of outputs) output.close();
    sink?.destroy();
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoName(error) !== 'ESRCH') throw error;
  }
}

function start(
  file: string,
  args: readonly string[],
  options: CommandOptions,
): { pid: number; stdin: number | undefined; stdout: number; stderr: number } {
  const opened: number[] = [];
  const pipe = (): { read: number; write: number } => {
    const made = createPipe();
    opened.push(made.read, made.write);
    return made;
  };
  try {
    const input = options.input === undefined ? undefined : pipe();
    const nothing = input === undefined && options.emptyInput === true ? emptyPipe() : undefined;
    if (nothing !== undefined) opened.push(nothing);
    const out = pipe();
    const err = pipe();
    const { outputOwner: owner } = options;
    if (owner !== undefined) for (const { write } of [out, err]) fchownSync(write, owner.uid, owner.gid);
    const { pid } = spawnProcess(file, args, {
      ...(options.env === undefined ? {} : { env: options.env }),
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.newSession === undefined ? {} : { newSession: options.newSession }),
      stdin: input?.read ?? nothing ?? 'null',
      stdout: out.write,
      stderr: err.write,
    });
    closeFds(input?.read ?? nothing ?? -1, out.write, err.write);
    return { pid, stdin: input?.write, stdout: out.read, stderr: err.read };
  } catch (error) {
    closeFds(...opened);
    throw error;
  }
}

/** A child need not read all of its input: EPIPE is its choice, and its exit code tells the rest. */
function feed(fd: number, input: string | Uint8Array | Iterable<string>): Socket {
  const sink = writePipe(fd);
  sink.on('error', () => sink.destroy());
  if (typeof input === 'string' || input instanceof Uint8Array) sink.end(input);
  else Readable.from(input, { highWaterMark: 1 }).pipe(sink);
  return sink;
}

/** Rejects when the command must be stopped: by the deadline or by the caller's signal. */
function interruption(
  file: string,
  options: CommandOptions,
): { reached: Promise<never>; happened(): boolean; release(): void } {
  let happened = false;
  let release = (): void => {};
  const reached = new Promise<never>((_resolve, reject) => {
    const interrupt = (reason: unknown): void => {
      happened = true;
      reject(reason);
    };
    const { signal, timeoutMs = 0 } = options;
    const onAbort = (): void => interrupt(signal?.reason);
    signal?.addEventListener('abort', onAbort, { once: true });
    const timer =
      timeoutMs > 0
        ? setTimeout(
            () => {
              interrupt(
                new GantryError('deadline-exceeded', `${file} did not end within ${timeoutMs} ms and was killed`),
              );
            },
            Math.min(timeoutMs, MAX_TIMER_MS),
          )
        : undefined;
    release = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
  });
  reached.catch(() => undefined);
  return { reached, happened: () => happened, release };
}

/** What is kept of one output stream of the child. */
class Output {
  readonly #fd: number;
  readonly #stream: Socket;
  readonly #chunks: Buffer[] = [];
  readonly #limit: number;
  readonly #onChunk: ((chunk: Buffer) => void) | undefined;
  #size = 0;
  #open = true;
  truncated = false;

  constructor(fd: number, limit: number, onChunk?: (chunk: Buffer) => void) {
    this.#fd = fd;
    this.#limit = limit;
    this.#onChunk = onChunk;
    this.#stream = readPipe(fd);
    this.#stream.on('data', (chunk: Buffer) => this.#take(chunk));
    const ended = (): void => {
      this.#open = false;
    };
    this.#stream.on('end', ended).on('error', ended).on('close', ended);
  }

  #take(chunk: Buffer): void {
    if (this.#onChunk !== undefined) {
      this.#onChunk(chunk);
      return;
    }
    const room = this.#limit - this.#size;
    if (chunk.length > room) this.truncated = true;
    const kept = chunk.length > room ? chunk.subarray(0, room) : chunk;
    if (kept.length === 0) return;
    this.#size += kept.length;
    this.#chunks.push(kept);
  }

  /** Takes what the ended child left in the pipe, without waiting for its end. */
  drain(): void {
    for (let i = 0; this.#open && i < MAX_DRAIN_READS; i++) {
      const chunk = Buffer.allocUnsafe(65536);
      try {
        const n = readSync(this.#fd, chunk);
        if (n === 0) return;
        this.#take(chunk.subarray(0, n));
      } catch (error) {
        if (errnoName(error) !== 'EAGAIN') throw error;
        return;
      }
    }
  }

  close(): void {
    this.#stream.destroy();
  }

  bytes(): Buffer {
    return Buffer.concat(this.#chunks, this.#size);
  }
}
