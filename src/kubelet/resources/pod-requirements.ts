import {
  allContainersLimited,
  podLimits as limitsOfPod,
  podRequests as requestsOfPod,
} from '../../api/pod-resources.ts';
import { quantityMilliValue, quantityValue } from '../../api/quantity.ts';
import type { Pod, ResourceList, ResourceRequirements } from '../../api/types/gen/core-v1.ts';

/** CPU in thousandths, memory in bytes; undefined where nothing is said. */
export interface Amounts {
  readonly milliCpu: number | undefined;
  readonly memoryBytes: number | undefined;
}

export function amounts(list: ResourceList | undefined): Amounts {
  const cpu = list?.['cpu'];
  const memory = list?.['memory'];
  return {
    milliCpu: cpu === undefined ? undefined : quantityMilliValue(cpu),
    memoryBytes: memory === undefined ? undefined : quantityValue(memory),
  };
}

/** A request that is not said is the limit: what the API's defaulting does, and the kubelet for what it did not reach. */
export function requestsOf(resources: ResourceRequirements): Amounts {
  const requests = amounts(resources.requests);
  const limits = amounts(resources.limits);
  return {
    milliCpu: requests.milliCpu ?? limits.milliCpu,
    memoryBytes: requests.memoryBytes ?? limits.memoryBytes,
  };
}

/** What a pod asks for as a whole, in the kernel's units. */
export function podRequests(pod: Pod): { readonly milliCpu: number; readonly memoryBytes: number } {
  const { milliCpu = 0, memoryBytes = 0 } = amounts(requestsOfPod(pod));
  return { milliCpu, memoryBytes };
}

/** What a pod may use at most; undefined for a resource that one of its containers may use without limit, unless the pod itself is limited. */
export function podLimits(pod: Pod): Amounts {
  const limits = limitsOfPod(pod);
  const limited = (resource: string): boolean =>
    pod.spec.resources?.limits?.[resource] !== undefined || allContainersLimited(pod.spec, resource);
  const { milliCpu, memoryBytes } = amounts(limits);
  return {
    milliCpu: limited('cpu') ? milliCpu : undefined,
    memoryBytes: limited('memory') ? memoryBytes : undefined,
  };
}
