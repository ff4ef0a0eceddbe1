import type { ObjectMeta } from '../api/types/gen/meta-v1.ts';

/** What every object of the API has. The types of src/api/types/gen are all of this shape. */
export interface ApiObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata: ObjectMeta;
}

/** A resource as paths name it. */
export interface ResourceId {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly plural: string;
}

/** `namespace/name`, or `name` where there is no namespace: how stores and queues know an object. */
export function keyOf(object: ApiObject): string {
  const { namespace = '', name = '' } = object.metadata;
  return namespace === '' ? name : `${namespace}/${name}`;
}

/** `/api/v1`, `/apis/apps/v1`. */
export function groupPath({ group, version }: ResourceId): string {
  return group === '' ? `/api/${version}` : `/apis/${group}/${version}`;
}

/** The path of a collection, of an object where `name` is not empty, of its subresource where that is told. Every part is escaped. */
export function resourcePath(id: ResourceId, namespace: string, name = '', subresource = ''): string {
  const parts = [
    ...(namespace === '' ? [] : ['namespaces', encodeURIComponent(namespace)]),
    id.plural,
    ...(name === '' ? [] : [encodeURIComponent(name)]),
    ...(subresource === '' ? [] : [subresource]),
  ];
  return `${groupPath(id)}/${parts.join('/')}`;
}
