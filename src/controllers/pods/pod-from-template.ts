import type { Pod, PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import type { OwnerReference } from '../../api/types/gen/meta-v1.ts';
import type { ApiObject } from '../../client/api-object.ts';

/** The reference by which an object belongs to the controller that made it. */
export function controllerReference(owner: ApiObject, apiVersion: string, kind: string): OwnerReference {
  const { name = '', uid = '' } = owner.metadata;
  return { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true };
}

/** The controller of an object, if it has one. */
export function controllerOf({ metadata }: ApiObject): OwnerReference | undefined {
  return metadata.ownerReferences?.find(reference => reference.controller === true);
}

/** A new pod of a template, in the namespace of its owner, without its name: what it begins with is in `generateName`. */
export function podFromTemplate(
  template: PodTemplateSpec,
  owner: ApiObject,
  reference: OwnerReference,
  prefix = `${owner.metadata.name}-`,
): Pod {
  const { labels, annotations, finalizers } = template.metadata ?? {};
  return {
    metadata: {
      namespace: owner.metadata.namespace,
      generateName: prefix,
      ownerReferences: [reference],
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
      ...(finalizers === undefined ? {} : { finalizers }),
    },
    spec: template.spec,
  } as unknown as Pod;
}
