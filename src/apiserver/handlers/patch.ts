import { decodeValue } from '../../api/decode/json/decode-json.ts';
import { checkFieldValidation, parseFieldValidation } from '../../api/decode/json/field-validation.ts';
import { scanJson } from '../../api/decode/json/scan.ts';
import { withResourceDefaults } from '../../api/defaults/resources.ts';
import type { StructType } from '../../api/schema/table.ts';
import { badRequestError, unsupportedMediaTypeError } from '../../api/status.ts';
import { errorMessage } from '../../base/errors.ts';
import type { ApiResponse } from '../http.ts';
import { parseContentType } from '../negotiation/accept-header.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import type { JsonObject } from '../patch/json-value.ts';
import { applyMergePatch } from '../patch/merge-patch.ts';
import { applyStrategicMerge } from '../patch/strategic-merge.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject, UpdateRules } from '../resources/strategy.ts';
import { writeOptions } from './create.ts';
import type { HandlerContext } from './handler-context.ts';
import { writtenResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { named } from './update.ts';
import { updateObject } from './write-object.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
const MAX_DEPTH = 1000;

/** Makes the patched form of an object's JSON. */
export type Patcher = (type: StructType, object: JsonObject) => JsonObject;

/** PATCH of an object, or of a subresource that is written like it. The patch is applied anew to each newer version. */
export async function patchFromRequest(
  handlers: HandlerContext,
  served: ServedResource,
  rules: UpdateRules<ApiObject>,
  context: RequestContext,
): Promise<ApiResponse> {
  const { namespace, name } = context.info;
  const patch = await readPatch(context);
  const change = (old: ApiObject): ApiObject => {
    const patched = patchedObject<ApiObject>(context, served.type, served.jsonOf(old), patch);
    return served.toStored(withResourceDefaults(served.resource, named(patched, name)));
  };
  const request = { namespace, name, rules, change };
  return writtenResponse(context, served, await updateObject(handlers, served, request, writeOptions(context)));
}

/** The patch of the body. Throws 415 for a kind of patch that is not known: server-side apply among them. */
export async function readPatch(context: RequestContext): Promise<Patcher> {
  const kind = parseContentType(context.request.headers.get('content-type'));
  if (kind !== JSON_PATCH && kind !== MERGE_PATCH && kind !== STRATEGIC_PATCH)
    throw unsupportedMediaTypeError([JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH]);
  const text = Buffer.from(await context.request.readBody(context.signal)).toString();
  const patch = parse(text);
  if (kind === JSON_PATCH) return (_, object) => applyJsonPatch(object, patch);
  if (kind === MERGE_PATCH) return (_, object) => applyMergePatch(object, patch);
  return (type, object) => applyStrategicMerge(type, object, patch);
}

/** The patched object, decoded by its type under the `fieldValidation` of the request. */
export function patchedObject<T extends object>(
  context: RequestContext,
  type: StructType,
  before: JsonObject,
  patch: Patcher,
): T {
  const mode = parseFieldValidation(context.request.query.get('fieldValidation') ?? undefined);
  const { object, strictErrors } = decodeValue(type, patch(type, before));
  for (const warning of checkFieldValidation(mode, strictErrors)) context.warnings.add(warning);
  return object as unknown as T;
}

function parse(text: string): unknown {
  try {
    if (scanJson(text).depth > MAX_DEPTH) throw new Error('exceeded max depth');
    return JSON.parse(text);
  } catch (error) {
    throw badRequestError(`error decoding patch: ${errorMessage(error)}`);
  }
}
