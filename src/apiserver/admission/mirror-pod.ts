import { writtenReferences } from '../../api/pod-references.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';

const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

/** True for a pod that a node made from a file of its own. */
export function isMirrorPod(pod: Pod): boolean {
  return pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined;
}

/** What of the API a pod uses, as upstream names it in its refusals; undefined for a pod that uses nothing. A mirror pod must use nothing. */
export function apiReference(pod: Pod): string | undefined {
  const { spec } = pod;
  const found = writtenReferences(pod);
  const volumes = spec.volumes ?? [];
  const projected = volumes.flatMap(volume => volume.projected?.sources ?? []);
  if (found.serviceAccount !== '' || (spec.serviceAccount ?? '') !== '') return 'service accounts';
  if (found.secrets.size > 0 || (spec.imagePullSecrets ?? []).length > 0) return 'secrets';
  if (found.configMaps.size > 0) return 'configmaps';
  if (projected.some(source => source.clusterTrustBundle !== undefined)) return 'clustertrustbundles';
  if (projected.some(source => source.podCertificate !== undefined)) return 'podcertificates';
  if (found.persistentVolumeClaims.size > 0) return 'persistentvolumeclaims';
  // A claim made from a template has no name yet.
  return found.resourceClaims.size > 0 || (spec.resourceClaims ?? []).length > 0 ? 'resourceclaims' : undefined;
}
