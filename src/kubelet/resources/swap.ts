import type { Container, Pod, PodQOSClass } from '../../api/types/gen/core-v1.ts';
import { ANNOTATION } from '../runtime/labels.ts';
import type { NodeCapacity } from './node-capacity.ts';
import { amounts } from './pod-requirements.ts';

export interface SwapPolicy {
  /** The kernel counts swap by group. On cgroup v1 a container's swap is what its memory limit leaves, and this is false. */
  readonly counted: boolean;
  /** memorySwap.swapBehavior is LimitedSwap: containers may have a share. */
  readonly limited: boolean;
  /** All swap of the machine, in bytes. */
  readonly capacityBytes: number;
}

/** From this priority on a pod is critical to the cluster (system-cluster-critical). */
const SYSTEM_CRITICAL = 2_000_000_000;

/**
 * How many bytes of a container may lie in swap (upstream's rule): none, or with LimitedSwap for a container of a Burstable pod as much of the machine's swap as it asked for of the
 * machine's memory. None for critical and static pods, nor where the request is the limit or nothing is asked for. Pure.
 */
export function swapBytes(
  pod: Pod,
  container: Container,
  qos: PodQOSClass,
  capacity: NodeCapacity,
  { limited, capacityBytes }: SwapPolicy,
): number {
  const source = pod.metadata.annotations?.[ANNOTATION.configSource] ?? 'api';
  const critical = (pod.spec.priority ?? 0) >= SYSTEM_CRITICAL || source !== 'api';
  if (!limited || critical || qos !== 'Burstable') return 0;
  const { memoryBytes: limit = 0 } = amounts(container.resources.limits);
  const { memoryBytes: request = 0 } = amounts(container.resources.requests);
  if (request === limit || request > capacity.memoryBytes || capacity.memoryBytes <= 0) return 0;
  return Math.trunc((request / capacity.memoryBytes) * capacityBytes);
}
