import { writtenReferences } from '../../api/pod-references.ts';
import type { Pod, Volume, VolumeProjection } from '../../api/types/gen/core-v1.ts';

/**
 * The first kind of API object that a pod cannot be without, by upstream's names and in its order; undefined for a pod that needs none. A static pod may need
 * none: the node runs it before there is an API server, and must not get through it what it has no right to. Pure.
 */
export function apiReferenceOf(pod: Pod): string | undefined {
  const { spec } = pod;
  const found = writtenReferences(pod);
  if (found.serviceAccount !== '') return 'serviceaccounts';
  if (found.secrets.size > 0) return 'secrets';
  if (found.configMaps.size > 0) return 'configmaps';
  if ((spec.resourceClaims ?? []).length > 0) return 'resourceclaims';
  return (spec.volumes ?? []).map(volumeReference).find(name => name !== undefined);
}

function volumeReference({ csi, glusterfs, persistentVolumeClaim, ephemeral, projected }: Volume): string | undefined {
  if (csi !== undefined) return 'csidrivers (via CSI volumes)';
  if (glusterfs !== undefined) return 'endpoints (via glusterFS volumes)';
  if (persistentVolumeClaim !== undefined) return 'persistentvolumeclaims';
  if (ephemeral !== undefined) return 'persistentvolumeclaims (via ephemeral volumes)';
  return (projected?.sources ?? []).map(sourceReference).find(name => name !== undefined);
}

/** Tokens need the name of a service account, which was asked for before. */
function sourceReference({ clusterTrustBundle, podCertificate }: VolumeProjection): string | undefined {
  if (clusterTrustBundle !== undefined) return 'clustertrustbundles';
  return podCertificate === undefined ? undefined : 'podcertificates';
}
