import type { FieldValidation } from '../../api/decode/json/field-validation.ts';
import { goQuote } from '../../api/go-quote.ts';
import type { GantryError } from '../../base/errors.ts';
import { isJsonObject, jsonTypeName } from './json-value.ts';
import { badPatch, patchTooLarge } from './patch-error.ts';

/** Operations of one patch. */
export const MAX_OPERATIONS = 10_000;

/** An operation as a client has sent it: it may lack what it needs. */
export interface Operation {
  readonly op: string | undefined;
  readonly path: string | undefined;
  readonly from: string | undefined;
  /** Undefined where the operation has none. */
  readonly value: unknown;
}

/** Strict errors of a patch in upstream's words: members of operations that mean nothing. */
export function unknownMembers(patch: unknown): string[] {
  if (!Array.isArray(patch)) return [];
  return patch.flatMap((operation: unknown, index) =>
    Object.keys(isJsonObject(operation) ? operation : {})
      .filter(name => !MEMBERS.has(name))
      .map(name => `unknown field ${goQuote(`[${index}].${name}`)}`),
  );
}

const MEMBERS: ReadonlySet<string> = new Set(['op', 'path', 'from', 'value']);

/** What upstream decodes a patch into, as its texts say. */
interface GoTypes {
  readonly prefix: string;
  readonly list: string;
  readonly operation: string;
  /** A member that must be text, or null, which is as good as none. */
  readonly textOf: (name: string, value: unknown) => string | undefined;
}

const UNTYPED: GoTypes = {
  prefix: '',
  list: 'jsonpatch.Patch',
  operation: 'jsonpatch.Operation',
  textOf: (_, value) => (typeof value === 'string' ? value : undefined),
};

const TYPED: GoTypes = {
  prefix: 'error decoding patch: ',
  list: '[]handlers.jsonPatchOp',
  operation: 'handlers.jsonPatchOp',
  textOf: (name, value) => {
    if (value === undefined || value === null) return undefined;
    if (typeof value !== 'string') throw wrongType(TYPED, value, `struct field jsonPatchOp.${name} of type string`);
    return value;
  },
};

/**
 * The operations of a patch; whether they make sense is not looked at. Throws `invalid-argument` on what is no list of operations, `resource-exhausted` on too many, and
 * `invalid-argument` on members that are no text, which under Ignore are as good as none; all in upstream's words. Pure.
 */
export function decodeJsonPatch(patch: unknown, validation: FieldValidation): Operation[] {
  const types = validation === 'Ignore' ? UNTYPED : TYPED;
  if (patch === null) return [];
  if (!Array.isArray(patch)) throw wrongType(types, patch, `value of type ${types.list}`);
  if (patch.length > MAX_OPERATIONS)
    throw patchTooLarge(`The allowed maximum operations in a JSON patch is ${MAX_OPERATIONS}, got ${patch.length}`);
  return patch.map((operation: unknown) => {
    if (operation !== null && !isJsonObject(operation))
      throw wrongType(types, operation, `value of type ${types.operation}`);
    const { op, path, from, value } = operation ?? {};
    const { textOf } = types;
    return { op: textOf('op', op), path: textOf('path', path), from: textOf('from', from), value };
  });
}

function wrongType({ prefix }: GoTypes, value: unknown, wanted: string): GantryError {
  return badPatch(`${prefix}json: cannot unmarshal ${jsonTypeName(value)} into Go ${wanted}`);
}
