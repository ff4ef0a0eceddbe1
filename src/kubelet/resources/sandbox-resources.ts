import type { Pod } from '../../api/types/gen/core-v1.ts';
import { LinuxContainerResources } from '../../rpc/cri-api.ts';
import { milliCpuToQuota, milliCpuToShares } from './cpu-shares.ts';
import type { CgroupPolicy } from './pod-cgroup.ts';
import { type Amounts, amounts, podLimits, podRequests } from './pod-requirements.ts';

/**
 * What the runtime is told of the size of a pod as a whole: its containers together, and what the runtime itself needs besides (`overhead` of the pod's
 * RuntimeClass). A runtime that starts a virtual machine makes it so large; the others leave it to the pod's cgroup. As upstream: the overhead is request and
 * limit at once, and is all zero where there is none.
 */
export function sandboxResources(
  pod: Pod,
  policy: Pick<CgroupPolicy, 'cpuQuotaEnforced' | 'cpuPeriodUs'>,
): { readonly resources: LinuxContainerResources; readonly overhead: LinuxContainerResources } {
  const alone: Pod = { ...pod, spec: { ...pod.spec, overhead: undefined } };
  const { milliCpu } = podRequests(alone);
  const overhead = amounts(pod.spec.overhead);
  return {
    resources: limitsOf(milliCpu, podLimits(alone), policy),
    overhead:
      pod.spec.overhead === undefined
        ? LinuxContainerResources.fromPartial({})
        : limitsOf(overhead.milliCpu ?? 0, overhead, policy),
  };
}

function limitsOf(
  requestMilliCpu: number,
  { milliCpu = 0, memoryBytes = 0 }: Amounts,
  { cpuQuotaEnforced, cpuPeriodUs }: Pick<CgroupPolicy, 'cpuQuotaEnforced' | 'cpuPeriodUs'>,
): LinuxContainerResources {
  return LinuxContainerResources.fromPartial({
    cpuShares: BigInt(milliCpuToShares(requestMilliCpu)),
    memoryLimitInBytes: BigInt(memoryBytes),
    ...(cpuQuotaEnforced && milliCpu > 0
      ? { cpuPeriod: BigInt(cpuPeriodUs), cpuQuota: BigInt(milliCpuToQuota(milliCpu, cpuPeriodUs)) }
      : {}),
  });
}
