import type { OciResources } from './oci-spec.ts';

/** The kernel's own. */
const DEFAULT_PERIOD_US = 100_000;

/** What systemd writes into the group of a unit whenever it looks after it, whether it was told of it or not (cgroup_context_apply of systemd 252, and cpu.idle and memory.zswap.max of later ones). */
const WRITTEN_BY_SYSTEMD: ReadonlySet<string> = new Set([
  'cpu.idle',
  'cpu.max',
  'cpu.weight',
  'cpuset.cpus',
  'cpuset.mems',
  'io.weight',
  'memory.high',
  'memory.low',
  'memory.max',
  'memory.min',
  'memory.oom.group',
  'memory.swap.max',
  'memory.zswap.max',
  'pids.max',
]);

/**
 * Files of a scope's group that systemd would write otherwise than they are meant, and what is to be in them: a quota of CPU, which it keeps in whole percents, and what is said by
 * the name of the file (no property is `memory.oom.group` before systemd 253). Pure.
 */
export function scopeFiles({ cpu = {}, unified = {} }: OciResources): Readonly<Record<string, string>> {
  const { quota = 0, period = 0 } = cpu;
  return {
    ...(quota > 0 ? { 'cpu.max': `${quota} ${period === 0 ? DEFAULT_PERIOD_US : period}` } : {}),
    ...Object.fromEntries(Object.entries(unified).filter(([file]) => WRITTEN_BY_SYSTEMD.has(file))),
  };
}
