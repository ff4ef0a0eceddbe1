import { readFileSync, statfsSync } from 'node:fs';
import { amountOf, type Threshold, type Thresholds } from './eviction-thresholds.ts';

/** What is left of a resource, and how much there is. */
export interface Supply {
  readonly available: number;
  readonly total: number;
}

/** By signal, named as in the configuration. A signal that cannot be read is missing. */
export type Signals = ReadonlyMap<string, Supply>;

export interface Pressure {
  readonly memory: boolean;
  readonly disk: boolean;
  readonly pid: boolean;
}

export const NO_PRESSURE: Pressure = { memory: false, disk: false, pid: false };

/** When each was last seen below its threshold, in ms of a clock that never goes back. */
export type LastSeen = ReadonlyMap<keyof Pressure, number>;

const KINDS: Readonly<Record<string, keyof Pressure>> = {
  'memory.available': 'memory',
  'nodefs.available': 'disk',
  'nodefs.inodesFree': 'disk',
  'pid.available': 'pid',
};

/** What the node is short of. A pressure stays until it was not seen for `transitionMs`, so that it does not come and go. Pure. */
export function judgePressure(
  signals: Signals,
  thresholds: Thresholds,
  lastSeen: LastSeen,
  now: number,
  transitionMs: number,
): { readonly pressure: Pressure; readonly lastSeen: LastSeen } {
  const seen = new Map(lastSeen);
  for (const [signal, kind] of Object.entries(KINDS))
    if (isBelow(signals.get(signal), thresholds.get(signal))) seen.set(kind, now);
  for (const [kind, at] of seen) if (now - at > transitionMs) seen.delete(kind);
  return { pressure: { memory: seen.has('memory'), disk: seen.has('disk'), pid: seen.has('pid') }, lastSeen: seen };
}

function isBelow(supply: Supply | undefined, threshold: Threshold | undefined): boolean {
  return supply !== undefined && threshold !== undefined && supply.available < amountOf(threshold, supply.total);
}

/** Reads them all. Memory that is in use is what is neither free nor a cache that was not used lately, as upstream counts it. */
export function readSignals(rootDir: string): Signals {
  const signals = new Map<string, Supply>();
  const memory = readMemory();
  if (memory !== undefined) signals.set('memory.available', memory);
  const pids = readPids();
  if (pids !== undefined) signals.set('pid.available', pids);
  try {
    const { bavail, blocks, bsize, ffree, files } = statfsSync(rootDir);
    signals.set('nodefs.available', { available: bavail * bsize, total: blocks * bsize });
    // some file systems do not count them
    if (files > 0) signals.set('nodefs.inodesFree', { available: ffree, total: files });
  } catch {
    // it is being made, or was unmounted: no word about it
  }
  return signals;
}

function readMemory(): Supply | undefined {
  const text = read('/proc/meminfo');
  const bytes = (name: string): number => Number(new RegExp(`^${name}:\\s+(\\d+) kB`, 'm').exec(text)?.[1]) * 1024;
  const available = bytes('MemFree') + bytes('Inactive\\(file\\)');
  const total = bytes('MemTotal');
  return Number.isFinite(available) && Number.isFinite(total) ? { available, total } : undefined;
}

/** Process ids: what is left, and how many there can be. /proc/loadavg's fourth column is `running/all`, of threads. */
export function readPids(): Supply | undefined {
  const used = Number(/^\S+ \S+ \S+ \d+\/(\d+) /.exec(read('/proc/loadavg'))?.[1]);
  const limits = ['/proc/sys/kernel/pid_max', '/proc/sys/kernel/threads-max'].map(path => Number(read(path)));
  const total = Math.min(...limits);
  return Number.isFinite(used) && total > 0 ? { available: total - used, total } : undefined;
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
