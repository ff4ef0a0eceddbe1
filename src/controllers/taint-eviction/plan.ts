import { toleratesTaint } from '../../api/tolerations.ts';
import type { Pod, Taint } from '../../api/types/gen/core-v1.ts';

/** For how long a pod may stay on a node with these taints: ms, undefined for ever, 0 not at all. Of several tolerations of one taint the first counts. */
export function toleratedMs({ spec }: Pod, taints: readonly Taint[]): number | undefined {
  let least: number | undefined;
  for (const taint of taints) {
    const toleration = spec.tolerations?.find(each => toleratesTaint(each, taint));
    if (toleration === undefined) return 0;
    const { tolerationSeconds } = toleration;
    if (tolerationSeconds === undefined) continue;
    const ms = Math.max(0, tolerationSeconds) * 1000;
    least = least === undefined ? ms : Math.min(least, ms);
  }
  return least;
}

export function executeTaints(taints: readonly Taint[] | undefined): readonly Taint[] {
  return (taints ?? []).filter(({ effect }) => effect === 'NoExecute');
}

/**
 * Since when the time of a pod counts, in ms since the epoch: from the last of the taints that say when they came, but not from before the pod was
 * there, nor from later than now. Taints that do not say it count from now.
 */
export function countsFrom({ metadata }: Pod, taints: readonly Taint[], now: number): number {
  const times = taints.map(({ timeAdded }) => (timeAdded === undefined ? now : Date.parse(timeAdded)));
  const created = Date.parse(metadata.creationTimestamp ?? '');
  return Math.min(now, Math.max(...times, Number.isNaN(created) ? now : created));
}
