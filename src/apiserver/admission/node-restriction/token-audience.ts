import { goQuote } from '../../../api/go-quote.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../../api/types/gen/core-v1.ts';
import type { CSIDriver } from '../../../api/types/gen/storage-v1.ts';
import { resourceAttributes } from '../../authz/attributes.ts';
import type { Authorizer } from '../../authz/authorizer.ts';
import type { Lister, WriteRequest } from '../admission.ts';

const CLAIMS = { group: '', resource: 'persistentvolumeclaims' };
const VOLUMES = { group: '', resource: 'persistentvolumes' };
const DRIVERS = { group: 'storage.k8s.io', resource: 'csidrivers' };
const VERB = 'request-serviceaccounts-token-audience';

/**
 * Why a node may not have a token for these audiences; undefined where it may: the pod mounts such a token, or a driver of its volumes asks
 * for one, or the node has a right to it. Volumes of the drivers that were once part of Kubernetes are not looked at.
 */
export function audienceProblem(
  request: WriteRequest,
  audiences: readonly string[],
  pod: Pod,
  lister: Lister,
  authorizer: Pick<Authorizer, 'authorize'>,
): string | undefined {
  const [audience = '', ...more] = audiences;
  if (more.length > 0) return 'node may only request 0 or 1 audiences';
  if ((pod.spec.volumes ?? []).some(volume => needsAudience(volume, pod, audience, lister))) return undefined;
  const attributes = resourceAttributes(request.user, VERB, {
    apiGroup: '',
    apiVersion: 'v1',
    resource: audience,
    namespace: request.namespace,
    name: request.name,
  });
  if (authorizer.authorize(attributes).kind === 'allow') return undefined;
  return `audience ${goQuote(audience)} not found in pod spec volume, ${request.user.name} is not authorized to request tokens for this audience`;
}

function needsAudience(volume: Volume, pod: Pod, audience: string, lister: Lister): boolean {
  const mounted = (volume.projected?.sources ?? []).some(
    ({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience,
  );
  if (mounted) return true;
  const name = driverOf(volume, pod, lister);
  const driver = name === '' ? undefined : (lister.get(DRIVERS, '', name) as CSIDriver | undefined);
  return (driver?.spec.tokenRequests ?? []).some(token => token.audience === audience);
}

/** The driver that mounts the volume; empty where there is none, or not yet. */
function driverOf(volume: Volume, pod: Pod, lister: Lister): string {
  if (volume.csi !== undefined) return volume.csi.driver;
  const claimName =
    volume.ephemeral === undefined ? volume.persistentVolumeClaim?.claimName : `${pod.metadata.name}-${volume.name}`;
  if (claimName === undefined) return '';
  const claim = lister.get(CLAIMS, pod.metadata.namespace ?? '', claimName) as PersistentVolumeClaim | undefined;
  const name = claim?.spec.volumeName ?? '';
  const bound = name === '' ? undefined : (lister.get(VOLUMES, '', name) as PersistentVolume | undefined);
  return bound?.spec.csi?.driver ?? '';
}
