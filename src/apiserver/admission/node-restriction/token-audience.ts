import { goQuote } from '../../../api/go-quote.ts';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  Pod,
  Volume,
} from '../../../api/types/gen/core-v1.ts';
import type { CSIDriver } from '../../../api/types/gen/storage-v1.ts';
import { resourceAttributes } from '../../authz/attributes.ts';
import type { Authorizer } from '../../authz/authorizer.ts';
import type { Lister, WriteRequest } from '../admission.ts';

type Sources = Omit<Volume, 'name'>;

/** The drivers that took over volumes that were once part of Kubernetes itself. */
const SUCCESSORS: readonly (readonly [source: keyof Sources & keyof PersistentVolumeSpec, driver: string])[] = [
  ['awsElasticBlockStore', 'ebs.csi.aws.com'],
  ['azureDisk', 'disk.csi.azure.com'],
  ['azureFile', 'file.csi.azure.com'],
  ['cinder', 'cinder.csi.openstack.org'],
  ['gcePersistentDisk', 'pd.csi.storage.gke.io'],
  ['portworxVolume', 'pxd.portworx.com'],
  ['vsphereVolume', 'csi.vsphere.vmware.com'],
];
const CLAIMS = { group: '', resource: 'persistentvolumeclaims' };
const VOLUMES = { group: '', resource: 'persistentvolumes' };
const DRIVERS = { group: 'storage.k8s.io', resource: 'csidrivers' };
const VERB = 'request-serviceaccounts-token-audience';

/**
 * Why a node may not have a token for these audiences; undefined where it may: the pod mounts such a token, or a driver of its volumes asks
 * for one, or the node has a right to it. As upstream, a right does not help where the driver of a volume cannot be told.
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
  const found = (pod.spec.volumes ?? []).map(volume => lookFor(audience, volume, pod, lister));
  if (found.includes(true)) return undefined;
  const problems = [...new Set(found.filter(each => typeof each === 'string'))];
  if (problems.length > 0) {
    const shown = problems.length === 1 ? problems[0] : `[${problems.join(', ')}]`;
    return `error validating audience ${goQuote(audience)}: ${shown}`;
  }
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

/** Whether a volume needs a token for the audience, or why that cannot be told. */
function lookFor(audience: string, volume: Volume, pod: Pod, lister: Lister): boolean | string {
  const mounted = (volume.projected?.sources ?? []).some(
    ({ serviceAccountToken: token }) => token !== undefined && (token.audience ?? '') === audience,
  );
  if (mounted) return true;
  const { driver: name, problem } = driverOf(volume, pod, lister);
  if (problem !== undefined) return problem;
  if (name === undefined) return false;
  const driver = lister.get(DRIVERS, '', name) as CSIDriver | undefined;
  if (driver === undefined) return `csidriver.storage.k8s.io ${goQuote(name)} not found`;
  return (driver.spec.tokenRequests ?? []).some(token => token.audience === audience);
}

interface Found {
  /** The driver that mounts a volume; absent where there is none. */
  readonly driver?: string | undefined;
  readonly problem?: string;
}

function driverOf(volume: Volume, pod: Pod, lister: Lister): Found {
  if (volume.ephemeral?.volumeClaimTemplate !== undefined)
    return driverOfClaim(`${pod.metadata.name}-${volume.name}`, pod, lister);
  if (volume.persistentVolumeClaim !== undefined)
    return driverOfClaim(volume.persistentVolumeClaim.claimName, pod, lister);
  return volume.csi === undefined ? successorOf(volume) : { driver: volume.csi.driver };
}

function driverOfClaim(claimName: string, pod: Pod, lister: Lister): Found {
  const claim = lister.get(CLAIMS, pod.metadata.namespace ?? '', claimName) as PersistentVolumeClaim | undefined;
  if (claim === undefined) return { problem: `persistentvolumeclaim ${goQuote(claimName)} not found` };
  // one that is not bound yet has a volume without a name, which is not found either
  const name = claim.spec.volumeName ?? '';
  const bound = lister.get(VOLUMES, '', name) as PersistentVolume | undefined;
  if (bound === undefined) return { problem: `persistentvolume ${goQuote(name)} not found` };
  return bound.spec.csi === undefined ? successorOf(bound.spec) : { driver: bound.spec.csi.driver };
}

function successorOf(sources: Sources | PersistentVolumeSpec): Found {
  const { kind } = sources.azureDisk ?? {};
  // the driver knows managed disks only
  if (kind !== undefined && kind.toLowerCase() !== 'managed')
    return { problem: `kind(${kind}) is not supported in csi migration` };
  return { driver: SUCCESSORS.find(([source]) => sources[source] !== undefined)?.[1] };
}
