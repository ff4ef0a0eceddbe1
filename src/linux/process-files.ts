import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { TimeSlice } from '../base/time-slice.ts';

/** What processes hold open. */
export interface OpenFiles {
  readonly descriptors: number;
  readonly sockets: number;
}

/** Links looked at in one go: some 2 µs each. */
const AT_ONCE = 500;

/** Counts the open files of processes, in slices; those that end meanwhile count nothing. */
export async function countOpenFiles(pids: readonly number[], slice: TimeSlice): Promise<OpenFiles> {
  let descriptors = 0;
  let sockets = 0;
  for (const pid of pids) {
    const names = namesIn(`/proc/${pid}/fd`);
    descriptors += names.length;
    for (let at = 0; at < names.length; at += AT_ONCE) {
      sockets += names.slice(at, at + AT_ONCE).filter(name => isSocket(`/proc/${pid}/fd/${name}`)).length;
      if (slice.used) await slice.breathe();
    }
    if (slice.used) await slice.breathe();
  }
  return { descriptors, sockets };
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isSocket(path: string): boolean {
  try {
    return readlinkSync(path).startsWith('socket:');
  } catch {
    return false;
  }
}

/** How many files a process may hold open (its soft limit); undefined for one that has ended, and where there is no limit. */
export function openFilesLimit(pid: number): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8')) ?? [];
    return soft === undefined ? undefined : Number(soft);
  } catch {
    return undefined;
  }
}
