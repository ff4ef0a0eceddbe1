/** Limits of one cgroup. What is undefined is left as it is; `-1` lifts a limit. */
export interface CgroupResources {
  /** The v1 scale, 2 to 262144; on v2 it becomes a weight. */
  readonly cpuShares?: number;
  readonly cpuQuotaUs?: number;
  /** 1,000 to 1,000,000; the kernel's default is 100,000. */
  readonly cpuPeriodUs?: number;
  readonly memoryLimitBytes?: number;
  readonly pidsMax?: number;
}

export interface CgroupWrite {
  readonly controller: 'cpu' | 'memory' | 'pids';
  readonly file: string;
  readonly value: string;
}

/**
 * cpu.shares as a cgroup v2 weight (1 to 10000), by the linear formula that the kubelet uses for pod and QoS groups. OCI runtimes use
 * another curve for containers, so the two numbers differ on purpose.
 */
export function cpuSharesToWeight(shares: number): number {
  const clamped = Math.min(Math.max(shares, 2), 262144);
  return Math.trunc(1 + ((clamped - 2) * 9999) / 262142);
}

/** The files to write, in order, for the given limits. Pure. */
export function cgroupWrites(version: 1 | 2, resources: CgroupResources): readonly CgroupWrite[] {
  return version === 1 ? writesV1(resources) : writesV2(resources);
}

const maxOr = (value: number): string => (value < 0 ? 'max' : String(value));

function writesV1(r: CgroupResources): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (r.cpuShares !== undefined) writes.push({ controller: 'cpu', file: 'cpu.shares', value: String(r.cpuShares) });
  if (r.cpuPeriodUs !== undefined)
    writes.push({ controller: 'cpu', file: 'cpu.cfs_period_us', value: String(r.cpuPeriodUs) });
  if (r.cpuQuotaUs !== undefined)
    writes.push({ controller: 'cpu', file: 'cpu.cfs_quota_us', value: String(r.cpuQuotaUs) });
  if (r.memoryLimitBytes !== undefined)
    writes.push({ controller: 'memory', file: 'memory.limit_in_bytes', value: String(r.memoryLimitBytes) });
  if (r.pidsMax !== undefined) writes.push({ controller: 'pids', file: 'pids.max', value: maxOr(r.pidsMax) });
  return writes;
}

function writesV2(r: CgroupResources): CgroupWrite[] {
  const writes: CgroupWrite[] = [];
  if (r.cpuShares !== undefined)
    writes.push({ controller: 'cpu', file: 'cpu.weight', value: String(cpuSharesToWeight(r.cpuShares)) });
  if (r.cpuQuotaUs !== undefined || r.cpuPeriodUs !== undefined)
    writes.push({
      controller: 'cpu',
      file: 'cpu.max',
      value: `${maxOr(r.cpuQuotaUs ?? -1)} ${r.cpuPeriodUs ?? 100_000}`,
    });
  if (r.memoryLimitBytes !== undefined)
    writes.push({ controller: 'memory', file: 'memory.max', value: maxOr(r.memoryLimitBytes) });
  if (r.pidsMax !== undefined) writes.push({ controller: 'pids', file: 'pids.max', value: maxOr(r.pidsMax) });
  return writes;
}
