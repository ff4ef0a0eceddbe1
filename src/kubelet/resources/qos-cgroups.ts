import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { CgroupDriver } from '../../linux/cgroup-driver.ts';
import { MIN_SHARES, milliCpuToShares } from './cpu-shares.ts';
import type { NodeCapacity } from './node-capacity.ts';
import { burstableShares, qosCgroup } from './pod-cgroup.ts';

/**
 * Makes the tree under which all pods run. Idempotent. `allocatable` limits all pods together; undefined leaves them unlimited
 * (enforceNodeAllocatable without `pods`).
 */
export async function makeQosCgroups(
  cgroups: CgroupDriver,
  root: string,
  allocatable: NodeCapacity | undefined,
  signal: AbortSignal,
): Promise<void> {
  await cgroups.make(
    qosCgroup(root, 'Guaranteed'),
    allocatable === undefined
      ? {}
      : { cpuShares: milliCpuToShares(allocatable.milliCpu), memoryLimitBytes: allocatable.memoryBytes },
    signal,
  );
  await cgroups.make(qosCgroup(root, 'Burstable'), { cpuShares: MIN_SHARES }, signal);
  await cgroups.make(qosCgroup(root, 'BestEffort'), { cpuShares: MIN_SHARES }, signal);
}

/** Gives the burstable group the CPU weight that its pods ask for together. */
export async function updateBurstableCgroup(
  cgroups: Pick<CgroupDriver, 'update'>,
  root: string,
  burstablePods: readonly Pod[],
  signal: AbortSignal,
): Promise<void> {
  await cgroups.update(qosCgroup(root, 'Burstable'), { cpuShares: burstableShares(burstablePods) }, signal);
}
