import type { Pod, PodQOSClass } from '../../api/types/gen/core-v1.ts';
import type { CgroupResources } from '../../linux/cgroup.ts';
import { MIN_SHARES, milliCpuToQuota, milliCpuToShares } from './cpu-shares.ts';
import { podLimits, podRequests } from './pod-requirements.ts';

/** How the node divides its cgroup tree and CPU time. */
export interface CgroupPolicy {
  /** Prefix of the tree, `/` or `/name`. */
  readonly root: string;
  readonly cpuQuotaEnforced: boolean;
  readonly cpuPeriodUs: number;
  /** Processes per pod; -1 is no limit. */
  readonly podPidsLimit: number;
}

/** `/kubepods`, `/kubepods/burstable`, `/kubepods/besteffort`: Guaranteed pods stand directly under the first. */
export function qosCgroup(root: string, qos: PodQOSClass): string {
  const kubepods = `${root === '/' ? '' : root}/kubepods`;
  return qos === 'Guaranteed' ? kubepods : `${kubepods}/${qos.toLowerCase()}`;
}

export function podCgroup(root: string, qos: PodQOSClass, uid: string): string {
  return `${qosCgroup(root, qos)}/pod${uid}`;
}

/** Wherever a pod's group may stand, for one whose class is not known any more. */
export function possiblePodCgroups(root: string, uid: string): readonly string[] {
  return (['Guaranteed', 'Burstable', 'BestEffort'] as const).map(qos => podCgroup(root, qos, uid));
}

/** A pod's own limits: CPU time and memory are limited as a whole only where every container has a limit, or the pod itself. */
export function podCgroupResources(pod: Pod, qos: PodQOSClass, policy: CgroupPolicy): CgroupResources {
  const requests = podRequests(pod);
  const limits = podLimits(pod);
  const quota =
    policy.cpuQuotaEnforced && limits.milliCpu !== undefined && limits.milliCpu > 0
      ? { cpuQuotaUs: milliCpuToQuota(limits.milliCpu, policy.cpuPeriodUs), cpuPeriodUs: policy.cpuPeriodUs }
      : {};
  return {
    cpuShares: qos === 'BestEffort' ? MIN_SHARES : milliCpuToShares(requests.milliCpu),
    ...quota,
    ...(limits.memoryBytes !== undefined && limits.memoryBytes > 0 ? { memoryLimitBytes: limits.memoryBytes } : {}),
    ...(policy.podPidsLimit > 0 ? { pidsMax: policy.podPidsLimit } : {}),
  };
}

/** Shares of the burstable group: what its pods ask for together. */
export function burstableShares(pods: readonly Pod[]): number {
  return milliCpuToShares(pods.reduce((sum, pod) => sum + podRequests(pod).milliCpu, 0));
}
