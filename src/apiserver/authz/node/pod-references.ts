import { type PodReferences, writtenReferences } from '../../../api/pod-references.ts';
import type { Pod } from '../../../api/types/gen/core-v1.ts';

const NOTHING: PodReferences = {
  secrets: new Set(),
  configMaps: new Set(),
  persistentVolumeClaims: new Set(),
  resourceClaims: new Set(),
  serviceAccount: '',
};

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';
const KNOWN = new WeakMap<Pod, PodReferences>();

/** What the pod refers to, found once per pod. A mirror pod refers to nothing: its node made it, and must not gain by that. */
export function podReferences(pod: Pod): PodReferences {
  const known = KNOWN.get(pod);
  if (known !== undefined) return known;
  const references = Object.hasOwn(pod.metadata.annotations ?? {}, MIRROR_ANNOTATION)
    ? NOTHING
    : writtenReferences(pod);
  KNOWN.set(pod, references);
  return references;
}
