import type { Pod } from '../../api/types/gen/core-v1.ts';
import { createCgroup, updateCgroup } from '../../linux/cgroup.ts';
import { MIN_SHARES, milliCpuToShares } from './cpu-shares.ts';
import type { NodeCapacity } from './node-capacity.ts';
import { burstableShares, qosCgroup } from './pod-cgroup.ts';

/**
 * Makes the tree under which all pods run. Idempotent. `allocatable` limits all pods together; undefined leaves them unlimited
 * (enforceNodeAllocatable without `pods`).
 */
export function makeQosCgroups(root: string, allocatable: NodeCapacity | undefined): void {
  createCgroup(
    qosCgroup(root, 'Guaranteed'),
    allocatable === undefined
      ? {}
      : { cpuShares: milliCpuToShares(allocatable.milliCpu), memoryLimitBytes: allocatable.memoryBytes },
  );
  createCgroup(qosCgroup(root, 'Burstable'), { cpuShares: MIN_SHARES });
  createCgroup(qosCgroup(root, 'BestEffort'), { cpuShares: MIN_SHARES });
}

/** Gives the burstable group the CPU weight that its pods ask for together. */
export function updateBurstableCgroup(root: string, burstablePods: readonly Pod[]): void {
  updateCgroup(qosCgroup(root, 'Burstable'), { cpuShares: burstableShares(burstablePods) });
}
