import type { Container, Pod, PodQOSClass } from '../../api/types/gen/core-v1.ts';
import { LinuxContainerResources } from '../../rpc/cri-api.ts';
import { milliCpuToQuota, milliCpuToShares } from './cpu-shares.ts';
import type { NodeCapacity } from './node-capacity.ts';
import { oomScoreAdj } from './oom-score.ts';
import type { CgroupPolicy } from './pod-cgroup.ts';
import { amounts, requestsOf } from './pod-requirements.ts';
import { type SwapPolicy, swapBytes } from './swap.ts';

export interface ContainerResourcePolicy extends CgroupPolicy {
  readonly cgroupVersion: 1 | 2;
  /** On cgroup v2 the kernel ends a container as a whole when it is out of memory, unless this asks for the old way. */
  readonly singleProcessOomKill: boolean;
  readonly swap: SwapPolicy;
}

/** A container's limits as the CRI carries them. Zero means "not limited". */
export function containerResources(
  pod: Pod,
  container: Container,
  qos: PodQOSClass,
  capacity: NodeCapacity,
  policy: ContainerResourcePolicy,
): LinuxContainerResources {
  const requests = requestsOf(container.resources);
  const limits = amounts(container.resources.limits);
  const limited = policy.cpuQuotaEnforced && limits.milliCpu !== undefined && limits.milliCpu > 0;
  return LinuxContainerResources.fromPartial({
    cpuShares: BigInt(milliCpuToShares(requests.milliCpu ?? 0)),
    ...(limited
      ? {
          cpuPeriod: BigInt(policy.cpuPeriodUs),
          cpuQuota: BigInt(milliCpuToQuota(limits.milliCpu ?? 0, policy.cpuPeriodUs)),
        }
      : {}),
    memoryLimitInBytes: BigInt(limits.memoryBytes ?? 0),
    oomScoreAdj: BigInt(oomScoreAdj(pod, container, qos, capacity.memoryBytes)),
    unified: policy.cgroupVersion === 2 ? unifiedOf(pod, container, qos, capacity, policy) : {},
  });
}

/** Files of cgroup v2 as they are. */
function unifiedOf(
  pod: Pod,
  container: Container,
  qos: PodQOSClass,
  capacity: NodeCapacity,
  { singleProcessOomKill, swap }: ContainerResourcePolicy,
): Readonly<Record<string, string>> {
  return {
    ...(singleProcessOomKill ? {} : { 'memory.oom.group': '1' }),
    ...(swap.counted ? { 'memory.swap.max': String(swapBytes(pod, container, qos, capacity, swap)) } : {}),
  };
}
