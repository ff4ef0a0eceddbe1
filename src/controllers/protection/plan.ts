import type { PersistentVolumeClaim, Pod } from '../../api/types/gen/core-v1.ts';
import type { ApiObject } from '../../client/api-object.ts';
import { controllerOf } from '../pods/pod-from-template.ts';

/** True for what is deleted and waits for nothing here but that nobody uses it. */
export function isHeld({ metadata }: ApiObject, finalizer: string): boolean {
  return metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(finalizer);
}

/** True for what lives without the finalizer: it was made before admission gave that to everything. */
export function isUnprotected({ metadata }: ApiObject, finalizer: string): boolean {
  return metadata.deletionTimestamp === undefined && !(metadata.finalizers ?? []).includes(finalizer);
}

/** The object as it should be: with the finalizer while it lives, without once it is deleted and not used. Undefined where nothing is to be done. */
export function protectedObject<T extends ApiObject>(object: T, finalizer: string, isUsed: boolean): T | undefined {
  const { finalizers = [] } = object.metadata;
  if (isUnprotected(object, finalizer)) return withFinalizers(object, [...finalizers, finalizer]);
  if (!isHeld(object, finalizer) || isUsed) return undefined;
  return withFinalizers(
    object,
    finalizers.filter(each => each !== finalizer),
  );
}

function withFinalizers<T extends ApiObject>(object: T, finalizers: readonly string[]): T {
  return { ...object, metadata: { ...object.metadata, finalizers } };
}

/** True where a pod may have a claim in use: it has a node, for before that no kubelet starts it with a claim that is deleted. */
export function usesClaim(pod: Pod, claim: PersistentVolumeClaim): boolean {
  if ((pod.spec.nodeName ?? '') === '' || pod.metadata.namespace !== claim.metadata.namespace) return false;
  return (pod.spec.volumes ?? []).some(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return persistentVolumeClaim.claimName === claim.metadata.name;
    // a pod that is over may itself wait for its own claim to go
    const isOwn = ephemeral !== undefined && controllerOf(claim)?.uid === pod.metadata.uid;
    return isOwn && !isShutDown(pod) && ephemeralClaim(pod, name) === claim.metadata.name;
  });
}

/** The names of the claims that a pod's volumes stand for, its own ones too. */
export function claimsOf(pod: Pod): readonly string[] {
  return (pod.spec.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) => {
    if (persistentVolumeClaim !== undefined) return [persistentVolumeClaim.claimName];
    return ephemeral === undefined ? [] : [ephemeralClaim(pod, name)];
  });
}

function ephemeralClaim({ metadata }: Pod, volume: string): string {
  return `${metadata.name}-${volume}`;
}

/** True once the kubelet is done with a pod, or somebody deleted it by force. */
function isShutDown({ metadata }: Pod): boolean {
  return metadata.deletionTimestamp !== undefined && metadata.deletionGracePeriodSeconds === 0;
}

/** The classes of attributes that a claim asks for, has, or gets just now. */
export function attributesClassesOf({ spec, status }: PersistentVolumeClaim): readonly string[] {
  const names = [
    spec.volumeAttributesClassName,
    status.currentVolumeAttributesClassName,
    status.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ];
  return [...new Set(names.filter(name => name !== undefined && name !== ''))] as readonly string[];
}
