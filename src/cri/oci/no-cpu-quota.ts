import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { detectCgroups, updateCgroup } from '../../linux/cgroup.ts';
import { parseStatus } from './delete-ended.ts';

/** Whether this machine's kernel refuses the quota of -1 as crun 1.8.1 writes it: as 18446744073709551615, on cgroup v1. */
export function crunCannotLiftQuota(): boolean {
  return detectCgroups().version === 1;
}

/** Takes the CPU quota of a container of crun away, as crun should. Idempotent. False, having done nothing, where crun's state of it is none that is known here. */
export function liftQuota(directory: string): boolean {
  const group = parseStatus(readFileSync(join(directory, 'status'), 'utf8'))?.cgroupPath;
  if (group === undefined) return false;
  updateCgroup(group, { cpuQuotaUs: -1 });
  return true;
}
