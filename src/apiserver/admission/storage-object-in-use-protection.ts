import { ALLOW, changeTo, type Decision, type WriteRequest } from './admission.ts';

/** Taken away by the controller of the kind once the object is deleted and nobody uses it. */
const FINALIZERS: Readonly<Record<string, string>> = {
  persistentvolumes: 'kubernetes.io/pv-protection',
  persistentvolumeclaims: 'kubernetes.io/pvc-protection',
  'volumeattributesclasses.storage.k8s.io': 'kubernetes.io/vac-protection',
};

/** New volumes, claims and classes of attributes get the finalizer that keeps them while they are in use. */
export function decideStorageObjectInUseProtection(request: WriteRequest): Decision {
  const { operation, subresource, resource, object } = request;
  const finalizer = FINALIZERS[resource.group === '' ? resource.resource : `${resource.resource}.${resource.group}`];
  if (operation !== 'CREATE' || subresource !== '' || object === undefined || finalizer === undefined) return ALLOW;
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(finalizer)) return ALLOW;
  return changeTo({ ...object, metadata: { ...object.metadata, finalizers: [...finalizers, finalizer] } });
}
