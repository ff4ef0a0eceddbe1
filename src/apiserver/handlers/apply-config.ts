import { parseJsonText } from '../../api/decode/json/decode-json.ts';
import { readYamlBody } from '../../api/decode/json/decode-yaml-body.ts';
import { type FieldValidation, parseFieldValidation } from '../../api/decode/json/field-validation.ts';
import { badRequestError } from '../../api/status.ts';
import { errorMessage } from '../../base/errors.ts';
import { isJsonObject, type JsonObject, jsonTypeName, MAX_JSON_DEPTH } from '../patch/json-value.ts';
import type { RequestContext } from '../pipeline/context.ts';

/** What an applier wants, as it was sent: nothing is added to it and nothing is taken for another name. */
export interface AppliedConfig {
  /** Throws 400 in upstream's words for what is no object. */
  readonly read: () => JsonObject;
  /** Throws 400, or warns, where names come twice, as the request wants that. */
  readonly checkDuplicates: () => void;
}

interface Parsed {
  readonly value: unknown;
  readonly duplicates: readonly string[];
}

const LIMITS = { maxBytes: 3 * 1024 * 1024, maxNodes: 1_000_000, maxDepth: MAX_JSON_DEPTH };
const CONVERTING = 'error converting YAML to JSON: ';

/** The config of a body. It is read when it is applied first: of an object that is not there, nothing else is said. */
export async function readConfig(context: RequestContext): Promise<AppliedConfig> {
  const text = Buffer.from(await context.request.readBody(context.signal)).toString();
  let known: Parsed | undefined;
  const parsed = (): Parsed => (known ??= parse(text));
  return {
    read: () => objectOf(parsed().value),
    checkDuplicates: () => {
      const mode: FieldValidation = parseFieldValidation(context.request.query.get('fieldValidation') ?? undefined);
      if (mode === 'Ignore') return;
      for (const each of parsed().duplicates) {
        if (mode === 'Strict') throw badRequestError(`error strict decoding YAML: ${CONVERTING}${each}`);
        context.warnings.add(CONVERTING + each);
      }
    },
  };
}

function objectOf(value: unknown): JsonObject {
  if (value === null) return {};
  if (isJsonObject(value)) return value;
  throw badRequestError(
    `error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal ${jsonTypeName(value)} into Go value of type map[string]interface {}`,
  );
}

/** Most is JSON, whatever it is called, and quickly read; YAML is what is none, or has a name twice. */
function parse(text: string): Parsed {
  if (/^\s*\{/.test(text)) {
    const json = tryJson(text);
    if (json !== undefined && json.duplicates.length === 0) return json;
  }
  try {
    return readYamlBody(text, LIMITS);
  } catch (error) {
    throw badRequestError(`error decoding YAML: ${CONVERTING}${errorMessage(error)}`);
  }
}

function tryJson(text: string): Parsed | undefined {
  try {
    return parseJsonText(text, MAX_JSON_DEPTH);
  } catch {
    return undefined;
  }
}
