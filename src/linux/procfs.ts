import { readdirSync, readFileSync } from 'node:fs';
import { errnoName } from '../base/errors.ts';

/** Names one process for good: pids are used again, a pair of pid and start time is not (within one boot). */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot (proc(5), /proc/pid/stat field 22). */
  readonly startTime: number;
}

export interface ProcessRow {
  readonly pid: number;
  readonly ppid: number;
  /** Empty for kernel threads and zombies. */
  readonly cmdline: readonly string[];
}

/** The fields of one line of /proc/pid/stat that are needed here. */
export interface ProcessStat {
  /** One letter: R, S, D, Z, X, … */
  readonly state: string;
  readonly ppid: number;
  readonly startTime: number;
}

/** Reads the line; the command's name stands in parentheses and may contain any byte, so the fields begin after the last one. */
export function parseProcessStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '?', ppid: Number(fields[1]), startTime: Number(fields[19]) };
}

function readOfProcess(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch (error) {
    const code = errnoName(error);
    // EINVAL: the network of a process that has ended and waits to be collected
    if (code === 'ENOENT' || code === 'ESRCH' || code === 'EINVAL') return undefined;
    throw error;
  }
}

/** The identity of a running process; undefined when there is none or it has ended and only waits to be collected (zombie). */
export function processIdentity(pid: number): ProcessIdentity | undefined {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  const text = readOfProcess(pid, 'stat');
  if (text === undefined) return undefined;
  const { state, startTime } = parseProcessStat(text);
  return state === 'Z' || state === 'X' ? undefined : { pid, startTime };
}

/** True while exactly that process runs; a zombie and another process under the same pid are false. */
export function isAlive(identity: ProcessIdentity): boolean {
  return processIdentity(identity.pid)?.startTime === identity.startTime;
}

/** Whether the text of /proc/pid/status says that the process catches or blocks a signal: one that it does neither with meets its default. */
export function heedsSignal(status: string, signal: number): boolean {
  const bit = 1n << BigInt(signal - 1);
  return ['SigCgt', 'SigBlk'].some(field => {
    const mask = new RegExp(`^${field}:\\s*([0-9a-f]+)$`, 'm').exec(status)?.[1] ?? '0';
    return (BigInt(`0x${mask}`) & bit) !== 0n;
  });
}

/** The same of a process that runs; false when it is gone. */
export function processHeeds(identity: ProcessIdentity, signal: number): boolean {
  const status = readOfProcess(identity.pid, 'status');
  return status !== undefined && isAlive(identity) && heedsSignal(status, signal);
}

/** Every process of this pid namespace, zombies included, by pid. Reads two files per process: for start-up and tests, not for loops. */
export function listProcesses(): ProcessRow[] {
  const rows: ProcessRow[] = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    const stat = readOfProcess(pid, 'stat');
    const cmdline = readOfProcess(pid, 'cmdline');
    if (stat === undefined || cmdline === undefined) continue;
    rows.push({ pid, ppid: parseProcessStat(stat).ppid, cmdline: splitCmdline(cmdline) });
  }
  return rows.sort((a, b) => a.pid - b.pid);
}

function splitCmdline(text: string): string[] {
  return text === '' ? [] : text.replace(/\0$/, '').split('\0');
}

/** What went through a link since it was made, as /proc/net/dev tells it. */
export interface LinkCounters {
  readonly name: string;
  readonly rxBytes: number;
  readonly rxPackets: number;
  readonly rxErrors: number;
  readonly rxDropped: number;
  readonly txBytes: number;
  readonly txPackets: number;
  readonly txErrors: number;
  readonly txDropped: number;
}

/** The rows of /proc/<pid>/net/dev, in its order. */
export function parseLinkCounters(text: string): readonly LinkCounters[] {
  const rows: LinkCounters[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*(\S+?):\s*(\d[\d\s]*)$/.exec(line);
    if (match === null) continue;
    const fields = (match[2] ?? '').trim().split(/\s+/).map(Number);
    const field = (index: number): number => fields[index] ?? 0;
    rows.push({
      name: match[1] ?? '',
      rxBytes: field(0),
      rxPackets: field(1),
      rxErrors: field(2),
      rxDropped: field(3),
      txBytes: field(8),
      txPackets: field(9),
      txErrors: field(10),
      txDropped: field(11),
    });
  }
  return rows;
}

/** The counters of all links in the network namespace of a process; undefined when it has ended. */
export function linkCounters(identity: ProcessIdentity): readonly LinkCounters[] | undefined {
  const text = readOfProcess(identity.pid, 'net/dev');
  // asked after the read: then what was read is that process's
  return text === undefined || !isAlive(identity) ? undefined : parseLinkCounters(text);
}

/** A UUID that is new at every boot. Start times of processes can be compared within one boot only. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
