import { decodeValue, parseJsonText } from '../../api/decode/json/decode-json.ts';
import {
  checkFieldValidation,
  type FieldValidation,
  parseFieldValidation,
} from '../../api/decode/json/field-validation.ts';
import { MAX_ELEMENTS } from '../../api/decode/max-elements.ts';
import { withResourceDefaults } from '../../api/defaults/resources.ts';
import type { StructType } from '../../api/schema/table.ts';
import { ApiError, badRequestError, invalidError, unsupportedMediaTypeError } from '../../api/status.ts';
import { invalid } from '../../api/validation/field-error.ts';
import { errorMessage, GantryError } from '../../base/errors.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import type { ApiResponse } from '../http.ts';
import { parseContentType } from '../negotiation/accept-header.ts';
import { goValueText } from '../patch/go-value.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { unknownMembers } from '../patch/json-patch-operations.ts';
import { type JsonObject, MAX_JSON_DEPTH } from '../patch/json-value.ts';
import { applyMergePatch, NO_MERGE_PATCH } from '../patch/merge-patch.ts';
import { applyStrategicMerge } from '../patch/strategic-merge.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject, UpdateRules } from '../resources/strategy.ts';
import { applyFromRequest } from './apply.ts';
import { inNamespace, writeOptions } from './create.ts';
import type { HandlerContext } from './handler-context.ts';
import { withUniqueOwners } from './owner-references.ts';
import { writtenResponse } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { named } from './update.ts';
import { updateObject } from './write-object.ts';

const JSON_PATCH = 'application/json-patch+json';
const MERGE_PATCH = 'application/merge-patch+json';
const STRATEGIC_PATCH = 'application/strategic-merge-patch+json';
/** Server-side apply; a config in JSON is YAML, too. */
export const APPLY_PATCH = 'application/apply-patch+yaml';
/** A patch of a request body. It is read when it is applied first: of an object that is not there, nothing else is said. */
export interface RequestPatch {
  /** Makes the patched form of an object's JSON. Throws 400 for what is no such patch. */
  readonly apply: (type: StructType, object: JsonObject) => JsonObject;
  /** What strict decoding has against the patch itself. */
  readonly strictErrors: () => readonly string[];
  /** What is shown of a patch that made no object of the type: the object that it made, or the patch. */
  readonly shown: (patched: JsonObject) => string;
}

/** PATCH of an object, or of a subresource that is written like it. The patch is applied anew to each newer version. */
export async function patchFromRequest(
  handlers: HandlerContext,
  served: ServedResource,
  rules: UpdateRules<ApiObject>,
  context: RequestContext,
): Promise<ApiResponse> {
  const { namespace, name } = context.info;
  const kind = patchKind(context);
  if (kind === APPLY_PATCH) return applyFromRequest(handlers, served, rules, context);
  const options = writeOptions(context);
  const patch = await readPatch(context, kind);
  const change = async (old: ApiObject): Promise<ApiObject> => {
    const slice = new TimeSlice(context.signal);
    const patched = await patchedObject<ApiObject>(context, served.type, served.jsonOf(old), patch);
    await slice.breathe();
    const unique = withUniqueOwners(patched, context.warnings);
    const object = inNamespace(named(unique, name), served, namespace);
    return served.toStored(withResourceDefaults(served.resource, object));
  };
  const request = { namespace, name, rules, change, tracked: 'here' } as const;
  return writtenResponse(context, served, await updateObject(handlers, served, request, options));
}

export type PatchKind = typeof JSON_PATCH | typeof MERGE_PATCH | typeof STRATEGIC_PATCH;

/** Throws 415 for a kind of patch that is not known, before anything else is looked at. */
export function patchKind(context: RequestContext): PatchKind | typeof APPLY_PATCH {
  const kind = parseContentType(context.request.headers.get('content-type'));
  switch (kind) {
    case JSON_PATCH:
    case MERGE_PATCH:
    case STRATEGIC_PATCH:
    case APPLY_PATCH:
      return kind;
    default:
      throw unsupportedMediaTypeError([JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH]);
  }
}

/** The patch of the body. */
export async function readPatch(context: RequestContext, kind: PatchKind): Promise<RequestPatch> {
  const text = Buffer.from(await context.request.readBody(context.signal)).toString();
  const validation = fieldValidationOf(context);
  let parsed: ReturnType<typeof parseJsonText> | undefined;
  const read = () => (parsed ??= parse(kind, text, validation));
  const shown = (patched: JsonObject): string => JSON.stringify(patched);
  switch (kind) {
    case JSON_PATCH:
      return {
        apply: (_, object) => applyJsonPatch(object, read().value, validation),
        strictErrors: () => [...read().duplicates, ...unknownMembers(read().value)].map(error => `json patch ${error}`),
        shown,
      };
    case MERGE_PATCH:
      return {
        apply: (_, object) => applyMergePatch(object, read().value, validation),
        strictErrors: () => read().duplicates,
        shown,
      };
    default:
      return {
        apply: (type, object) => applyStrategicMerge(type, object, read().value),
        strictErrors: () => read().duplicates,
        shown: () => goValueText(read().value),
      };
  }
}

function fieldValidationOf(context: RequestContext): FieldValidation {
  return parseFieldValidation(context.request.query.get('fieldValidation') ?? undefined);
}

/** The patched object, decoded by its type under the `fieldValidation` of the request. Throws 422 for what is no such object, 413 for what has too many elements. */
export async function patchedObject<T extends object>(
  context: RequestContext,
  type: StructType,
  before: JsonObject,
  patch: RequestPatch,
): Promise<T> {
  const mode = fieldValidationOf(context);
  const slice = new TimeSlice(context.signal);
  const patched = patch.apply(type, before);
  await slice.breathe();
  const refused = (error: unknown): ApiError =>
    invalidError({ group: '', kind: '' }, '', [invalid('patch', patch.shown(patched), errorMessage(error))]);
  try {
    const { object, strictErrors } = decodeValue(type, patched, { maxElements: MAX_ELEMENTS });
    const warnings = checkFieldValidation(mode, [...patch.strictErrors(), ...strictErrors]);
    for (const warning of warnings) context.warnings.add(warning);
    return object as unknown as T;
  } catch (error) {
    if (error instanceof ApiError || !(error instanceof GantryError) || error.code !== 'invalid-argument') throw error;
    throw refused(error);
  }
}

function parse(kind: PatchKind, text: string, validation: FieldValidation): ReturnType<typeof parseJsonText> {
  try {
    return parseJsonText(text, MAX_JSON_DEPTH);
  } catch (error) {
    throw badRequestError(notJson(kind, validation, errorMessage(error)));
  }
}

/** Who decodes first says it: the strict decoder of the kind's handler, or, where nobody validates, the library that applies it. */
function notJson(kind: PatchKind, validation: FieldValidation, why: string): string {
  if (kind === STRATEGIC_PATCH) return why;
  if (validation !== 'Ignore') return `error decoding patch: ${why}`;
  return kind === MERGE_PATCH ? NO_MERGE_PATCH : why;
}
