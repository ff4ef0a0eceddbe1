import type { Pod, PodCondition } from '../../api/types/gen/core-v1.ts';

/** What a controller asks of a pod. Pure. */

export function conditionOf(pod: Pod, type: string): PodCondition | undefined {
  return pod.status.conditions?.find(condition => condition.type === type);
}

export function isReady(pod: Pod): boolean {
  return conditionOf(pod, 'Ready')?.status === 'True';
}

/** Neither ended nor about to end: what counts for a number of replicas. */
export function isActive(pod: Pod): boolean {
  return !hasEnded(pod) && pod.metadata.deletionTimestamp === undefined;
}

export function hasEnded(pod: Pod): boolean {
  return pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed';
}

/** On its way out, and not at its end yet. */
export function isTerminating(pod: Pod): boolean {
  return !hasEnded(pod) && pod.metadata.deletionTimestamp !== undefined;
}

/** Since when it is ready, in ms since the epoch; undefined where it is not, or nobody wrote it down. */
export function readySince(pod: Pod): number | undefined {
  const condition = conditionOf(pod, 'Ready');
  if (condition?.status !== 'True' || condition.lastTransitionTime === undefined) return undefined;
  return Date.parse(condition.lastTransitionTime);
}

/** Ms until a pod that is ready counts as available: 0 when it does, undefined where it is not ready. */
export function availableInMs(pod: Pod, minReadySeconds: number, now: number): number | undefined {
  if (!isReady(pod)) return undefined;
  if (minReadySeconds === 0) return 0;
  const since = readySince(pod);
  return since === undefined ? undefined : Math.max(0, since + minReadySeconds * 1000 - now);
}
