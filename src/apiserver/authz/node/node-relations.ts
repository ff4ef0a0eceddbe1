import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../../api/types/gen/core-v1.ts';
import type { Lister } from '../../lister.ts';
import { podReferences } from './pod-references.ts';

/** Where the relations between nodes and objects are read from. */
export interface NodeListers {
  /** The pods bound to a node, whatever their phase. Answered from an index; the array is not copied. */
  podsOnNode(nodeName: string): readonly Pod[];
  readonly pods: Lister<Pod>;
  readonly persistentVolumeClaims: Lister<PersistentVolumeClaim>;
  readonly persistentVolumes: Lister<PersistentVolume>;
  readonly volumeAttachments: Lister<{ readonly spec: { readonly nodeName: string } }>;
  readonly resourceSlices: Lister<{ readonly spec: { readonly nodeName?: string | undefined } }>;
}

export type RelatedKind =
  | 'secret'
  | 'configmap'
  | 'pvc'
  | 'pv'
  | 'resourceclaim'
  | 'volumeattachment'
  | 'serviceaccount'
  | 'pod'
  | 'resourceslice';

/**
 * True when the object has to do with the node: its pods refer to it, directly or by a claim and its volume, or it names the node. There is no
 * graph to keep: a node has at most some hundred pods, whose references are found once.
 */
export function isRelated(
  listers: NodeListers,
  nodeName: string,
  kind: RelatedKind,
  namespace: string,
  name: string,
): boolean {
  const somePod = (refers: (references: ReturnType<typeof podReferences>) => boolean): boolean =>
    listers.podsOnNode(nodeName).some(pod => pod.metadata.namespace === namespace && refers(podReferences(pod)));
  switch (kind) {
    case 'secret':
      return somePod(refs => refs.secrets.has(name)) || isVolumeSecret(listers, nodeName, namespace, name);
    case 'configmap':
      return somePod(refs => refs.configMaps.has(name));
    case 'pvc':
      return somePod(refs => refs.persistentVolumeClaims.has(name));
    case 'resourceclaim':
      return somePod(refs => refs.resourceClaims.has(name));
    case 'serviceaccount':
      return somePod(refs => refs.serviceAccount === name);
    case 'pv': {
      const claim = listers.persistentVolumes.get('', name)?.spec.claimRef;
      return claim !== undefined && isRelated(listers, nodeName, 'pvc', claim.namespace ?? '', claim.name ?? '');
    }
    case 'volumeattachment':
      return listers.volumeAttachments.get('', name)?.spec.nodeName === nodeName;
    case 'resourceslice':
      return listers.resourceSlices.get('', name)?.spec.nodeName === nodeName;
    case 'pod':
      return listers.pods.get(namespace, name)?.spec.nodeName === nodeName;
  }
}

/** The secrets that the node needs to mount the volumes behind its pods' claims. */
function isVolumeSecret(listers: NodeListers, nodeName: string, namespace: string, name: string): boolean {
  for (const pod of listers.podsOnNode(nodeName))
    for (const claimName of podReferences(pod).persistentVolumeClaims) {
      const claimNamespace = pod.metadata.namespace ?? '';
      const volumeName = listers.persistentVolumeClaims.get(claimNamespace, claimName)?.spec?.volumeName;
      const volume = volumeName === undefined ? undefined : listers.persistentVolumes.get('', volumeName);
      const bound = volume?.spec.claimRef;
      // Both ends must agree: a claim alone cannot reach for a volume that is not its own.
      if (volume === undefined || bound?.namespace !== claimNamespace || bound.name !== claimName) continue;
      if (volumeSecrets(volume, claimNamespace).some(each => each.namespace === namespace && each.name === name))
        return true;
    }
  return false;
}

interface SecretName {
  readonly namespace: string;
  readonly name: string;
}

function volumeSecrets({ spec }: PersistentVolume, claimNamespace: string): SecretName[] {
  const references = [
    spec.csi?.nodePublishSecretRef,
    spec.csi?.nodeStageSecretRef,
    spec.csi?.nodeExpandSecretRef,
    spec.iscsi?.secretRef,
    spec.flexVolume?.secretRef,
    spec.cephfs?.secretRef,
    spec.cinder?.secretRef,
    spec.rbd?.secretRef,
    spec.scaleIO?.secretRef,
    spec.storageos?.secretRef,
    spec.azureFile && { name: spec.azureFile.secretName, namespace: spec.azureFile.secretNamespace },
  ];
  return references.flatMap(reference =>
    reference?.name === undefined || reference.name === ''
      ? []
      : [{ name: reference.name, namespace: reference.namespace ?? claimNamespace }],
  );
}
