import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { CriResources, HostFacts } from './inputs.ts';
import type { OciDeviceRule, OciResources } from './oci-spec.ts';

/**
 * Limits in the OCI form; the runtime turns shares into a weight on v2. Zero in the request means "not said". A memory limit without a swap limit is also
 * the limit of memory and swap together, so that a container cannot spill over into swap (upstream's rule). A kubelet sends a huge page limit of 0 for
 * every page size whether or not the machine can keep one, so without the controller a limit of 0 is left out. Throws `failed-precondition` for another
 * limit without it, and for limits in `unified` without cgroup v2.
 */
export function decideResources(
  resources: CriResources | undefined,
  host: Pick<HostFacts, 'cgroupVersion' | 'swapAccounting' | 'hugetlb'>,
  devices: readonly OciDeviceRule[],
): OciResources {
  if (resources === undefined) return { devices };
  const cpu = {
    ...positive('shares', resources.cpuShares),
    ...nonZero('quota', resources.cpuQuota),
    ...positive('period', resources.cpuPeriod),
    ...(resources.cpusetCpus === '' ? {} : { cpus: resources.cpusetCpus }),
    ...(resources.cpusetMems === '' ? {} : { mems: resources.cpusetMems }),
  };
  // who names the file means it, whatever a memory limit would make of it
  const memory = memoryOf(resources, host.swapAccounting && resources.unified['memory.swap.max'] === undefined);
  const hugepageLimits = hugepageLimitsOf(resources, host.hugetlb);
  const { pids, rest } = splitPids(resources.unified);
  if (Object.keys(rest).length > 0 && host.cgroupVersion === 1)
    throw failedPrecondition(
      `unified resources (${Object.keys(rest).sort().join(', ')}) need cgroup v2; this machine has v1`,
    );
  return {
    devices,
    ...(Object.keys(cpu).length > 0 ? { cpu } : {}),
    ...(Object.keys(memory).length > 0 ? { memory } : {}),
    ...(pids !== undefined ? { pids: { limit: pids } } : {}),
    ...(hugepageLimits.length > 0 ? { hugepageLimits } : {}),
    ...(Object.keys(rest).length > 0 ? { unified: rest } : {}),
  };
}

/** Limits without a CPU quota that is below 0, which is none at all; and whether there was one. Pure. */
export function withoutNoQuota(resources: OciResources): { readonly limits: OciResources; readonly noQuota: boolean } {
  const { quota, ...cpu } = resources.cpu ?? {};
  if (quota === undefined || quota >= 0) return { limits: resources, noQuota: false };
  return { limits: { ...resources, cpu }, noQuota: true };
}

function memoryOf(resources: CriResources, swapAccounting: boolean): { limit?: number; swap?: number } {
  const limit = toNumber(resources.memoryLimitInBytes, 'the memory limit');
  const swap = toNumber(resources.memorySwapLimitInBytes, 'the swap limit');
  if (limit === 0) return {};
  if (!swapAccounting) return { limit };
  if (swap > 0 && limit > 0 && swap < limit)
    throw invalidArgument(`the limit of memory and swap (${swap}) is below the memory limit (${limit})`);
  return { limit, swap: swap === 0 ? limit : swap };
}

function hugepageLimitsOf(resources: CriResources, hugetlb: boolean): NonNullable<OciResources['hugepageLimits']> {
  const limits = resources.hugepageLimits.map(({ pageSize, limit }) => ({
    pageSize,
    limit: toNumber(limit, `the hugepage limit ${pageSize}`),
  }));
  if (hugetlb) return limits;
  const impossible = limits.find(({ limit }) => limit !== 0);
  if (impossible === undefined) return [];
  throw failedPrecondition(
    `the hugepage limit ${impossible.pageSize} (${impossible.limit} bytes) needs the cgroup controller hugetlb, which this machine does not have`,
  );
}

/** `pids.max` has a field of its own in the OCI form, which holds on v1 too. */
function splitPids(unified: Readonly<Record<string, string>>): {
  pids: number | undefined;
  rest: Readonly<Record<string, string>>;
} {
  const { 'pids.max': max, ...rest } = unified;
  if (max === undefined) return { pids: undefined, rest };
  if (max !== 'max' && !/^\d+$/.test(max)) throw invalidArgument(`pids.max "${max}" is neither a number nor "max"`);
  return { pids: max === 'max' ? -1 : Number(max), rest };
}

function positive<K extends string>(key: K, value: bigint): { readonly [P in K]?: number } {
  return value > 0n ? ({ [key]: toNumber(value, key) } as { readonly [P in K]?: number }) : {};
}

function nonZero<K extends string>(key: K, value: bigint): { readonly [P in K]?: number } {
  return value !== 0n ? ({ [key]: toNumber(value, key) } as { readonly [P in K]?: number }) : {};
}

/** JSON carries integers up to 2^53 - 1 exactly; nothing real is over it. */
function toNumber(value: bigint, what: string): number {
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER))
    throw invalidArgument(`${what} ${value} is out of range`);
  return Number(value);
}
