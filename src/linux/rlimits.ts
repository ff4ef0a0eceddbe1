import { readFileSync } from 'node:fs';

/** First columns of /proc/pid/limits and the names that setrlimit(2) has for them. */
const NAMES: readonly (readonly [row: string, name: string])[] = [
  ['Max cpu time', 'RLIMIT_CPU'],
  ['Max file size', 'RLIMIT_FSIZE'],
  ['Max data size', 'RLIMIT_DATA'],
  ['Max stack size', 'RLIMIT_STACK'],
  ['Max core file size', 'RLIMIT_CORE'],
  ['Max resident set', 'RLIMIT_RSS'],
  ['Max processes', 'RLIMIT_NPROC'],
  ['Max open files', 'RLIMIT_NOFILE'],
  ['Max locked memory', 'RLIMIT_MEMLOCK'],
  ['Max address space', 'RLIMIT_AS'],
  ['Max file locks', 'RLIMIT_LOCKS'],
  ['Max pending signals', 'RLIMIT_SIGPENDING'],
  ['Max msgqueue size', 'RLIMIT_MSGQUEUE'],
  ['Max nice priority', 'RLIMIT_NICE'],
  ['Max realtime priority', 'RLIMIT_RTPRIO'],
  ['Max realtime timeout', 'RLIMIT_RTTIME'],
];

/** Hard limits by name from the text of /proc/pid/limits. What is unlimited is not in the map. */
export function parseHardRlimits(text: string): ReadonlyMap<string, number> {
  const limits = new Map<string, number>();
  for (const [row, name] of NAMES) {
    const hard = new RegExp(`^${row}\\s+\\S+\\s+(\\d+)`, 'm').exec(text)?.[1];
    if (hard !== undefined) limits.set(name, Number(hard));
  }
  return limits;
}

/** The hard limits of this process; children cannot go beyond them without CAP_SYS_RESOURCE. */
export function ownHardRlimits(): ReadonlyMap<string, number> {
  return parseHardRlimits(readFileSync('/proc/self/limits', 'utf8'));
}
