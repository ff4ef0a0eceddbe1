import { type DecodedBody, decodeJson } from '../../api/decode/json/decode-json.ts';
import {
  decodeYamlValue,
  readYamlBody,
  UnreadableYamlError,
  type YamlBody,
} from '../../api/decode/json/decode-yaml-body.ts';
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

const TOO_DEEP = /^invalid character '[[{]' exceeded max depth$/;
/** A body of 3 MiB cannot write down as many values; what aliases repeat counts anew each time. */
const LIMITS = { maxBytes: 3 * 1024 * 1024, maxNodes: 4_000_000 };

/** Levels of nesting that a body in YAML may have, as for upstream: less than 16 MiB of stack. */
export const MAX_YAML_DEPTH = 10_000;
/** Levels that the stack of the event loop holds in any case. */
const YAML_DEPTH_HERE = 1000;

/** A body in YAML that is nested deeper than could be read here; a thread with more stack can, or refuses it in upstream's words. */
export class DeepYamlError extends ApiError {
  constructor(message: string) {
    super('BadRequest', message);
    this.name = 'DeepYamlError';
  }
}

/**
 * The object of a body in JSON, YAML or protobuf, checked against the kind that it has to be. Throws an ApiError of code 400 in upstream's words, and
 * DeepYamlError for YAML of more levels than `yamlDepth` where that is less than a body may have.
 */
export function decodeBody(body: Body, yamlDepth = YAML_DEPTH_HERE): DecodedObject {
  if (body.mediaType === JSON_TYPE) return orRefusal(body, () => decodeJsonBody(body), jsonValue);
  if (body.mediaType !== YAML_TYPE)
    return orRefusal(
      body,
      () => decodeProtobufBody(body),
      () => undefined,
    );
  const yaml = readYaml(body, yamlDepth);
  return orRefusal(
    body,
    () => checked(body, decodeYamlValue(body.expected.type, yaml)),
    () => yaml,
  );
}

/** The JSON of a YAML text of no more levels than the stack holds in any case. Throws UnreadableYamlError. */
export function readYamlText(bytes: Buffer): YamlBody {
  return readYamlBody(bytes.toString(), { ...LIMITS, maxDepth: YAML_DEPTH_HERE });
}

function decodeJsonBody(body: Body): DecodedObject {
  const options = { duplicates: body.fieldValidation !== 'Ignore' };
  return checked(body, decodeJson(body.expected.type, body.bytes.toString(), options));
}

function decodeProtobufBody({ bytes, expected }: Body): DecodedObject {
  const { type, apiVersion, kind } = expected;
  const object = decodeProtobuf(bytes, (sentVersion, sentKind) => {
    checkKind(expected, sentVersion, sentKind);
    return type;
  });
  return { object: { ...object, apiVersion, kind }, warnings: [] };
}

function readYaml({ bytes, expected }: Body, maxDepth: number): YamlBody {
  try {
    return readYamlBody(bytes.toString(), { ...LIMITS, maxDepth });
  } catch (error) {
    if (!(error instanceof UnreadableYamlError)) throw error;
    const message = unrecognized(expected, bytes, errorMessage(error));
    throw error.tooDeep && maxDepth < MAX_YAML_DEPTH ? new DeepYamlError(message) : badRequestError(message);
  }
}

function checked({ expected, fieldValidation }: Body, { object, strictErrors }: DecodedBody): DecodedObject {
  const { apiVersion, kind } = expected;
  checkKind(expected, textOf(object['apiVersion']), textOf(object['kind']));
  return { object: { ...object, apiVersion, kind }, warnings: checkFieldValidation(fieldValidation, strictErrors) };
}

/** Where decoding fails, upstream's words for it. `json` gives the JSON of the body, where it is any. */
function orRefusal(
  body: Body,
  decode: () => DecodedObject,
  json: (body: Body) => { readonly value: unknown } | undefined,
): DecodedObject {
  try {
    return decode();
  } catch (error) {
    if (error instanceof ApiError || !(error instanceof GantryError) || error.code !== 'invalid-argument') throw error;
    throw badRequestError(refusal(body, errorMessage(error), json(body)));
  }
}

function jsonValue({ bytes }: Body): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(bytes.toString()) };
  } catch {
    return undefined;
  }
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
function refusal(body: Body, why: string, json: { readonly value: unknown } | undefined): string {
  const { expected, mediaType, bytes } = body;
  const handled = (kind: string, apiVersion: string, because = why): string =>
    `${kind || expected.kind} in version ${goQuote(splitVersion(apiVersion || expected.apiVersion)[1])} cannot be handled as a ${expected.kind}: ${because}`;
  if (mediaType !== JSON_TYPE && mediaType !== YAML_TYPE) {
    const sent = envelopeOf(bytes);
    return sent === undefined ? unrecognized(expected, bytes, why) : handled(sent.kind, sent.apiVersion);
  }
  const prefix = "couldn't get version/kind; json parse error: ";
  if (json === undefined || TOO_DEEP.test(why)) return unrecognized(expected, bytes, prefix + why);
  const { value } = json;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    const found = Array.isArray(value) ? 'array' : typeof value === 'boolean' ? 'bool' : typeof value;
    const unfit = `${prefix}json: cannot unmarshal ${found} into Go value of type ${META_TYPE}`;
    return unrecognized(expected, bytes, unfit);
  }
  const { kind, apiVersion } = value as { readonly kind?: unknown; readonly apiVersion?: unknown };
  const other = kindProblem(expected, textOf(apiVersion), textOf(kind));
  return handled(textOf(kind), textOf(apiVersion), other);
}

function unrecognized({ kind }: BodyKind, bytes: Buffer, because: string): string {
  return `the object provided is unrecognized (must be of type ${kind}): ${because} (${summary(bytes)})`;
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
