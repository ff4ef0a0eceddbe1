import { nodeTerms } from '../../api/selectors/node-selector.ts';
import type { PersistentVolume, PersistentVolumeClaim, Pod, Volume } from '../../api/types/gen/core-v1.ts';
import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import { claimOf } from '../pod-claims.ts';
import { differs, type Filter, type NodeCheck, type Refusal } from './filter.ts';

const NAME = 'VolumeBinding';
const UNBOUND: Refusal = {
  plugin: NAME,
  isFinal: true,
  reasons: ['pod has unbound immediate PersistentVolumeClaims'],
};
const ELSEWHERE = "node(s) didn't match PersistentVolume's node affinity";
const NONE_TO_BIND = "node(s) didn't find available persistent volumes to bind";
const NO_VOLUME = 'node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)';
const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
const CLASS_ANNOTATION = 'volume.beta.kubernetes.io/storage-class';

/**
 * A pod is where its volumes can be. Claims have to be bound by others beforehand; those that wait for their first consumer fit nowhere, because nobody binds them
 * here.
 */
export const volumeBinding: Filter = {
  name: NAME,
  prepare({ pod, namespace, claims }, picture) {
    if (claims.length === 0) return undefined;
    const found: PersistentVolumeClaim[] = [];
    for (const volume of pod.spec.volumes ?? []) {
      const name = claimOf(volume, pod);
      if (name === undefined) continue;
      const claim = picture.claim(namespace, name);
      const reason = notUsable(claim, name, volume, pod);
      if (reason !== undefined) return { plugin: NAME, isFinal: true, reasons: [reason] };
      if (claim !== undefined) found.push(claim);
    }
    const unbound = found.filter(claim => !isBound(claim));
    if (unbound.some(claim => !waitsForConsumer(claim, picture))) return UNBOUND;
    return checkVolumes(found.filter(isBound), unbound.length > 0, picture);
  },
  changes: ['claim', 'volume', 'storage-class', 'node'],
  mayHelp(change, { namespace, claims }) {
    switch (change.kind) {
      case 'claim': {
        const { namespace: where, name = '' } = change.after?.metadata ?? {};
        return where === namespace && claims.includes(name);
      }
      case 'volume':
      case 'storage-class':
        return change.after !== undefined;
      case 'node':
        return (
          change.after !== undefined &&
          (change.before === undefined || differs(change.before.metadata.labels, change.after.metadata.labels))
        );
      default:
        return false;
    }
  },
};

/** Upstream's text of a claim that is missing. */
export function missingClaim(name: string): string {
  return `persistentvolumeclaim ${JSON.stringify(name)} not found`;
}

function notUsable(
  claim: PersistentVolumeClaim | undefined,
  name: string,
  volume: Volume,
  pod: Pod,
): string | undefined {
  const isEphemeral = volume.ephemeral !== undefined;
  const quoted = JSON.stringify(name);
  if (claim === undefined) {
    if (!isEphemeral) return missingClaim(name);
    return `waiting for ephemeral volume controller to create the persistentvolumeclaim ${quoted}`;
  }
  if (claim.status.phase === 'Lost')
    return `persistentvolumeclaim ${quoted} bound to non-existent persistentvolume ${JSON.stringify(claim.spec.volumeName ?? '')}`;
  if (claim.metadata.deletionTimestamp !== undefined) return `persistentvolumeclaim ${quoted} is being deleted`;
  const isOwn = (claim.metadata.ownerReferences ?? []).some(
    ({ controller, uid }) => controller === true && uid === pod.metadata.uid,
  );
  if (!isEphemeral || isOwn) return undefined;
  const { namespace } = pod.metadata;
  return `PVC ${namespace}/${name} was not created for pod ${namespace}/${pod.metadata.name} (pod is not owner)`;
}

function isBound({ spec, metadata }: PersistentVolumeClaim): boolean {
  return (spec.volumeName ?? '') !== '' && metadata.annotations?.[BIND_COMPLETED] !== undefined;
}

/** Claims that name their volume already do not wait for a consumer. */
function waitsForConsumer({ spec, metadata }: PersistentVolumeClaim, picture: Picture): boolean {
  const name = metadata.annotations?.[CLASS_ANNOTATION] ?? spec.storageClassName ?? '';
  if (name === '' || (spec.volumeName ?? '') !== '') return false;
  return picture.storageClass(name)?.volumeBindingMode === 'WaitForFirstConsumer';
}

function checkVolumes(bound: readonly PersistentVolumeClaim[], hasUnbound: boolean, picture: Picture): NodeCheck {
  const volumes = bound.map(({ spec }) => picture.volume(spec.volumeName ?? ''));
  const places = volumes.map(volume => {
    const required = volume?.spec.nodeAffinity?.required;
    return required === undefined ? undefined : nodeTerms(required.nodeSelectorTerms);
  });
  const fits = ({ node }: NodeInfo): boolean =>
    places.every(place => place === undefined || (node !== undefined && place.matches(node)));
  const missing = volumes.some((volume: PersistentVolume | undefined) => volume === undefined);
  return {
    check(node) {
      const reasons = [
        ...(missing || fits(node) ? [] : [ELSEWHERE]),
        ...(hasUnbound ? [NONE_TO_BIND] : []),
        ...(missing ? [NO_VOLUME] : []),
      ];
      return reasons.length === 0 ? undefined : { plugin: NAME, isFinal: true, reasons };
    },
  };
}
