import type { DesiredPod } from '../desired/desired-pod.ts';

/** What a worker is after. `end` never turns back into `run`: a pod that is wanted again gets a new worker when this one is done. */
export type PodGoal =
  | { readonly kind: 'run'; readonly desired: DesiredPod }
  | {
      readonly kind: 'end';
      readonly desired: DesiredPod | undefined;
      readonly because: string;
      /** Instead of the pod's own: what whoever deleted it allowed. */
      readonly graceSeconds?: number | undefined;
      /** The machine goes down: the pod has failed by that, and what is left of it stays for the next kubelet. */
      readonly shutdown?: boolean;
    };

/** What becomes of a pod that is asked for. */
export function goalOf(pod: DesiredPod): PodGoal {
  if (pod.deletion === undefined) return { kind: 'run', desired: pod };
  return { kind: 'end', desired: pod, because: 'it was deleted', graceSeconds: pod.deletion.graceSeconds };
}

/** Why a pod ends that is not asked for any more. */
export function goneFrom({ desired }: PodGoal): string {
  return desired?.source === 'api' ? 'the API server does not have it any more' : 'its manifest is gone';
}
