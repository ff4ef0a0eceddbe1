import { parseJsonText } from '../../api/decode/json/decode-json.ts';
import { UnreadableYamlError, type YamlBody } from '../../api/decode/json/decode-yaml-body.ts';
import { type FieldValidation, parseFieldValidation } from '../../api/decode/json/field-validation.ts';
import { badRequestError } from '../../api/status.ts';
import { errorMessage } from '../../base/errors.ts';
import type { BodyDecoder } from '../body/body-decoder.ts';
import { isJsonObject, type JsonObject, jsonTypeName, MAX_JSON_DEPTH } from '../patch/json-value.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { HandlerContext } from './handler-context.ts';

/** What an applier wants, as it was sent: nothing is added to it and nothing is taken for another name. */
export interface AppliedConfig {
  /** Throws 400 in upstream's words for what is no object. */
  readonly read: () => JsonObject;
  /** Throws 400, or warns, where names come twice, as the request wants that. */
  readonly checkDuplicates: () => void;
}

const CONVERTING = 'error converting YAML to JSON: ';

/** The config of a body. What is wrong with it is told when it is applied: of an object that is not there, nothing else is said. */
export async function readConfig(
  { bodies }: Pick<HandlerContext, 'bodies'>,
  context: RequestContext,
): Promise<AppliedConfig> {
  const parsed = await parse(bodies, Buffer.from(await context.request.readBody(context.signal)), context.signal);
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
async function parse(bodies: BodyDecoder, bytes: Buffer, signal: AbortSignal): Promise<() => YamlBody> {
  const text = bytes.toString();
  const json = /^\s*\{/.test(text) ? tryJson(text) : undefined;
  if (json !== undefined && json.duplicates.length === 0) return () => json;
  try {
    const yaml = await bodies.readYaml(bytes, signal);
    return () => yaml;
  } catch (error) {
    if (!(error instanceof UnreadableYamlError)) throw error;
    const refused = badRequestError(`error decoding YAML: ${CONVERTING}${errorMessage(error)}`);
    return () => {
      throw refused;
    };
  }
}

function tryJson(text: string): YamlBody | undefined {
  try {
    return parseJsonText(text, MAX_JSON_DEPTH);
  } catch {
    return undefined;
  }
}
