import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { lstat, opendir } from 'node:fs/promises';
import type { Clock } from '../base/clock.ts';
import { errnoName } from '../base/errors.ts';

/** What a directory tree takes on its file system. */
export interface DirectoryUsage {
  readonly bytes: number;
  readonly inodes: number;
}

export interface MeasuredUsage extends DirectoryUsage {
  /** When it was counted: milliseconds since the epoch. */
  readonly at: number;
}

/** Files looked at in one go. Node has four threads for all files: more would keep others waiting. */
const AT_ONCE = 2;

/**
 * Counts what `du` counts: blocks that are taken, a file with several names once, other file systems not at all. The directory itself counts. What goes away meanwhile is left
 * out; undefined where the directory is not there. Never blocks the event loop: every file is looked at by Node's threads.
 */
export async function directoryUsage(path: string): Promise<DirectoryUsage | undefined> {
  const root = await statOf(path);
  if (root === undefined) return undefined;
  const { sum, count } = counter();
  count(root);
  const folders = root.isDirectory() ? [path] : [];
  const look = async (file: string): Promise<void> => {
    const stat = await statOf(file);
    if (stat === undefined || stat.dev !== root.dev) return;
    count(stat);
    if (stat.isDirectory()) folders.push(file);
  };
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    let batch: Promise<void>[] = [];
    for await (const name of namesIn(folder)) {
      batch.push(look(`${folder}/${name}`));
      if (batch.length < AT_ONCE) continue;
      await Promise.all(batch);
      batch = [];
    }
    await Promise.all(batch);
  }
  return sum;
}

const SLASH = Buffer.from('/');

/** The same at one go, for a process of its own: it blocks for some 5 ms per 1000 files. Nothing may change in the tree meanwhile. Throws the errno error. */
export function directoryUsageSync(path: string): DirectoryUsage {
  const { sum, count } = counter();
  const root = lstatSync(path, { bigint: true });
  count(root);
  // Names as bytes: those of an image need not be UTF-8.
  const folders = [Buffer.from(path)];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop())
    for (const name of readdirSync(folder, 'buffer')) {
      const file = Buffer.concat([folder, SLASH, name]);
      const stat = lstatSync(file, { bigint: true });
      if (stat.dev !== root.dev) continue;
      count(stat);
      if (stat.isDirectory()) folders.push(file);
    }
  return sum;
}

function counter(): { readonly sum: { bytes: number; inodes: number }; count(stat: BigIntStats): void } {
  const linked = new Set<bigint>();
  const sum = { bytes: 0, inodes: 0 };
  return {
    sum,
    count(stat) {
      if (stat.nlink > 1n && !stat.isDirectory()) {
        if (linked.has(stat.ino)) return;
        linked.add(stat.ino);
      }
      sum.bytes += Number(stat.blocks) * 512;
      sum.inodes += 1;
    },
  };
}

async function* namesIn(folder: string): AsyncGenerator<string> {
  try {
    for await (const entry of await opendir(folder)) yield entry.name;
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

async function statOf(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (error) {
    if (isGone(error)) return undefined;
    throw error;
  }
}

function isGone(error: unknown): boolean {
  const code = errnoName(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

interface Known {
  readonly usage: MeasuredUsage | undefined;
  /** Monotonic ms before which it is not counted again. */
  readonly until: number;
}

/** A tree that took long to count is counted as seldom as keeps the work at a twentieth of the time. */
const REST = 20;

/**
 * Remembers what directories take, because counting a large one takes seconds: asked for, it answers what is known and has it counted anew in the background when that is old. One
 * directory is counted at a time.
 */
export class DirectoryUsages {
  readonly #clock: Clock;
  readonly #freshMs: number;
  readonly #measure: (path: string) => Promise<DirectoryUsage | undefined>;
  readonly #known = new Map<string, Known>();
  readonly #counting = new Map<string, Promise<void>>();
  #turn: Promise<void> = Promise.resolve();

  constructor(options: {
    readonly clock: Clock;
    /** What is younger is not counted again. */
    readonly freshMs: number;
    readonly measure?: (path: string) => Promise<DirectoryUsage | undefined>;
  }) {
    this.#clock = options.clock;
    this.#freshMs = options.freshMs;
    this.#measure = options.measure ?? directoryUsage;
  }

  /** What was counted last; undefined where nothing was yet, or the directory cannot be read. */
  latest(path: string): MeasuredUsage | undefined {
    const known = this.#known.get(path);
    if (known === undefined || known.until <= this.#clock.monotonic()) this.#count(path);
    return known?.usage;
  }

  /** Waits until each has been counted once, but no longer than `ms`. */
  async counted(paths: readonly string[], ms: number): Promise<void> {
    const missing = paths.filter(path => !this.#known.has(path)).map(path => this.#count(path));
    if (missing.length === 0) return;
    await new Promise<void>(resolve => {
      const cancel = this.#clock.after(ms, resolve);
      Promise.all(missing).then(() => {
        cancel();
        resolve();
      });
    });
  }

  /** Forgets all others. */
  keep(paths: ReadonlySet<string>): void {
    for (const path of this.#known.keys()) if (!paths.has(path)) this.#known.delete(path);
  }

  #count(path: string): Promise<void> {
    const running = this.#counting.get(path);
    if (running !== undefined) return running;
    const work = this.#turn.then(async () => {
      const started = this.#clock.monotonic();
      let usage: MeasuredUsage | undefined;
      try {
        const measured = await this.#measure(path);
        if (measured !== undefined) usage = { ...measured, at: this.#clock.now() };
      } catch {
        // a directory that cannot be read has no figure; it is tried again like the others
      }
      const ended = this.#clock.monotonic();
      this.#known.set(path, { usage, until: ended + Math.max(this.#freshMs, (ended - started) * REST) });
      this.#counting.delete(path);
    });
    this.#counting.set(path, work);
    this.#turn = work;
    return work;
  }
}
