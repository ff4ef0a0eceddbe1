import { BETA_CLASS_ANNOTATION } from '../../api/storage-class.ts';
import type { PersistentVolumeClaim } from '../../api/types/gen/core-v1.ts';
import type { StorageClass } from '../../api/types/gen/storage-v1.ts';
import { isDefaultClass } from '../resources/storage/storage-class.ts';
import { ALLOW, changeTo, type Decision, isAbout, type Lister, type WriteRequest } from './admission.ts';
import { newestFirst } from './newest-first.ts';

const CLASSES = { group: 'storage.k8s.io', resource: 'storageclasses' };

/** A claim that names no class gets the default one: of several the newest, then the first by name. */
export function decideDefaultStorageClass(request: WriteRequest, lister: Lister): Decision {
  if (request.operation !== 'CREATE' || !isAbout(request, '', 'persistentvolumeclaims')) return ALLOW;
  const claim = request.object as PersistentVolumeClaim;
  const annotated = claim.metadata.annotations?.[BETA_CLASS_ANNOTATION] !== undefined;
  if (claim.spec.storageClassName !== undefined || annotated) return ALLOW;
  const classes = lister.list(CLASSES, '') as readonly StorageClass[];
  const [chosen] = classes.filter(isDefaultClass).toSorted(newestFirst);
  if (chosen === undefined) return ALLOW;
  return changeTo({
    ...claim,
    spec: { ...claim.spec, storageClassName: chosen.metadata.name },
  } as PersistentVolumeClaim);
}
