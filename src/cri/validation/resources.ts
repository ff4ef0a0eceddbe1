import { invalidArgument } from '../../base/errors.ts';
import type { LinuxContainerResources } from '../../rpc/cri-api.ts';
import { checkRange, wrong } from './field.ts';

/** The kernel's range of a CFS period in microseconds (sched(7), kernel/sched/core.c), and its least quota. */
const LEAST_PERIOD = 1_000n;
const MOST_PERIOD = 1_000_000n;
const LEAST_QUOTA = 1_000n;
/** JSON, in which runtimes are told, carries so much exactly; nothing real is over it. */
const MOST = BigInt(Number.MAX_SAFE_INTEGER);
/** More processors or memory nodes than any kernel is built for. */
const MOST_CPUS = 65_536;

/** Limits that no machine could have. What this machine cannot have is found by its kernel. Throws `invalid-argument` naming the field. Pure. */
export function checkResources(field: string, resources: LinuxContainerResources | undefined): void {
  if (resources === undefined) return;
  const { cpuPeriod, cpuQuota } = resources;
  if (cpuPeriod !== 0n) checkRange(`${field}.cpu_period`, cpuPeriod, LEAST_PERIOD, MOST_PERIOD);
  // below zero is no limit, as everywhere in the kernel
  checkRange(`${field}.cpu_quota`, cpuQuota, -1n, MOST);
  if (cpuQuota > 0n) checkRange(`${field}.cpu_quota`, cpuQuota, LEAST_QUOTA, MOST);
  checkRange(`${field}.cpu_shares`, resources.cpuShares, 0n, MOST);
  checkRange(`${field}.memory_limit_in_bytes`, resources.memoryLimitInBytes, -1n, MOST);
  checkRange(`${field}.memory_swap_limit_in_bytes`, resources.memorySwapLimitInBytes, -1n, MOST);
  checkRange(`${field}.oom_score_adj`, resources.oomScoreAdj, -1000n, 1000n);
  checkSet(`${field}.cpuset_cpus`, resources.cpusetCpus);
  checkSet(`${field}.cpuset_mems`, resources.cpusetMems);
  for (const [at, { pageSize, limit }] of resources.hugepageLimits.entries()) {
    if (!/^[1-9]\d*[KMG]B$/.test(pageSize))
      throw wrong(`${field}.hugepage_limits[${at}].page_size`, pageSize, 'is not a page size such as 2MB or 1GB');
    checkRange(`${field}.hugepage_limits[${at}].limit`, limit, 0n, MOST);
  }
  for (const [file, value] of Object.entries(resources.unified)) {
    // a file of the group's own, not a way out of it, and not the lists of its processes
    if (!/^[a-z][a-z0-9_]*(\.[A-Za-z0-9_]+)+$/.test(file) || file.startsWith('cgroup.'))
      throw invalidArgument(`a key of ${field}.unified, ${JSON.stringify(file)}, is not the file of a controller`);
    if (value === '' || /[\0\n]/.test(value)) throw wrong(`${field}.unified.${file}`, value, 'is not one line of text');
  }
}

/** `0-3,8`: numbers and ranges, as cpuset(7) has them. */
function checkSet(field: string, list: string): void {
  if (list === '') return;
  for (const part of list.split(',')) {
    const [, first = '', last = first] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part) ?? [];
    if (first === '' || Number(first) > Number(last) || Number(last) >= MOST_CPUS)
      throw wrong(field, list, 'is not a list of numbers and ranges such as 0-3,8');
  }
}
