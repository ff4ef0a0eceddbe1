import { type DecodedBody, decodeJson } from '../../api/decode/json/decode-json.ts';
import { decodeYamlBody } from '../../api/decode/json/decode-yaml-body.ts';
import { checkFieldValidation, type FieldValidation } from '../../api/decode/json/field-validation.ts';
import { goQuote } from '../../api/go-quote.ts';
import { openEnvelope } from '../../api/protobuf/envelope.ts';
import { decodeProtobuf } from '../../api/protobuf/object.ts';
import { findResourceOfKind } from '../../api/schema/resources/registry.ts';
import type { StructType } from '../../api/schema/table.ts';
import { ApiError, badRequestError } from '../../api/status.ts';
import { errorMessage, GantryError, invalidArgument } from '../../base/errors.ts';
import { JSON_TYPE, type MediaType, YAML_TYPE } from '../negotiation/negotiate.ts';

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

/** A body, and all that decides what it is. */
export interface Body {
  readonly bytes: Buffer;
  /** One of `OBJECT_TYPES`. */
  readonly mediaType: MediaType;
  readonly expected: BodyKind;
  readonly fieldValidation: FieldValidation;
}

export interface DecodedObject {
  readonly object: Record<string, unknown>;
  /** For the client, in upstream's words. */
  readonly warnings: readonly string[];
}

const TOO_DEEP = 'exceeded max depth';
const YAML_FAILURE = 'error converting YAML to JSON';
/** A body of 3 MiB holds half as many values at the most; what aliases repeat counts anew each time. */
const LIMITS = { maxBytes: 3 * 1024 * 1024, maxNodes: 1_600_000, maxDepth: 1000 };

/**
 * The object of a body in JSON, YAML or protobuf, checked against the kind that it has to be. Throws an ApiError of code 400 in upstream's words.
 */
export function decodeBody(body: Body): DecodedObject {
  const { bytes, mediaType, expected, fieldValidation } = body;
  const { type, apiVersion, kind } = expected;
  try {
    if (mediaType !== JSON_TYPE && mediaType !== YAML_TYPE) {
      const object = decodeProtobuf(bytes, (sentVersion, sentKind) => {
        checkKind(expected, sentVersion, sentKind);
        return type;
      });
      return { object: { ...object, apiVersion, kind }, warnings: [] };
    }
    const { object, strictErrors } = decodeText(body, bytes.toString());
    checkKind(expected, textOf(object['apiVersion']), textOf(object['kind']));
    const warnings = checkFieldValidation(fieldValidation, strictErrors);
    return { object: { ...object, apiVersion, kind }, warnings };
  } catch (error) {
    if (error instanceof ApiError || !(error instanceof GantryError) || error.code !== 'invalid-argument') throw error;
    throw badRequestError(refusal(expected, mediaType, bytes, errorMessage(error)));
  }
}

function decodeText({ mediaType, expected, fieldValidation }: Body, text: string): DecodedBody {
  const { type } = expected;
  if (mediaType === JSON_TYPE) return decodeJson(type, text, { duplicates: fieldValidation !== 'Ignore' });
  return decodeYamlBody(type, text, LIMITS);
}

/** Throws what upstream says of a body of another kind or version. */
function checkKind(expected: BodyKind, apiVersion: string, kind: string): void {
  const problem = kindProblem(expected, apiVersion, kind);
  if (problem !== undefined) throw invalidArgument(problem);
  if (!takesVersion(expected, apiVersion))
    throw badRequestError(
      `the API version in the data (${apiVersion}) does not match the expected API version (${expected.apiVersion})`,
    );
}

function takesVersion({ apiVersion, anyVersion, olderVersions = [] }: BodyKind, sent: string): boolean {
  return sent === '' || sent === apiVersion || anyVersion === true || olderVersions.includes(sent);
}

/** Why a kind cannot be taken for the expected one, in the words of upstream's decoder, which knows all kinds and converts between their versions. */
function kindProblem(expected: BodyKind, apiVersion: string, kind: string): string | undefined {
  const isKind = kind === '' || kind === expected.kind;
  if (isKind && takesVersion(expected, apiVersion)) return undefined;
  const sent = { apiVersion: apiVersion || expected.apiVersion, kind: kind || expected.kind };
  const [group, version] = splitVersion(sent.apiVersion);
  if (findResourceOfKind(group, version, sent.kind) === undefined)
    return `no kind ${goQuote(sent.kind)} is registered for version ${goQuote(sent.apiVersion)}`;
  if (isKind && sharesStorage(expected, group, version)) return undefined;
  return `converting (${version}.${sent.kind}) to (${internalPackage(expected.apiVersion)}.${expected.kind}): unknown conversion`;
}

/** True for two versions of what is stored as one: upstream reads either. */
function sharesStorage({ apiVersion, kind }: BodyKind, group: string, version: string): boolean {
  const stored = findResourceOfKind(...splitVersion(apiVersion), kind)?.storage;
  const other = findResourceOfKind(group, version, kind)?.storage;
  return stored !== undefined && stored.group === other?.group && stored.prefix === other.prefix;
}

function splitVersion(apiVersion: string): readonly [group: string, version: string] {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? ['', apiVersion] : [apiVersion.slice(0, slash), apiVersion.slice(slash + 1)];
}

/** The Go package in which upstream holds the kinds of a group: `rbac` for rbac.authorization.k8s.io. Events are core's. */
function internalPackage(apiVersion: string): string {
  const [group] = splitVersion(apiVersion);
  return group === '' || group === 'events.k8s.io' ? 'core' : (group.split('.')[0] ?? '');
}

const META_TYPE =
  'struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }';

/** Upstream reads kind and version first. Where it cannot tell them, it shows the beginning of the body. */
function refusal(expected: BodyKind, mediaType: MediaType, bytes: Buffer, why: string): string {
  const unrecognized = (because: string): string =>
    `the object provided is unrecognized (must be of type ${expected.kind}): ${because} (${summary(bytes)})`;
  const handled = (kind: string, apiVersion: string, because = why): string =>
    `${kind} in version ${goQuote(splitVersion(apiVersion)[1])} cannot be handled as a ${expected.kind}: ${because}`;
  if (mediaType === YAML_TYPE)
    return why.startsWith(YAML_FAILURE) ? unrecognized(why) : handled(expected.kind, expected.apiVersion);
  if (mediaType !== JSON_TYPE) {
    const sent = envelopeOf(bytes);
    if (sent === undefined) return unrecognized(why);
    return handled(sent.kind || expected.kind, sent.apiVersion || expected.apiVersion);
  }
  const prefix = "couldn't get version/kind; json parse error: ";
  if (why === TOO_DEEP) return unrecognized(prefix + why);
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString());
  } catch {
    return unrecognized(prefix + why);
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) {
    const found = Array.isArray(json) ? 'array' : typeof json === 'boolean' ? 'bool' : typeof json;
    return unrecognized(`${prefix}json: cannot unmarshal ${found} into Go value of type ${META_TYPE}`);
  }
  const { kind, apiVersion } = json as { readonly kind?: unknown; readonly apiVersion?: unknown };
  const other = kindProblem(expected, textOf(apiVersion), textOf(kind));
  return handled(textOf(kind) || expected.kind, textOf(apiVersion) || expected.apiVersion, other);
}

function envelopeOf(bytes: Buffer): { readonly kind: string; readonly apiVersion: string } | undefined {
  try {
    return openEnvelope(bytes);
  } catch {
    return undefined;
  }
}

const SUMMARY_BYTES = 30;

/** The beginning of a body: as it is where it looks like JSON, else in hexadecimal. */
function summary(bytes: Buffer): string {
  if (bytes.length === 0) return '<empty>';
  const text = bytes.subarray(0, SUMMARY_BYTES).toString(bytes[0] === 0x7b ? 'utf8' : 'hex');
  return bytes.length > SUMMARY_BYTES ? `${text} ...` : text;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
