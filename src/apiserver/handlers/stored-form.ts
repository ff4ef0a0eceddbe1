import { decodeValue } from '../../api/decode/json/decode-json.ts';
import { withResourceDefaults } from '../../api/defaults/resources.ts';
import { encodeText } from '../../api/encode/encode-text.ts';
import { decodeMessage } from '../../api/protobuf/decode-message.ts';
import { isEnvelope, openEnvelope } from '../../api/protobuf/envelope.ts';
import { apiVersionOf } from '../../api/schema/kinds.ts';
import { resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import type { StructType } from '../../api/schema/table.ts';
import { invalidArgument } from '../../base/errors.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { unreadableObject } from '../storage/errors.ts';

const CLOSE = 0x7d;
const NEWLINE = 0x0a;

/**
 * How the objects of a kind lie in the storage: written as JSON of one version, read as that or as what other servers of Kubernetes write: protobuf
 * behind `k8s\0`.
 */
export class StoredForm {
  readonly resource: ApiResource;
  readonly type: StructType;
  readonly apiVersion: string;
  /** How everything begins that was written here. */
  readonly #head: Buffer;

  /** `resource` is the row of the version that is stored. */
  constructor(resource: ApiResource) {
    this.resource = resource;
    this.type = resourceType(resource);
    this.apiVersion = apiVersionOf(resource);
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
      throw unreadableObject(key, error);
    }
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  }

  /** The bytes to store. Equal objects give equal bytes. */
  write(object: ApiObject): Buffer {
    const { resourceVersion, selfLink, managedFields, ...metadata } = object.metadata;
    const { kind } = this.resource;
    return Buffer.from(encodeText(this.type, { ...object, kind, apiVersion: this.apiVersion, metadata }));
  }

  #readJson(value: Buffer): ApiObject {
    const json: unknown = JSON.parse(value.toString());
    if (typeof json !== 'object' || json === null || Array.isArray(json)) throw invalidArgument('it is no JSON object');
    const object = decodeValue(this.type, json).object as unknown as ApiObject;
    this.#check(object.apiVersion ?? '', object.kind ?? '');
    return this.#named(object);
  }

  /** Upstream stores objects without the defaults of newer versions, and adds them when it reads. */
  #readProtobuf(value: Buffer): ApiObject {
    const { apiVersion, kind, raw } = openEnvelope(value);
    this.#check(apiVersion, kind);
    const object = decodeMessage(this.type, raw) as unknown as ApiObject;
    return withResourceDefaults(this.resource, this.#named(object));
  }

  #named(object: ApiObject): ApiObject {
    return { ...object, kind: this.resource.kind, apiVersion: this.apiVersion };
  }

  #check(apiVersion: string, kind: string): void {
    const isKind = kind === this.resource.kind && apiVersion === this.apiVersion;
    if (!isKind && (kind !== '' || apiVersion !== ''))
      throw invalidArgument(`it is a ${kind} of ${apiVersion}, not a ${this.resource.kind} of ${this.apiVersion}`);
  }
}
