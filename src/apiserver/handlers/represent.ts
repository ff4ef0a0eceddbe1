import { stringify } from 'yaml';
import { encodeObject } from '../../api/encode/encode-object.ts';
import { encodeMessage } from '../../api/protobuf/encode-message.ts';
import { envelopeAround, wrapEnvelope } from '../../api/protobuf/envelope.ts';
import { encodeProtobuf } from '../../api/protobuf/object.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import type { StructType } from '../../api/schema/table.ts';
import { badRequestError, notAcceptableError } from '../../api/status.ts';
import type { ListMeta } from '../../api/types/gen/meta-v1.ts';
import { type ApiResponse, bodyBytes, type WholeBody } from '../http.ts';
import {
  type Agreement,
  type Conversion,
  JSON_TYPE,
  negotiateResponse,
  OBJECT_TYPES,
  PROTOBUF_TYPE,
  YAML_TYPE,
} from '../negotiation/negotiate.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ObjectWriter } from '../status/status-response.ts';
import type { Entry, ServedResource } from './served-resource.ts';
import type { Written } from './write-object.ts';

const META_GROUP = 'meta.k8s.io';

/** What objects and lists can be turned into. Tables have no protobuf form. */
function converts(conversion: Conversion, mediaType: { readonly name: string }): boolean {
  if (conversion.group !== META_GROUP || !/^v1(beta1)?$/.test(conversion.version)) return false;
  if (conversion.kind === 'Table') return mediaType !== PROTOBUF_TYPE;
  return conversion.kind === 'PartialObjectMetadata' || conversion.kind === 'PartialObjectMetadataList';
}

export const OBJECT_ENDPOINT = { mediaTypes: OBJECT_TYPES, converts };

/** Writes Statuses, and every other object of meta/v1, as protobuf. */
export const protobufStatusWriter: ObjectWriter = {
  mediaType: PROTOBUF_TYPE,
  write: object => encodeProtobuf(builtinTable.struct('meta/v1.Status'), object),
};

/** An object that is no stored one, in the representation that the client wants. */
export function plainResponse(context: RequestContext, type: StructType, object: object, status = 200): ApiResponse {
  const agreement = negotiateResponse(context.request, { mediaTypes: OBJECT_TYPES });
  if (agreement.mediaType === PROTOBUF_TYPE) return bytesResponse(agreement, encodeProtobuf(type, object), status);
  return bytesResponse(agreement, textOf(encodeObject(type, object), agreement), status);
}

/** What a write answers. */
export function writtenResponse(
  context: RequestContext,
  served: ServedResource,
  written: Written,
  status = 200,
): ApiResponse {
  return written.kind === 'stored'
    ? entryResponse(context, served, written.entry, status)
    : objectResponse(context, served, written.object, status);
}

/** A stored object. Its JSON is the stored bytes, its protobuf is made once for each version. */
export function entryResponse(
  context: RequestContext,
  served: ServedResource,
  entry: Entry,
  status = 200,
): ApiResponse {
  const agreement = negotiateResponse(context.request, OBJECT_ENDPOINT);
  const { mediaType, conversion, pretty } = agreement;
  if (conversion !== undefined) return convertedResponse(context, served, [entry.object], agreement, undefined, status);
  if (mediaType === PROTOBUF_TYPE) return bytesResponse(agreement, protobufOf(served, entry), status);
  if (mediaType === JSON_TYPE && !pretty)
    return bytesResponse(agreement, Buffer.concat([served.json(entry), NEWLINE]), status);
  return bytesResponse(agreement, textOf(JSON.parse(served.json(entry).toString()), agreement), status);
}

function objectResponse(
  context: RequestContext,
  served: ServedResource,
  object: ApiObject,
  status: number,
): ApiResponse {
  const agreement = negotiateResponse(context.request, OBJECT_ENDPOINT);
  if (agreement.conversion !== undefined)
    return convertedResponse(context, served, [object], agreement, undefined, status);
  const { kind } = served.resource;
  const whole = { ...object, kind, apiVersion: served.apiVersion };
  if (agreement.mediaType === PROTOBUF_TYPE)
    return bytesResponse(agreement, encodeProtobuf(served.type, whole), status);
  return bytesResponse(agreement, textOf(encodeObject(served.type, whole), agreement), status);
}

/** A list of stored objects, put together from their bytes. Those of the cache are not copied, so a client that reads slowly costs nothing. */
export function listResponse(
  context: RequestContext,
  served: ServedResource,
  { items: entries, cached }: { readonly items: readonly Entry[]; readonly cached: boolean },
  metadata: ListMeta,
): ApiResponse {
  const agreement = negotiateResponse(context.request, OBJECT_ENDPOINT);
  const { mediaType, conversion, pretty } = agreement;
  if (conversion !== undefined) {
    const objects = entries.map(entry => entry.object);
    return convertedResponse(context, served, objects, agreement, metadata, 200);
  }
  const { listKind } = served.resource;
  if (mediaType === PROTOBUF_TYPE) {
    const parts = field(LIST_METADATA_TAG, encodeMessage(LIST_META, metadata));
    for (const entry of entries) parts.push(...field(LIST_ITEMS_TAG, messageOf(served, entry)));
    const { before, after } = envelopeAround(served.apiVersion, listKind, bodyBytes(parts));
    const chunks = [before, ...parts, after];
    return bytesResponse(agreement, cached ? chunks : Buffer.concat(chunks), 200);
  }
  const head = `{"kind":"${listKind}","apiVersion":"${served.apiVersion}","metadata":${JSON.stringify(encodeObject(LIST_META, metadata))},"items":[`;
  const parts: Buffer[] = [Buffer.from(head)];
  for (const [index, entry] of entries.entries()) {
    if (index > 0) parts.push(COMMA);
    parts.push(served.json(entry));
  }
  parts.push(LIST_END);
  if (mediaType === JSON_TYPE && !pretty) return bytesResponse(agreement, cached ? parts : Buffer.concat(parts), 200);
  return bytesResponse(agreement, textOf(JSON.parse(Buffer.concat(parts).toString()), agreement), 200);
}

const NEWLINE = Buffer.from('\n');
const COMMA = Buffer.from(',');
const LIST_END = Buffer.from(']}\n');
const LIST_META = builtinTable.struct('meta/v1.ListMeta');
const OBJECT_META = builtinTable.struct('meta/v1.ObjectMeta');
/** Every list of the API has metadata as field 1 and items as field 2. */
const LIST_METADATA_TAG = 0x0a;
const LIST_ITEMS_TAG = 0x12;

function field(tag: number, message: Buffer): Buffer[] {
  const head: number[] = [tag];
  let length = message.length;
  while (length >= 0x80) {
    head.push((length & 0x7f) | 0x80);
    length >>>= 7;
  }
  head.push(length);
  return [Buffer.from(head), message];
}

/** The message of a stored object, without its envelope. */
function messageOf(served: ServedResource, entry: Entry): Buffer {
  return entry.encoded('protobuf-message', each => encodeMessage(served.type, each.object));
}

/** The object as a protobuf body. */
export function protobufOf(served: ServedResource, entry: Entry): Buffer {
  return entry.encoded('protobuf', each =>
    wrapEnvelope(served.apiVersion, served.resource.kind, messageOf(served, each)),
  );
}

/** Table or PartialObjectMetadata of one object, or of a list when `list` has its metadata. */
function convertedResponse(
  context: RequestContext,
  served: ServedResource,
  objects: readonly ApiObject[],
  agreement: Agreement,
  list: ListMeta | undefined,
  status: number,
): ApiResponse {
  const { conversion, mediaType } = agreement;
  if (conversion?.kind === 'Table') {
    const metadata = list ?? { resourceVersion: objects[0]?.metadata.resourceVersion };
    const table = tableOf(served, objects, conversion, includeObject(context), metadata);
    return bytesResponse(agreement, textOf(table, agreement), status);
  }
  const partial = partialMetadata(objects, list, conversion?.version ?? 'v1');
  if (mediaType === PROTOBUF_TYPE)
    return bytesResponse(agreement, encodeProtobuf(partialType(list !== undefined), partial), status);
  return bytesResponse(agreement, textOf(partial, agreement), status);
}

function partialType(isList: boolean): StructType {
  return builtinTable.struct(isList ? 'meta/v1.PartialObjectMetadataList' : 'meta/v1.PartialObjectMetadata');
}

function partialMetadata(objects: readonly ApiObject[], list: ListMeta | undefined, version: string): object {
  const apiVersion = `${META_GROUP}/${version}`;
  const items = objects.map(object => partialObject(object, apiVersion));
  if (list === undefined) return items[0] ?? {};
  return { kind: 'PartialObjectMetadataList', apiVersion, metadata: encodeObject(LIST_META, list), items };
}

function partialObject(object: ApiObject, apiVersion: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion, metadata: encodeObject(OBJECT_META, object.metadata) };
}

/** What the rows of a table carry beside their cells. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export function includeObject(context: RequestContext): IncludeObject {
  const wanted = context.request.query.get('includeObject') ?? '';
  if (wanted === '') return 'Metadata';
  if (wanted === 'None' || wanted === 'Metadata' || wanted === 'Object') return wanted;
  throw badRequestError(`unrecognized includeObject value: ${JSON.stringify(wanted)}`);
}

export function tableOf(
  served: ServedResource,
  objects: readonly ApiObject[],
  conversion: Conversion,
  include: IncludeObject,
  metadata: ListMeta,
): object {
  const { columns } = served.strategy;
  const now = Date.now();
  return {
    kind: 'Table',
    apiVersion: `${META_GROUP}/${conversion.version}`,
    metadata: encodeObject(LIST_META, metadata),
    columnDefinitions: columns.definitions,
    rows: objects.map(object => {
      const conditions = columns.conditions?.(object) ?? [];
      return {
        cells: columns.cells(object, now),
        ...(conditions.length === 0 ? {} : { conditions }),
        object: rowObject(served, object, include, conversion.version),
      };
    }),
  };
}

function rowObject(served: ServedResource, object: ApiObject, include: IncludeObject, version: string): object | null {
  if (include === 'None') return null;
  return include === 'Object' ? served.unstoredJson(object) : partialObject(object, `${META_GROUP}/${version}`);
}

/** The object of a watch event, turned into what the client asked for; JSON. */
export function convertedJson(
  served: ServedResource,
  object: ApiObject,
  conversion: Conversion,
  include: IncludeObject,
): object {
  if (conversion.kind === 'Table')
    return tableOf(served, [object], conversion, include, { resourceVersion: object.metadata.resourceVersion });
  return partialObject(object, `${META_GROUP}/${conversion.version}`);
}

/** The same in protobuf, for metadata alone. */
export function convertedProtobuf(object: ApiObject, conversion: Conversion): Buffer {
  return encodeProtobuf(partialType(false), partialObject(object, `${META_GROUP}/${conversion.version}`));
}

function textOf(object: object, { mediaType, pretty }: Agreement): string {
  if (mediaType === YAML_TYPE) return stringify(object);
  if (mediaType !== JSON_TYPE) throw notAcceptableError([JSON_TYPE.name]);
  return pretty ? `${JSON.stringify(object, undefined, 2)}\n` : `${JSON.stringify(object)}\n`;
}

function bytesResponse({ mediaType }: Agreement, body: WholeBody, status: number): ApiResponse {
  return { status, headers: { 'content-type': mediaType.name }, body };
}
