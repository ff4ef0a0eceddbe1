import { type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { isNotFound } from '../../../base/errors.ts';
import { watchDirectory } from '../../../linux/watch-directory.ts';
import { LogLines } from './log-line.ts';
import type { LogOptions } from './log-options.ts';

const CHUNK_BYTES = 64 * 1024;
/** Runtimes break lines at 16 KiB or so: a longer one is no line of theirs, and is taken as it comes. */
const MAX_LINE_BYTES = 1024 * 1024;
const NEWLINE = 0x0a;

/** Whoever writes the log, for a client that follows it. */
export interface LogWriter {
  /** False once the container has ended: what is in the file then is all. */
  isRunning(): boolean;
  /** Calls when that may have changed; returns how to stop it. */
  onChange(listener: () => void): () => void;
}

/**
 * The log in a file, piece by piece, as far as the options ask for. With `writer` it goes on until the container has ended or the signal aborts, over rotations:
 * when another file has taken the name, the rest of the old one comes first. Holds one chunk and one line in memory.
 */
export async function* readLog(
  path: string,
  options: LogOptions,
  writer: LogWriter | undefined,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const lines = new LogLines(options);
  const changes = writer === undefined ? undefined : new Changes(path, writer);
  let file = await open(path);
  let next: FileHandle | undefined;
  try {
    const cursor = new Cursor(file);
    if (options.tailLines !== undefined) cursor.position = await tailStart(file, options.tailLines);
    for (;;) {
      signal.throwIfAborted();
      // asked before reading: what is written before the end is then read
      const goesOn = writer?.isRunning() === true;
      changes?.begin();
      for (;;) {
        const chunk = await cursor.next();
        if (chunk === undefined && next === undefined && writer !== undefined) {
          next = await replaced(path, file);
          // what was written to the old file between its end and the coming of the new one
          if (next !== undefined) continue;
        }
        if (chunk === undefined) break;
        const text = chunk.flatMap(line => lines.text(line));
        if (text.length > 0) yield Buffer.concat(text);
        if (lines.full) return;
        signal.throwIfAborted();
      }
      if (next !== undefined) {
        await file.close();
        file = next;
        next = undefined;
        cursor.turnTo(file);
        continue;
      }
      if (!goesOn || changes === undefined) break;
      await changes.next(signal);
    }
    const rest = lines.text(cursor.rest());
    if (rest.length > 0) yield Buffer.concat(rest);
  } finally {
    changes?.close();
    await next?.close();
    await file.close();
  }
}

/** Reads whole lines on from a position. */
class Cursor {
  position = 0;
  #file: FileHandle;
  #begun: Buffer = Buffer.alloc(0);

  constructor(file: FileHandle) {
    this.#file = file;
  }

  turnTo(file: FileHandle): void {
    this.#file = file;
    this.position = 0;
    this.#begun = Buffer.alloc(0);
  }

  /** The lines that end in the next chunk; undefined at the end of the file. */
  async next(): Promise<Buffer[] | undefined> {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    const { bytesRead } = await this.#file.read(chunk, 0, CHUNK_BYTES, this.position);
    if (bytesRead === 0) return undefined;
    this.position += bytesRead;
    const data = Buffer.concat([this.#begun, chunk.subarray(0, bytesRead)]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, start)) {
      lines.push(data.subarray(start, end));
      start = end + 1;
    }
    this.#begun = data.subarray(start);
    if (this.#begun.length > MAX_LINE_BYTES) {
      lines.push(this.#begun);
      this.#begun = Buffer.alloc(0);
    }
    return lines;
  }

  /** A last line that was not ended. */
  rest(): Buffer {
    return this.#begun;
  }
}

/** Where the last `count` lines begin. Reads backwards, a chunk at a time. */
async function tailStart(file: FileHandle, count: number): Promise<number> {
  const { size } = await file.stat();
  if (count === 0) return size;
  let seen = 0;
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - CHUNK_BYTES);
    const { bytesRead } = await file.read(chunk, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at -= 1) {
      if (chunk[at] !== NEWLINE || start + at === size - 1) continue;
      seen += 1;
      if (seen === count) return start + at + 1;
    }
    end = start;
  }
  return 0;
}

/** Another file under the name, opened; undefined while it is the same, or there is none yet. */
async function replaced(path: string, file: FileHandle): Promise<FileHandle | undefined> {
  try {
    const [now, own] = await Promise.all([stat(path), file.stat()]);
    return now.ino === own.ino && now.dev === own.dev ? undefined : await open(path);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Tells of changes in the directory of the log and of its writer. One that comes while the log is read is not missed. */
class Changes {
  readonly #watch: { close(): void };
  readonly #leave: () => void;
  #changed = false;
  #wake: (() => void) | undefined;

  constructor(path: string, writer: LogWriter) {
    const tell = (): void => {
      this.#changed = true;
      this.#wake?.();
    };
    this.#watch = watchDirectory(dirname(path), tell, tell);
    this.#leave = writer.onChange(tell);
  }

  begin(): void {
    this.#changed = false;
  }

  next(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#wake = undefined;
        signal.removeEventListener('abort', settle);
        if (signal.aborted) reject(signal.reason);
        else resolve();
      };
      this.#wake = settle;
      signal.addEventListener('abort', settle, { once: true });
      if (this.#changed || signal.aborted) settle();
    });
  }

  close(): void {
    this.#watch.close();
    this.#leave();
  }
}
