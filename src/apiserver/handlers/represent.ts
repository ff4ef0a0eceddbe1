import { encodeObject } from '../../api/encode/encode-object.ts';
import { yamlText } from '../../api/encode/yaml-text.ts';
import { encodeMessage } from '../../api/protobuf/encode-message.ts';
import { wrapEnvelope } from '../../api/protobuf/envelope.ts';
import { encodeProtobuf } from '../../api/protobuf/object.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import type { StructType } from '../../api/schema/table.ts';
import { ApiError, notAcceptableError } from '../../api/status.ts';
import type { ListMeta } from '../../api/types/gen/meta-v1.ts';
import type { ApiResponse, WholeBody } from '../http.ts';
import {
  type Agreement,
  JSON_TYPE,
  negotiateResponse,
  OBJECT_TYPES,
  PROTOBUF_TYPE,
  YAML_TYPE,
} from '../negotiation/negotiate.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ObjectWriter } from '../status/status-response.ts';
import {
  converts,
  includeObject,
  LIST_META,
  partialListHead,
  partialObject,
  tableHead,
  tableRow,
} from './converted-object.ts';
import { listMessage, listText } from './list-body.ts';
import type { ItemForms, ObjectShape } from './object-shape.ts';
import type { Entry, ServedResource } from './served-resource.ts';
import type { Written } from './written.ts';

export const OBJECT_ENDPOINT = { mediaTypes: OBJECT_TYPES, converts };

const NEWLINE = Buffer.from('\n');

/** Writes Statuses, and every other object of meta/v1, as protobuf. */
export const protobufStatusWriter: ObjectWriter = {
  mediaType: PROTOBUF_TYPE,
  write: object => encodeProtobuf(builtinTable.struct('meta/v1.Status'), object),
};

/** An object that is of no resource, in the representation that the client wants. */
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
  if (conversion !== undefined) return convertedResponse(context, served, entry.object, agreement, status);
  if (mediaType === PROTOBUF_TYPE) return bytesResponse(agreement, protobufOf(served, entry), status);
  const json = served.json(entry);
  if (mediaType === JSON_TYPE && !pretty) return bytesResponse(agreement, Buffer.concat([json, NEWLINE]), status);
  return bytesResponse(agreement, textOf(JSON.parse(json.toString()), agreement), status);
}

/** An object of a resource that is not stored: of a dry run, or made for the answer. */
export function objectResponse(
  context: RequestContext,
  shape: ObjectShape,
  object: ApiObject,
  status = 200,
): ApiResponse {
  const agreement = negotiateResponse(context.request, OBJECT_ENDPOINT);
  if (agreement.conversion !== undefined) return convertedResponse(context, shape, object, agreement, status);
  if (agreement.mediaType === PROTOBUF_TYPE)
    return bytesResponse(agreement, encodeProtobuf(shape.type, shape.fromStored(object)), status);
  return bytesResponse(agreement, textOf(shape.jsonOf(object), agreement), status);
}

/** A list of stored objects, put together from the bytes that are kept of them. Those of the cache are not copied, so a client that reads slowly costs nothing. */
export function listResponse(
  context: RequestContext,
  served: ServedResource,
  { items, cached }: { readonly items: readonly Entry[]; readonly cached: boolean },
  metadata: ListMeta,
): Promise<ApiResponse> {
  // all JSON that is stored or made here begins with these two
  const { length } = JSON.stringify({ kind: served.resource.kind, apiVersion: served.apiVersion });
  const forms: ItemForms<Entry> = {
    object: entry => entry.object,
    json: entry => served.json(entry).subarray(length),
    message: entry => served.message(entry),
  };
  return itemsResponse(context, served, { items, forms, cached }, metadata);
}

/** A list of objects that are not stored. */
export function objectListResponse(
  context: RequestContext,
  shape: ObjectShape,
  objects: readonly ApiObject[],
  metadata: ListMeta,
): Promise<ApiResponse> {
  const forms: ItemForms<ApiObject> = {
    object: object => object,
    json: object => {
      const { kind, apiVersion, ...members } = shape.jsonOf(object);
      return Buffer.from(JSON.stringify(members).slice(1));
    },
    message: object => encodeMessage(shape.type, shape.fromStored(object)),
  };
  return itemsResponse(context, shape, { items: objects, forms, cached: false }, metadata);
}

async function itemsResponse<I>(
  context: RequestContext,
  shape: ObjectShape,
  list: { readonly items: readonly I[]; readonly forms: ItemForms<I>; readonly cached: boolean },
  metadata: ListMeta,
): Promise<ApiResponse> {
  const agreement = negotiateResponse(context.request, OBJECT_ENDPOINT);
  const { signal } = context;
  const { mediaType, conversion, pretty } = agreement;
  const { items, forms } = list;
  const chunks = async (): Promise<readonly Buffer[]> => {
    if (conversion?.kind === 'Table') {
      const include = includeObject(context, conversion);
      const now = Date.now();
      const rows = map(items, item => tableRow(shape, forms.object(item), conversion, include, now));
      return listText(agreement, tableHead(shape, conversion, metadata), 'rows', rows, signal);
    }
    if (conversion !== undefined) {
      const { kind: wanted, version } = conversion;
      if (wanted !== 'PartialObjectMetadataList') throw noSuchForm(wanted, `a list (${shape.resource.listKind})`);
      const partial = map(items, item => partialObject(forms.object(item), version));
      if (mediaType !== PROTOBUF_TYPE)
        return listText(agreement, partialListHead(metadata, version), 'items', partial, signal);
      const kind = { apiVersion: `meta.k8s.io/${version}`, kind: 'PartialObjectMetadataList' };
      const messages = map(partial, each => encodeMessage(PARTIAL, each));
      return listMessage(kind, metadata, messages, signal);
    }
    const kind = { kind: shape.resource.listKind, apiVersion: shape.apiVersion };
    if (mediaType === PROTOBUF_TYPE) return listMessage(kind, metadata, map(items, forms.message), signal);
    const head = { ...kind, metadata: encodeObject(LIST_META, metadata) };
    return listText(agreement, head, 'items', map(items, forms.json), signal);
  };
  const isKept =
    list.cached && conversion === undefined && (mediaType === PROTOBUF_TYPE || (mediaType === JSON_TYPE && !pretty));
  const body = await chunks();
  return bytesResponse(agreement, isKept ? body : Buffer.concat(body), 200);
}

/** Items are made when their turn comes. */
function* map<I, R>(items: Iterable<I>, make: (item: I) => R): Iterable<R> {
  for (const item of items) yield make(item);
}

/** The object as a protobuf body. */
export function protobufOf(served: ServedResource, entry: Entry): Buffer {
  return entry.encoded(served.form('protobuf'), each =>
    wrapEnvelope(served.apiVersion, served.resource.kind, served.message(each)),
  );
}

const PARTIAL = builtinTable.struct('meta/v1.PartialObjectMetadata');

/** Table or PartialObjectMetadata of one object. */
function convertedResponse(
  context: RequestContext,
  shape: ObjectShape,
  object: ApiObject,
  agreement: Agreement,
  status: number,
): ApiResponse {
  const { conversion, mediaType } = agreement;
  if (conversion?.kind === 'Table') {
    const head = tableHead(shape, conversion, { resourceVersion: object.metadata.resourceVersion });
    const row = tableRow(shape, object, conversion, includeObject(context, conversion), Date.now());
    return bytesResponse(agreement, textOf({ ...head, rows: [row] }, agreement), status);
  }
  if (conversion?.kind !== 'PartialObjectMetadata')
    throw noSuchForm(conversion?.kind ?? '', `not a list (${shape.resource.kind})`);
  const partial = partialObject(object, conversion.version);
  return mediaType === PROTOBUF_TYPE
    ? bytesResponse(agreement, encodeProtobuf(PARTIAL, partial), status)
    : bytesResponse(agreement, textOf(partial, agreement), status);
}

function noSuchForm(wanted: string, is: string): ApiError {
  return new ApiError('NotAcceptable', `you requested ${wanted}, but the requested object is ${is}`);
}

function textOf(object: object, { mediaType, pretty }: Agreement): string {
  if (mediaType === YAML_TYPE) return yamlText(object);
  if (mediaType !== JSON_TYPE) throw notAcceptableError([JSON_TYPE.name]);
  return pretty ? `${JSON.stringify(object, undefined, 2)}\n` : `${JSON.stringify(object)}\n`;
}

function bytesResponse({ mediaType }: Agreement, body: WholeBody, status: number): ApiResponse {
  return { status, headers: { 'content-type': mediaType.name }, body };
}
