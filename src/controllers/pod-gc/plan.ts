import type { Node, Pod, PodCondition } from '../../api/types/gen/core-v1.ts';
import { hasEnded } from '../pods/pod-state.ts';

const OUT_OF_SERVICE = 'node.kubernetes.io/out-of-service';

/** A pod that should go at once; where it has not ended, it fails first, with a condition that says why. */
export interface Removal {
  readonly pod: Pod;
  readonly condition?: Pick<PodCondition, 'type' | 'status' | 'reason' | 'message'>;
}

/** The oldest of the pods that have ended, beyond a number of them: evicted ones first, then by their age, then by name. None where the number is 0. */
export function surplus(ended: readonly Pod[], threshold: number): readonly Removal[] {
  if (threshold <= 0 || ended.length <= threshold) return [];
  return inOrder(ended)
    .slice(0, ended.length - threshold)
    .map(pod => ({ pod }));
}

/** What goes of the pods of a node that is surely gone: all of them. */
export function orphans(pods: readonly Pod[]): readonly Removal[] {
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    reason: 'DeletionByPodGC',
    message: 'PodGC: node no longer exists',
  };
  return pods.map(pod => ({ pod, condition }));
}

/** What goes of the pods of a node that there is: those that end, where people say that the node is out of service and it does not answer. */
export function outOfService(node: Node, pods: readonly Pod[]): readonly Removal[] {
  return isOutOfService(node) ? inOrder(pods.filter(isDeleted)).map(pod => ({ pod })) : [];
}

/** True where nobody but this controller ends the pods of a node: it was said to be out of service, and it is not ready. */
export function isOutOfService({ spec, status }: Node): boolean {
  const isReady = status.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') === true;
  return !isReady && (spec.taints ?? []).some(taint => taint.key === OUT_OF_SERVICE);
}

/** True for a pod that is deleted and has no kubelet that would end it. */
export function isUnscheduledDeleted(pod: Pod): boolean {
  return isDeleted(pod) && (pod.spec.nodeName ?? '') === '';
}

export function isDeleted({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined;
}

/** The change of its status before a pod goes; undefined where it has ended by itself. `now` as the API writes times. */
export function failure({ pod, condition }: Removal, now: string): object | undefined {
  if (hasEnded(pod)) return undefined;
  const { uid, generation } = pod.metadata;
  const old = pod.status.conditions?.find(each => each.type === condition?.type);
  const since = old?.status === condition?.status ? old?.lastTransitionTime : undefined;
  const conditions =
    condition === undefined
      ? {}
      : { conditions: [{ ...condition, observedGeneration: generation, lastTransitionTime: since ?? now }] };
  return { metadata: { uid }, status: { phase: 'Failed', observedGeneration: generation, ...conditions } };
}

function inOrder(pods: readonly Pod[]): readonly Pod[] {
  return pods.toSorted((a, b) => {
    if (isEvicted(a) !== isEvicted(b)) return isEvicted(a) ? -1 : 1;
    const [first = '', second = ''] = [a.metadata.creationTimestamp, b.metadata.creationTimestamp];
    if (first !== second) return first < second ? -1 : 1;
    return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
  });
}

function isEvicted({ status }: Pod): boolean {
  return status.phase === 'Failed' && status.reason === 'Evicted';
}
