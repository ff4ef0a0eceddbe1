import type { Pod } from '../../api/types/gen/core-v1.ts';
import { isPodUid } from '../pod-paths.ts';
import { ANNOTATION } from '../runtime/labels.ts';
import type { DesiredPod } from './desired-pod.ts';

/** The copy, in the API server, of a pod that a manifest asks for. It is shown, not run. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[ANNOTATION.configMirror] !== undefined;
}

/**
 * The pods that the API server has bound to this node, as they are to be run. One that did not change in what matters here is the very object of `before`:
 * every report of ours comes back as a change of the object, and none of them is news. Pure.
 */
export function apiPods(objects: readonly Pod[], before: readonly DesiredPod[]): readonly DesiredPod[] {
  const known = new Map(before.map(pod => [pod.uid, pod]));
  const pods: DesiredPod[] = [];
  for (const pod of [...objects].sort(olderFirst)) {
    const { uid = '', name = '', namespace = '' } = pod.metadata;
    if (isMirrorPod(pod) || !isPodUid(uid)) continue;
    const next = desiredPod(pod, uid, name, namespace);
    const last = known.get(uid);
    pods.push(last !== undefined && isSame(last, next) ? last : next);
  }
  return pods;
}

/** Where not all fit, those that came first are taken. */
function olderFirst(a: Pod, b: Pod): number {
  const key = ({ metadata: { creationTimestamp = '', namespace, name } }: Pod): string =>
    `${creationTimestamp} ${namespace}/${name}`;
  return key(a) < key(b) ? -1 : 1;
}

function desiredPod(pod: Pod, uid: string, name: string, namespace: string): DesiredPod {
  const { deletionTimestamp, deletionGracePeriodSeconds } = pod.metadata;
  const grace = deletionGracePeriodSeconds ?? pod.spec.terminationGracePeriodSeconds ?? 30;
  const phase = pod.status?.phase;
  return {
    uid,
    name,
    namespace,
    pod,
    source: 'api',
    file: '',
    ...(deletionTimestamp === undefined ? {} : { deletion: { graceSeconds: grace } }),
    finished: phase === 'Succeeded' || phase === 'Failed',
  };
}

/** The generation counts changes of the spec; of the status only its end matters, and what others say in conditions. */
function isSame(a: DesiredPod, b: DesiredPod): boolean {
  return (
    a.deletion?.graceSeconds === b.deletion?.graceSeconds &&
    a.finished === b.finished &&
    relevantText(a.pod) === relevantText(b.pod)
  );
}

/** Written once for each object: all pods are looked at whenever one of them changes. */
const texts = new WeakMap<Pod, string>();

function relevantText(pod: Pod): string {
  const known = texts.get(pod);
  if (known !== undefined) return known;
  const text = JSON.stringify(relevant(pod));
  texts.set(pod, text);
  return text;
}

function relevant({ metadata, spec, status }: Pod): unknown {
  // whoever keeps a gate says in a condition whether it is open
  const gates = (spec.readinessGates ?? []).map(
    gate => status?.conditions?.find(c => c.type === gate.conditionType)?.status,
  );
  return [metadata.generation, metadata.labels, metadata.annotations, spec, gates];
}
