import { readdirSync, readFileSync } from 'node:fs';
import type { Host } from '../../src/local-cluster/host/host.ts';

/** PSS in MB of the host's processes whose command line matches, and how many they are: shared pages count by their share. */
export function pss(host: Host, pattern: RegExp): { megabytes: number; processes: number } {
  const proc = host.path('/proc');
  let kilobytes = 0;
  let processes = 0;
  for (const pid of readdirSync(proc).filter(n => /^\d+$/.test(n))) {
    const command = readFileSync(`${proc}/${pid}/cmdline`, 'utf8').split('\0').join(' ');
    if (!pattern.test(command)) continue;
    const match = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`${proc}/${pid}/smaps_rollup`, 'utf8'));
    kilobytes += Number(match?.[1] ?? 0);
    processes += 1;
  }
  return { megabytes: kilobytes / 1024, processes };
}
