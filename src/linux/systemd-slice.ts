import type { CgroupResources } from './cgroup-resources.ts';
import { cpuSharesToWeight } from './cgroup-resources.ts';

/** A property of a unit, as SetUnitProperties of org.freedesktop.systemd1 takes it; all of these are of type `t`. */
export interface UnitProperty {
  readonly name: string;
  readonly value: bigint;
}

const SUFFIX = '.slice';
/** USEC_INFINITY, and what TasksMax and MemoryMax take for no limit. */
const INFINITY = 2n ** 64n - 1n;
/** systemd keeps a quota as a whole percentage of a CPU: 10 ms of each second. */
const PERCENT_USEC = 10_000n;
const DEFAULT_PERIOD_US = 100_000;

/**
 * The slice that stands for a cgroup: a dash separates levels, so dashes within a name become underscores (upstream's way, which its tools undo).
 * `/kubepods/burstable/pod1-2` is `kubepods-burstable-pod1_2.slice`; the root is `-.slice`. Pure.
 */
export function sliceOf(cgroup: string): string {
  const names = cgroup.split('/').filter(name => name !== '');
  return names.length === 0 ? `-${SUFFIX}` : `${names.map(name => name.replaceAll('-', '_')).join('-')}${SUFFIX}`;
}

/** Where systemd puts a slice: every dash in its name is a level (`a-b.slice` lies in `a.slice`). Undefined for what is no name of a slice. Pure. */
export function expandSlice(slice: string): string | undefined {
  if (!slice.endsWith(SUFFIX) || slice.includes('/')) return undefined;
  const name = slice.slice(0, -SUFFIX.length);
  if (name === '-') return '/';
  const parts = name.split('-');
  if (parts.includes('')) return undefined;
  return parts.map((_part, index) => `/${parts.slice(0, index + 1).join('-')}${SUFFIX}`).join('');
}

/**
 * The properties of a slice with these limits, in the order of libcontainer's. On v1 systemd takes shares and MemoryLimit, on v2 a weight and MemoryMax.
 * A quota is rounded up to whole percents of a CPU, for systemd keeps no finer ones and a container's own must fit in. Pure.
 */
export function sliceProperties(version: 1 | 2, r: CgroupResources): readonly UnitProperty[] {
  const properties: UnitProperty[] = [];
  const add = (name: string, value: bigint | number): void => void properties.push({ name, value: BigInt(value) });
  const limit = (value: number): bigint => (value < 0 ? INFINITY : BigInt(value));
  if (r.memoryLimitBytes !== undefined) add(version === 1 ? 'MemoryLimit' : 'MemoryMax', limit(r.memoryLimitBytes));
  if (r.cpuShares !== undefined)
    if (version === 1) add('CPUShares', r.cpuShares);
    else add('CPUWeight', cpuSharesToWeight(r.cpuShares));
  if (r.cpuPeriodUs !== undefined) add('CPUQuotaPeriodUSec', r.cpuPeriodUs);
  if (r.cpuQuotaUs !== undefined || r.cpuPeriodUs !== undefined)
    add('CPUQuotaPerSecUSec', quotaPerSecond(r.cpuQuotaUs ?? -1, r.cpuPeriodUs ?? DEFAULT_PERIOD_US));
  // it does not take 0
  if (r.pidsMax !== undefined) add('TasksMax', r.pidsMax === 0 ? 1n : limit(r.pidsMax));
  return properties;
}

function quotaPerSecond(quotaUs: number, periodUs: number): bigint {
  if (quotaUs <= 0) return INFINITY;
  const exact = (BigInt(quotaUs) * 1_000_000n) / BigInt(periodUs);
  return ((exact + PERCENT_USEC - 1n) / PERCENT_USEC) * PERCENT_USEC;
}
