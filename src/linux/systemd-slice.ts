import type { CgroupResources } from './cgroup-resources.ts';
import { cpuSharesToWeight } from './cgroup-resources.ts';
import type { DbusValue } from './dbus/dbus-wire.ts';

/** A property of a unit, as SetUnitProperties of org.freedesktop.systemd1 takes it. */
export interface UnitProperty<V extends DbusValue = DbusValue> {
  readonly name: string;
  /** Its D-Bus signature. */
  readonly type: string;
  readonly value: V;
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
export function sliceProperties(version: 1 | 2, r: CgroupResources): readonly UnitProperty<bigint>[] {
  const properties: UnitProperty<bigint>[] = [];
  const add = (name: string, value: bigint | number): void =>
    void properties.push({ name, type: 't', value: BigInt(value) });
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

/**
 * What a new slice has besides its limits, as libcontainer's. Every controller counts from the beginning, for what a group used before it does is lost; and the end of the
 * machine does not stop it before those that are to end its pods.
 */
export function newSliceProperties(slice: string): readonly UnitProperty[] {
  return [
    { name: 'Description', type: 's', value: `pods in ${slice}` },
    ...['MemoryAccounting', 'CPUAccounting', 'IOAccounting', 'TasksAccounting'].map(name => ({
      name,
      type: 'b',
      value: true,
    })),
    { name: 'DefaultDependencies', type: 'b', value: false },
    FORGOTTEN_WHEN_FAILED,
  ];
}

/** A unit that failed is else kept, and its name with it, until somebody resets it. */
export const FORGOTTEN_WHEN_FAILED: UnitProperty = { name: 'CollectMode', type: 's', value: 'inactive-or-failed' };

/** The same limits with the quota that systemd makes of it: the files are to say what it would write. Pure. */
export function roundedForSystemd(r: CgroupResources): CgroupResources {
  if (r.cpuQuotaUs === undefined || r.cpuQuotaUs <= 0) return r;
  const periodUs = r.cpuPeriodUs ?? DEFAULT_PERIOD_US;
  return { ...r, cpuQuotaUs: Number((quotaPerSecond(r.cpuQuotaUs, periodUs) * BigInt(periodUs)) / 1_000_000n) };
}

function quotaPerSecond(quotaUs: number, periodUs: number): bigint {
  if (quotaUs <= 0) return INFINITY;
  const exact = (BigInt(quotaUs) * 1_000_000n) / BigInt(periodUs);
  return ((exact + PERCENT_USEC - 1n) / PERCENT_USEC) * PERCENT_USEC;
}
