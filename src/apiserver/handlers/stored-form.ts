import { conversionOf } from '../../api/conversion/conversions.ts';
import type { VersionConversion } from '../../api/conversion/version-conversion.ts';
import { decodeValue } from '../../api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../api/defaults/resources.ts';
import { encodeText } from '../../api/encode/encode-text.ts';
import { decodeMessage } from '../../api/protobuf/decode-message.ts';
import { isEnvelope, openEnvelope } from '../../api/protobuf/envelope.ts';
import { apiVersionOf } from '../../api/schema/kinds.ts';
import { allResources, resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import type { StructType } from '../../api/schema/table.ts';
import { zeroStruct } from '../../api/schema/zero.ts';
import { invalidArgument } from '../../base/errors.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { unreadableObject } from '../storage/errors.ts';
import { parseStored } from './parse-stored.ts';

const CLOSE = 0x7d;
const NEWLINE = 0x0a;

/**
 * How the objects of a kind lie in the storage: written as JSON of one version, read as that or as what other servers of Kubernetes write: protobuf
 * behind `k8s\0`, and other versions of the kind.
 */
export class StoredForm {
  readonly resource: ApiResource;
  readonly type: StructType;
  readonly apiVersion: string;
  /** How everything begins that was written here. */
  readonly #head: Buffer;
  /** The versions that servers of the past or of other settings may have stored, this one among them, by apiVersion. */
  readonly #versions: ReadonlyMap<
    string,
    { readonly type: StructType; readonly conversion: VersionConversion | undefined }
  >;

  /** `resource` is the row of the version that is stored. */
  constructor(resource: ApiResource) {
    this.resource = resource;
    this.type = resourceType(resource);
    this.apiVersion = apiVersionOf(resource);
    this.#versions = new Map(
      versionsOf(resource).map(row => [apiVersionOf(row), { type: resourceType(row), conversion: conversionOf(row) }]),
    );
    this.#head = Buffer.from(`{"kind":"${resource.kind}","apiVersion":"${this.apiVersion}",`);
  }

  /**
   * True for a value that may go out as it is: JSON of this kind and version, in the order in which it is written here. Its end is looked at, its
   * middle is not: nobody but servers of the API writes below `/registry/`.
   */
  isOwn(value: Buffer): boolean {
    const { length } = this.#head;
    if (value.length <= length || value.compare(this.#head, 0, length, 0, length) !== 0) return false;
    const last = value[value.length - 1];
    return last === CLOSE || (last === NEWLINE && value[value.length - 2] === CLOSE);
  }

  /** What is stored as an object with its resourceVersion. Throws `corrupt` for what is no object of this kind; `key` names it. */
  read(value: Buffer, revision: number, key: string): ApiObject {
    let object: ApiObject;
    try {
      object = isEnvelope(value) ? this.#readProtobuf(value) : this.#readJson(value);
    } catch (error) {
      // what a parser says of a text quotes it, and it may be secret
      throw unreadableObject(key, error instanceof SyntaxError ? invalidArgument('it is no JSON') : error);
    }
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  }

  /** The bytes to store. Equal objects give equal bytes. */
  write(object: ApiObject): Buffer {
    const { resourceVersion, selfLink, ...metadata } = object.metadata;
    const { kind } = this.resource;
    return Buffer.from(encodeText(this.type, { ...object, kind, apiVersion: this.apiVersion, metadata }));
  }

  /** What an empty object is decoded to. */
  zero(): ApiObject {
    return this.#named(zeroStruct(this.type));
  }

  #readJson(value: Buffer): ApiObject {
    const json = parseStored(value.toString());
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalidArgument('it is no JSON object');
    const { apiVersion, kind } = json as { readonly apiVersion?: unknown; readonly kind?: unknown };
    const { type, conversion } = this.#version(apiVersion ?? this.apiVersion, kind ?? this.resource.kind);
    const object = decodeValue(type, json).object;
    return conversion === undefined ? this.#named(object) : this.#defaulted(conversion.toStored(object));
  }

  /** Upstream stores objects without the defaults of newer versions, and adds them when it reads. */
  #readProtobuf(value: Buffer): ApiObject {
    const { apiVersion, kind, raw } = openEnvelope(value);
    const { type, conversion } = this.#version(apiVersion, kind);
    const object = decodeMessage(type, raw);
    return this.#defaulted(conversion === undefined ? object : conversion.toStored(object));
  }

  #defaulted(object: object): ApiObject {
    return withResourceDefaults(this.resource, this.#named(object));
  }

  #named(object: object): ApiObject {
    return { ...(object as ApiObject), kind: this.resource.kind, apiVersion: this.apiVersion };
  }

  #version(apiVersion: unknown, kind: unknown) {
    const version = kind === this.resource.kind ? this.#versions.get(String(apiVersion)) : undefined;
    if (version === undefined)
      throw invalidArgument(`it is a ${kind} of ${apiVersion}, not a ${this.resource.kind} of ${this.apiVersion}`);
    return version;
  }
}

/** Every version of the table in which a kind is served that is stored as `stored`. */
function versionsOf(stored: ApiResource): readonly ApiResource[] {
  return allResources().filter(
    ({ kind, storage }) =>
      kind === stored.kind && storage?.group === stored.group && storage.version === stored.version,
  );
}
