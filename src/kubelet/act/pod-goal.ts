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
