import type { ApiResource, Verb } from '../schema/resources/resource.ts';
import { groupPart, maker, type Operation, pathsOf, rootOf } from './operations.ts';
import { subresourceOperations } from './subresource-operations.ts';

/** Every operation of a resource and its subresources. */
export function operationsOf(resource: ApiResource): Operation[] {
  return [
    ...resourceOperations(resource),
    ...resource.subresources.flatMap(sub => subresourceOperations(resource, sub)),
  ];
}

function resourceOperations(resource: ApiResource): Operation[] {
  const { kind, scope, verbs } = resource;
  const make = maker(resource);
  const { list, one } = pathsOf(resource);
  const type = `${resource.package}.${kind}`;
  const listType = `${resource.package}.${resource.listKind}`;
  const where = `${groupPart(resource.group, resource.version)}`;
  const name = `${scope === 'namespaced' ? 'Namespaced' : ''}${kind}`;
  const body = { type, required: true };
  // Of a review, parameters of the write stand with the path; to a reader of the document that is the same.
  const byVerb: Record<Verb, () => Operation[]> = {
    list: () => {
      const shape = {
        method: 'get',
        description: `list or watch objects of kind ${kind}`,
        action: 'list',
        query: ['list'],
        answer: listType,
        watchable: verbs.includes('watch'),
      } as const;
      const everywhere = make({
        ...shape,
        path: `${rootOf(resource.group, resource.version)}/${resource.plural}`,
        id: `list${where}${kind}ForAllNamespaces`,
      });
      return [
        make({ ...shape, path: list, id: `list${where}${name}` }),
        ...(scope === 'namespaced' ? [everywhere] : []),
      ];
    },
    create: () => [
      make({
        path: list,
        method: 'post',
        id: `create${where}${name}`,
        description: `create a ${kind}`,
        action: 'post',
        body,
        query: ['write'],
        answer: type,
        codes: [200, 201, 202],
      }),
    ],
    deletecollection: () => [
      make({
        path: list,
        method: 'delete',
        id: `delete${where}Collection${name}`,
        description: `delete collection of ${kind}`,
        action: 'deletecollection',
        body: DELETE_BODY,
        query: ['list', 'delete'],
        answer: 'meta/v1.Status',
      }),
    ],
    get: () => [
      make({
        path: one,
        method: 'get',
        id: `read${where}${name}`,
        description: `read the specified ${kind}`,
        action: 'get',
        answer: type,
      }),
    ],
    update: () => [
      make({
        path: one,
        method: 'put',
        id: `replace${where}${name}`,
        description: `replace the specified ${kind}`,
        action: 'put',
        body,
        query: ['write'],
        answer: type,
        codes: [200, 201],
      }),
    ],
    patch: () => [
      make({
        path: one,
        method: 'patch',
        id: `patch${where}${name}`,
        description: `partially update the specified ${kind}`,
        action: 'patch',
        body: 'patch',
        query: ['patch'],
        answer: type,
        codes: [200, 201],
      }),
    ],
    delete: () => [
      make({
        path: one,
        method: 'delete',
        id: `delete${where}${name}`,
        description: `delete a ${kind}`,
        action: 'delete',
        body: DELETE_BODY,
        query: ['delete'],
        answer: DELETED_OBJECT.has(kind) ? type : 'meta/v1.Status',
        codes: [200, 202],
      }),
    ],
    watch: () => [],
  };
  return verbs.flatMap(verb => byVerb[verb]());
}

const DELETE_BODY = { type: 'meta/v1.DeleteOptions', required: false };

/** The kinds whose deletion answers with the object, as upstream's registry has it; the others answer with a Status. */
const DELETED_OBJECT: ReadonlySet<string> = new Set([
  'CSIDriver',
  'CSINode',
  'DeviceClass',
  'PersistentVolume',
  'PersistentVolumeClaim',
  'Pod',
  'PodTemplate',
  'ResourceClaim',
  'ResourceClaimTemplate',
  'ResourceQuota',
  'ResourceSlice',
  'Service',
  'ServiceAccount',
  'StorageClass',
  'VolumeAttachment',
  'VolumeAttributesClass',
]);
