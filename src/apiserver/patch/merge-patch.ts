import type { FieldValidation } from '../../api/decode/json/field-validation.ts';
import { cloneJson, isJsonObject, type JsonObject, jsonTypeName, setMember } from './json-value.ts';
import { badPatch } from './patch-error.ts';

/** What upstream's library says of anything that is no merge patch. Unless fields are not validated, the decoder sees it first, and says more. */
export const NO_MERGE_PATCH = 'Invalid JSON Patch';

/**
 * RFC 7396: the object with the members of the patch, null removing a member. Neither argument is changed. As upstream's
 * library does, nulls are also taken out of objects that the patch adds. Throws `invalid-argument` on a patch that is no
 * object.
 */
export function applyMergePatch(object: JsonObject, patch: unknown, validation: FieldValidation = 'Warn'): JsonObject {
  if (patch === null || (validation === 'Ignore' && !isJsonObject(patch))) throw badPatch(NO_MERGE_PATCH);
  if (!isJsonObject(patch))
    throw badPatch(
      `error decoding patch: json: cannot unmarshal ${jsonTypeName(patch)} into Go value of type map[string]interface {}`,
    );
  return merge(object, patch);
}

function merge(object: JsonObject, patch: JsonObject): JsonObject {
  const result: JsonObject = { ...object };
  for (const name of Object.keys(patch)) {
    const value = patch[name];
    const current = Object.hasOwn(result, name) ? result[name] : undefined;
    if (value === null) delete result[name];
    else if (isJsonObject(current) && isJsonObject(value)) setMember(result, name, merge(current, value));
    else setMember(result, name, isJsonObject(current) ? cloneJson(value) : withoutNulls(value));
  }
  return result;
}

/** A copy without members that are null; nulls that stand in lists stay. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (!isJsonObject(value)) return value;
  const result: JsonObject = {};
  for (const name of Object.keys(value)) if (value[name] !== null) setMember(result, name, withoutNulls(value[name]));
  return result;
}
