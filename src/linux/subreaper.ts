import { readdirSync, readFileSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';
import { check, libc } from './ffi.ts';
import { parseProcessStat } from './procfs.ts';
import { isWaitedFor, reapProcess } from './spawn.ts';

const PR_SET_CHILD_SUBREAPER = 36;
const PAUSE_MS = 1000;
const P_PID = 1;
const WNOHANG = 1;
const WEXITED = 4;
const WNOWAIT = 0x1000000;
const SIGINFO_BYTES = 128;

let adopting = false;
/** Ended children that nobody waits for, as the last look found them: pid -> start time. */
let unclaimed = new Map<number, number>();
let lookComing = false;

/**
 * Makes the kernel give orphaned descendants to this process instead of the first one of its pid namespace, so that what a program has started and left can
 * be waited for with `waitForExit`. Whatever else comes that way is collected a second or two after it has ended. Safe to repeat; for the life of the process.
 */
export function becomeSubreaper(): void {
  if (adopting) return;
  check(libc('int prctl(int, ulong, ulong, ulong, ulong)')(PR_SET_CHILD_SUBREAPER, 1n, 0n, 0n, 0n), 'prctl');
  adopting = true;
  process.on('SIGCHLD', lookLater);
  lookLater();
}

function lookLater(): void {
  // After the poll phase, in which node:child_process collects its own children: what is still there had no one at that time.
  if (lookComing) return;
  lookComing = true;
  setTimeout(() => setImmediate(collectUnclaimed), PAUSE_MS).unref();
}

/** Collects those that were there at the look before, too: a second is far longer than anybody who waits needs. */
function collectUnclaimed(): void {
  lookComing = false;
  const before = unclaimed;
  unclaimed = new Map();
  for (const [pid, startTime] of endedChildren()) {
    if (isWaitedFor(pid)) continue;
    if (before.get(pid) === startTime) reapProcess(pid);
    else unclaimed.set(pid, startTime);
  }
  if (unclaimed.size > 0) lookLater();
}

function endedChildren(): Map<number, number> {
  const ended = new Map<number, number>();
  for (const thread of readdirSync('/proc/self/task')) {
    for (const word of readOrEmpty(`/proc/self/task/${thread}/children`).split(' ')) {
      const pid = Number(word);
      if (pid > 0 && hasEnded(pid)) ended.set(pid, parseProcessStat(readOrEmpty(`/proc/${pid}/stat`)).startTime);
    }
  }
  return ended;
}

/** Asks the kernel and leaves the child to be collected. There may be hundreds, and nearly all of them run: reading a file for each would take milliseconds. */
function hasEnded(pid: number): boolean {
  const info = Buffer.alloc(SIGINFO_BYTES);
  const waitid = libc('int waitid(int, uint, void*, int)');
  return waitid(P_PID, pid, info, WEXITED | WNOHANG | WNOWAIT) === 0 && info.readInt32LE(0) !== 0;
}

/** A thread or a child may end between the look and the read. */
function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const code = errnoName(error);
    if (code === 'ENOENT' || code === 'ESRCH') return '';
    throw error;
  }
}
