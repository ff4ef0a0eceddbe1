import type { Pod, Toleration } from '../../api/types/gen/core-v1.ts';
import { ALLOW, changeTo, type Decision, isAbout, type WriteRequest } from './admission.ts';

/** How long a pod stays on a node that is not ready or not reachable: upstream's default. */
const SECONDS = 300;
const KEYS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

export function decideDefaultTolerationSeconds(request: WriteRequest): Decision {
  if (!isAbout(request, '', 'pods') || request.object === undefined || request.operation === 'DELETE') return ALLOW;
  const pod = request.object as Pod;
  const tolerations = pod.spec.tolerations ?? [];
  const covers = ({ key = '', effect }: Toleration, wanted: string): boolean =>
    (key === wanted || key === '') && (effect === 'NoExecute' || effect === undefined);
  const added = KEYS.filter(key => !tolerations.some(toleration => covers(toleration, key))).map(
    (key): Toleration => ({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds: SECONDS }),
  );
  if (added.length === 0) return ALLOW;
  return changeTo({ ...pod, spec: { ...pod.spec, tolerations: [...tolerations, ...added] } } as Pod);
}
