import { goQuote } from '../../api/go-quote.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
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

/**
 * The value of a fieldRef in a volume: what the pod's metadata says. Maps come as lines `key="value"` in the order of their keys. Throws for a field
 * that a volume cannot show.
 */
export function metadataValue({ metadata }: Pod, path: string): string {
  const key = MAP_KEY.exec(path);
  if (key !== null) return metadata[key[1] as 'labels' | 'annotations']?.[key[2] ?? ''] ?? '';
  switch (path) {
    case 'metadata.annotations':
      return mapLines(metadata.annotations ?? {});
    case 'metadata.labels':
      return mapLines(metadata.labels ?? {});
    case 'metadata.name':
      return metadata.name ?? '';
    case 'metadata.namespace':
      return metadata.namespace ?? '';
    case 'metadata.uid':
      return metadata.uid ?? '';
    default:
      throw failedPrecondition(`unsupported fieldPath: ${path}`);
  }
}

function mapLines(map: { readonly [key: string]: string }): string {
  return Object.entries(map)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}=${goQuote(value)}`)
    .join('\n');
}
