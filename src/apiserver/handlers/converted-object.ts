import { encodeObject } from '../../api/encode/encode-object.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import { badRequestError } from '../../api/status.ts';
import type { ListMeta } from '../../api/types/gen/meta-v1.ts';
import type { Conversion, MediaType } from '../negotiation/negotiate.ts';
import { PROTOBUF_TYPE } from '../negotiation/negotiate.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ObjectShape } from './object-shape.ts';

const META_GROUP = 'meta.k8s.io';
export const LIST_META = builtinTable.struct('meta/v1.ListMeta');
const OBJECT_META = builtinTable.struct('meta/v1.ObjectMeta');

/** What objects and lists can be turned into. Tables have no protobuf form. */
export function converts(conversion: Conversion, mediaType: MediaType): boolean {
  if (conversion.group !== META_GROUP || !/^v1(beta1)?$/.test(conversion.version)) return false;
  if (conversion.kind === 'Table') return mediaType !== PROTOBUF_TYPE;
  return conversion.kind === 'PartialObjectMetadata' || conversion.kind === 'PartialObjectMetadataList';
}

/** What the rows of a table carry beside their cells. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

/** What the request wants there; it says nothing where it wants no table. Throws 400. */
export function includeObject(context: RequestContext, conversion: Conversion | undefined): IncludeObject {
  const wanted = conversion?.kind === 'Table' ? (context.request.query.get('includeObject') ?? '') : '';
  if (wanted === '') return 'Metadata';
  if (wanted === 'None' || wanted === 'Metadata' || wanted === 'Object') return wanted;
  throw badRequestError(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(wanted)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

/** A table up to its rows. `columns` false: they were told before in the same stream. */
export function tableHead(shape: ObjectShape, { version }: Conversion, metadata: ListMeta, columns = true): object {
  return {
    kind: 'Table',
    apiVersion: `${META_GROUP}/${version}`,
    metadata: encodeObject(LIST_META, metadata),
    columnDefinitions: columns ? shape.strategy.columns.definitions : null,
  };
}

/** The row of an object; `now` for its age. */
export function tableRow(
  shape: ObjectShape,
  object: ApiObject,
  { version }: Conversion,
  include: IncludeObject,
  now: number,
): object {
  const { columns } = shape.strategy;
  const conditions = columns.conditions?.(object) ?? [];
  return {
    cells: columns.cells(object, now),
    ...(conditions.length === 0 ? {} : { conditions }),
    object: include === 'None' ? null : include === 'Object' ? shape.jsonOf(object) : partialObject(object, version),
  };
}

/** The metadata of an object as an object of its own. */
export function partialObject(object: ApiObject, version: string): object {
  return {
    kind: 'PartialObjectMetadata',
    apiVersion: `${META_GROUP}/${version}`,
    metadata: encodeObject(OBJECT_META, object.metadata),
  };
}

/** A list of them up to its items. */
export function partialListHead(metadata: ListMeta, version: string): object {
  return {
    kind: 'PartialObjectMetadataList',
    apiVersion: `${META_GROUP}/${version}`,
    metadata: encodeObject(LIST_META, metadata),
  };
}
