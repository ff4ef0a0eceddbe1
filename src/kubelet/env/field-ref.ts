import { failedPrecondition } from '../../base/errors.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';

/** What field references may tell beside the manifest. */
export interface PodFacts {
  readonly nodeName: string;
  readonly hostIPs: readonly string[];
  readonly podIPs: readonly string[];
}

const MAP_KEY = /^metadata\.(labels|annotations)\['(.+)'\]$/;

/** The value of a fieldRef in an environment. A field that cannot be read is a CreateContainerConfigError that names it. */
export function fieldValue(pod: DesiredPod, facts: PodFacts, path: string): string {
  const key = MAP_KEY.exec(path);
  if (key !== null) {
    const map = key[1] === 'labels' ? pod.pod.metadata.labels : pod.pod.metadata.annotations;
    return map?.[key[2] ?? ''] ?? '';
  }
  switch (path) {
    case 'metadata.name':
      return pod.name;
    case 'metadata.namespace':
      return pod.namespace;
    case 'metadata.uid':
      return pod.uid;
    case 'spec.nodeName':
      return facts.nodeName;
    case 'spec.serviceAccountName':
      return pod.pod.spec.serviceAccountName ?? '';
    case 'status.hostIP':
      return facts.hostIPs[0] ?? '';
    case 'status.hostIPs':
      return facts.hostIPs.join(',');
    case 'status.podIP':
      return facts.podIPs[0] ?? '';
    case 'status.podIPs':
      return facts.podIPs.join(',');
    default:
      throw failedPrecondition(`fieldPath "${path}" cannot be used in an environment`, {
        reason: 'CreateContainerConfigError',
      });
  }
}
