import { posix } from 'node:path';
import type { PersistentVolumeSpec } from '../../../api/types/gen/core-v1.ts';
import { validateAccessModes } from '../../../api/validation/access-modes.ts';
import { type FieldError, forbidden, required } from '../../../api/validation/field-error.ts';
import { validateSources } from './persistent-volume-sources.ts';

/** A volume that stands in a pod, not in an object of its own: it is of no claim and no class, and some CSI driver's. */
export function validateInlineVolume(spec: PersistentVolumeSpec, path: string): FieldError[] {
  const { claimRef, capacity, csi, accessModes = [], persistentVolumeReclaimPolicy: policy = '' } = spec;
  const { nodeAffinity, hostPath, storageClassName = '', volumeMode } = spec;
  const none = 'may not be specified in the context of inline volumes';
  const recyclesRoot = hostPath !== undefined && posix.normalize(hostPath.path) === '/' && policy === 'Recycle';
  return [
    ...(claimRef === undefined ? [] : [forbidden(`${path}.claimRef`, none)]),
    ...(Object.keys(capacity ?? {}).length === 0 ? [] : [forbidden(`${path}.capacity`, none)]),
    ...(csi === undefined ? [required(`${path}.csi`, 'has to be specified in the context of inline volumes')] : []),
    ...(accessModes.length === 0 ? [required(`${path}.accessModes`)] : []),
    ...validateAccessModes(accessModes, `${path}.accessModes`),
    ...(policy === '' || policy === 'Retain'
      ? []
      : [forbidden(`${path}.persistentVolumeReclaimPolicy`, 'may only be Retain in the context of inline volumes')]),
    ...(nodeAffinity === undefined ? [] : [forbidden(`${path}.nodeAffinity`, none)]),
    // An affinity may not be said, so it counts as not said.
    ...validateSources('', { ...spec, nodeAffinity: undefined }, path),
    ...(recyclesRoot
      ? [forbidden(`${path}.persistentVolumeReclaimPolicy`, "may not be 'recycle' for a hostPath mount of '/'")]
      : []),
    ...(storageClassName === '' ? [] : [forbidden(`${path}.storageClassName`, none)]),
    ...(volumeMode === undefined || volumeMode === 'Filesystem'
      ? []
      : [
          forbidden(
            `${path}.volumeMode`,
            'may not specify volumeMode other than Filesystem in the context of inline volumes',
          ),
        ]),
  ];
}
