import { decodeJson } from '../../api/decode/json/decode-json.ts';
import { decodeYamlBody } from '../../api/decode/json/decode-yaml-body.ts';
import { checkFieldValidation, parseFieldValidation } from '../../api/decode/json/field-validation.ts';
import { goQuote } from '../../api/go-quote.ts';
import { decodeProtobuf } from '../../api/protobuf/object.ts';
import type { StructType } from '../../api/schema/table.ts';
import { badRequestError } from '../../api/status.ts';
import { errorMessage, GantryError } from '../../base/errors.ts';
import { JSON_TYPE, negotiateBody, OBJECT_TYPES, YAML_TYPE } from '../negotiation/negotiate.ts';
import type { RequestContext } from '../pipeline/context.ts';

/** The kind that a body has to be. */
export interface BodyKind {
  readonly type: StructType;
  readonly apiVersion: string;
  readonly kind: string;
  /** Others that are taken for it: DeleteOptions come under the version of any group. */
  readonly anyVersion?: boolean;
  /** Versions in which the kind reads the same and that old clients still send. */
  readonly olderVersions?: readonly string[];
}

const LIMITS = { maxBytes: 3 * 1024 * 1024, maxNodes: 1_000_000, maxDepth: 1000 };

/**
 * The object of a body in JSON, YAML or protobuf, checked against the kind that the path asks for and by the `fieldValidation` of the request;
 * warnings go to the client. Throws 400 and 415 in upstream's words.
 */
export async function readObject<T extends object>(context: RequestContext, expected: BodyKind): Promise<T> {
  const bytes = Buffer.from(await context.request.readBody(context.signal));
  return decodeObject<T>(context, expected, bytes);
}

/** The same where a body may be missing. */
export async function readOptionalObject<T extends object>(
  context: RequestContext,
  expected: BodyKind,
): Promise<T | undefined> {
  const bytes = Buffer.from(await context.request.readBody(context.signal));
  return bytes.length === 0 ? undefined : decodeObject<T>(context, expected, bytes);
}

function decodeObject<T extends object>(context: RequestContext, expected: BodyKind, bytes: Buffer): T {
  const mode = parseMode(context);
  const mediaType = negotiateBody(context.request.headers.get('content-type'), OBJECT_TYPES);
  const { type, apiVersion, kind } = expected;
  try {
    if (mediaType !== JSON_TYPE && mediaType !== YAML_TYPE) {
      const object = decodeProtobuf(bytes, (sentVersion, sentKind) => {
        checkKind(expected, sentVersion, sentKind);
        return type;
      });
      return { ...object, apiVersion, kind } as unknown as T;
    }
    const text = bytes.toString();
    const { object, strictErrors } =
      mediaType === JSON_TYPE
        ? decodeJson(type, text, { duplicates: mode !== 'Ignore' })
        : decodeYamlBody(type, text, LIMITS);
    checkKind(expected, textOf(object['apiVersion']), textOf(object['kind']));
    for (const warning of checkFieldValidation(mode, strictErrors)) context.warnings.add(warning);
    return { ...object, apiVersion, kind } as unknown as T;
  } catch (error) {
    if (!(error instanceof GantryError) || error.code !== 'invalid-argument') throw error;
    const version = apiVersion.slice(apiVersion.lastIndexOf('/') + 1);
    throw badRequestError(
      `${kind} in version ${goQuote(version)} cannot be handled as a ${kind}: ${errorMessage(error)}`,
    );
  }
}

function parseMode(context: RequestContext): ReturnType<typeof parseFieldValidation> {
  try {
    return parseFieldValidation(context.request.query.get('fieldValidation') ?? undefined);
  } catch (error) {
    throw badRequestError(errorMessage(error));
  }
}

function checkKind(expected: BodyKind, apiVersion: string, kind: string): void {
  if (kind !== '' && kind !== expected.kind)
    throw badRequestError(
      `the kind in the data (${kind}) does not match the expected kind (${expected.kind}) of ${expected.apiVersion}`,
    );
  const taken = [expected.apiVersion, ...(expected.olderVersions ?? [])];
  if (apiVersion !== '' && !taken.includes(apiVersion) && expected.anyVersion !== true)
    throw badRequestError(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    );
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
