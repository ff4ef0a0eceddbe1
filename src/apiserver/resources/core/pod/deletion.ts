import type { Pod } from '../../../../api/types/gen/core-v1.ts';

/**
 * Seconds that a pod gets to end, when deletion is asked for with `requested` (undefined: the pod's own). 0 means that the
 * object goes at once: nobody runs it, or it has ended. A negative request counts as 1.
 */
export function podGracePeriod(pod: Pod, requested: number | undefined): number {
  const { nodeName = '', terminationGracePeriodSeconds = 30 } = pod.spec;
  if (nodeName === '') return 0;
  if (pod.status.phase === 'Succeeded' || pod.status.phase === 'Failed') return 0;
  const period = requested ?? terminationGracePeriodSeconds;
  return period < 0 ? 1 : period;
}
