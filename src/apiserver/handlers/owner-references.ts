import type { OwnerReference } from '../../api/types/gen/meta-v1.ts';
import type { WarningList } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';

/** The object with each owner once: the second of two references that are the same is dropped, and the client told. The same object where there is none. */
export function withUniqueOwners(object: ApiObject, warnings: WarningList): ApiObject {
  const references = object.metadata.ownerReferences ?? [];
  const seen = new Set<string>();
  const repeated: string[] = [];
  const unique = references.filter(reference => {
    const key = keyOf(reference);
    if (seen.has(key)) repeated.push(reference.uid);
    const isNew = !seen.has(key);
    seen.add(key);
    return isNew;
  });
  if (repeated.length === 0) return object;
  warnings.add(
    '.metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may reject such requests as early as ' +
      `1.24; please fix your requests; duplicate UID(s) observed: ${repeated.join(', ')}`,
  );
  return { ...object, metadata: { ...object.metadata, ownerReferences: unique } };
}

/** The same text for references that are the same. Each is not compared with each: a body holds tens of thousands. */
function keyOf({ apiVersion, kind, name, uid, controller, blockOwnerDeletion }: OwnerReference): string {
  return JSON.stringify([apiVersion, kind, name, uid, controller ?? null, blockOwnerDeletion ?? null]);
}
