import type { Pod } from '../../api/types/gen/core-v1.ts';
import { isReady, readySince } from './pod-state.ts';

const DELETION_COST = 'controller.kubernetes.io/pod-deletion-cost';
const PHASES: Readonly<Record<string, number>> = { Pending: 0, Unknown: 1, Running: 2 };

/**
 * Pods in the order in which they go when there are too many (upstream's ActivePodsWithRanks): unassigned, pending, not ready, cheap, doubled up on a node, ready for a
 * short time, often restarted, young. Times are compared by their order of magnitude, so that not all pods of one roll-out go together; equal ones by uid. `now` in ms.
 */
export function deletionOrder(pods: readonly Pod[], now: number): readonly Pod[] {
  const onNode = new Map<string, number>();
  for (const { spec } of pods) onNode.set(spec.nodeName ?? '', (onNode.get(spec.nodeName ?? '') ?? 0) + 1);
  const ranked = pods.map(pod => ({
    pod,
    keys: [
      (pod.spec.nodeName ?? '') === '' ? 0 : 1,
      PHASES[pod.status.phase ?? ''] ?? 0,
      isReady(pod) ? 1 : 0,
      deletionCost(pod),
      -(onNode.get(pod.spec.nodeName ?? '') ?? 0),
      isReady(pod) ? magnitude(readySince(pod), now) : 0,
      -Math.max(0, ...(pod.status.containerStatuses ?? []).map(status => status.restartCount)),
      magnitude(timeOf(pod.metadata.creationTimestamp), now),
    ],
  }));
  return ranked.toSorted((a, b) => firstDifference(a.keys, b.keys) || byUid(a.pod, b.pod)).map(({ pod }) => pod);
}

function timeOf(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Date.parse(text);
}

function firstDifference(a: readonly number[], b: readonly number[]): number {
  for (const [index, key] of a.entries()) {
    const difference = key - (b[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** How old, as a power of two of nanoseconds; what has no time is younger than all. */
function magnitude(since: number | undefined, now: number): number {
  if (since === undefined) return -1;
  const nanoseconds = (now - since) * 1e6;
  return nanoseconds <= 0 ? 0 : Math.floor(Math.log2(nanoseconds));
}

/** 0 for what is no 32-bit integer as Go reads one. */
function deletionCost(pod: Pod): number {
  const text = pod.metadata.annotations?.[DELETION_COST] ?? '';
  if (!/^(-?[1-9]\d{0,9}|0)$/.test(text)) return 0;
  const cost = Number(text);
  return cost === (cost | 0) ? cost : 0;
}

function byUid(a: Pod, b: Pod): number {
  return (a.metadata.uid ?? '') < (b.metadata.uid ?? '') ? -1 : 1;
}
