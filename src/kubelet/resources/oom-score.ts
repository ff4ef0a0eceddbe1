import { isSidecar } from '../../api/pod-resources.ts';
import type { Container, Pod, PodQOSClass } from '../../api/types/gen/core-v1.ts';
import { requestsOf } from './pod-requirements.ts';

/** Upstream's: the kernel takes a Guaranteed pod last, after the kubelet itself (-999), and a BestEffort one first. */
const GUARANTEED = -997;
const BEST_EFFORT = 1000;
const NODE_CRITICAL = 'system-node-critical';

/** The wish for /proc/pid/oom_score_adj; whether the machine grants it is the runtime's matter. A Burstable container scores by the share of memory it asked for. */
export function oomScoreAdj(pod: Pod, container: Container, qos: PodQOSClass, memoryCapacityBytes: number): number {
  if (pod.spec.priorityClassName === NODE_CRITICAL || qos === 'Guaranteed') return GUARANTEED;
  if (qos === 'BestEffort') return BEST_EFFORT;
  const own = burstable(container, memoryCapacityBytes);
  if (!isSidecar(container)) return own;
  return Math.min(own, ...pod.spec.containers.map(c => burstable(c, memoryCapacityBytes)));
}

/** Between 3 (above every Guaranteed pod) and 999 (below BestEffort). */
function burstable(container: Container, memoryCapacityBytes: number): number {
  const requested = requestsOf(container.resources).memoryBytes ?? 0;
  const score = 1000 - Math.trunc((1000 * requested) / memoryCapacityBytes);
  return Math.min(Math.max(score, 3), BEST_EFFORT - 1);
}
