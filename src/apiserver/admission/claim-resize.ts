import { compareQuantities } from '../../api/quantity.ts';
import { BETA_CLASS_ANNOTATION } from '../../api/storage-class.ts';
import type { PersistentVolumeClaim } from '../../api/types/gen/core-v1.ts';
import type { StorageClass } from '../../api/types/gen/storage-v1.ts';
import { ALLOW, type Decision, deny, isAbout, type Lister, type WriteRequest } from './admission.ts';

const CLASSES = { group: 'storage.k8s.io', resource: 'storageclasses' };

/** A claim grows only where it is bound and its class says that its volumes can. */
export function decideClaimResize(request: WriteRequest, lister: Lister): Decision {
  if (request.operation !== 'UPDATE' || !isAbout(request, '', 'persistentvolumeclaims')) return ALLOW;
  const claim = request.object as PersistentVolumeClaim | undefined;
  const old = request.oldObject as PersistentVolumeClaim | undefined;
  if (claim === undefined || old === undefined || compareQuantities(sizeOf(claim), sizeOf(old)) <= 0) return ALLOW;
  if (old.status.phase !== 'Bound') return deny(request, 'Only bound persistent volume claims can be expanded');
  const name = classOf(claim);
  const storageClass =
    name === '' || name !== classOf(old) ? undefined : (lister.get(CLASSES, '', name) as StorageClass | undefined);
  return storageClass?.allowVolumeExpansion === true
    ? ALLOW
    : deny(
        request,
        'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
      );
}

function sizeOf({ spec }: PersistentVolumeClaim): string {
  return spec.resources.requests?.['storage'] ?? '0';
}

function classOf({ metadata, spec }: PersistentVolumeClaim): string {
  return metadata.annotations?.[BETA_CLASS_ANNOTATION] ?? spec.storageClassName ?? '';
}
