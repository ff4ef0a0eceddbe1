import { conversionOf } from '../../api/conversion/conversions.ts';
import type { VersionConversion } from '../../api/conversion/version-conversion.ts';
import { encodeObject } from '../../api/encode/encode-object.ts';
import { encodeText } from '../../api/encode/encode-text.ts';
import { goQuote } from '../../api/go-quote.ts';
import { encodeMessage } from '../../api/protobuf/encode-message.ts';
import { apiVersionOf } from '../../api/schema/kinds.ts';
import { findResource, resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import type { StructType } from '../../api/schema/table.ts';
import { badRequestError, type GroupKind, type GroupResource, notFoundError } from '../../api/status.ts';
import { pathSegmentName } from '../../api/validation/names.ts';
import type { FieldResets } from '../apply/resets.ts';
import type { ApiObject, ResourceStrategy } from '../resources/strategy.ts';
import { namespacePrefix, objectKey, ROOT } from '../storage/keys.ts';
import type { Storage, StoredObject } from '../storage/storage.ts';
import { CacheEntry } from '../storage/watch-cache/cache-entry.ts';
import type { ResourceCache } from '../storage/watch-cache/resource-cache.ts';
import type { WatchCache } from '../storage/watch-cache/watch-cache.ts';
import { FieldTracker, trackedKind } from './field-tracker.ts';
import { StoredForm } from './stored-form.ts';

/** One version of one object, as handlers pass it on. */
export type Entry = CacheEntry<ApiObject>;

/**
 * A version of a resource with all that its handlers need: rules, shape, storage and cache. Its packages of the table are loaded. Where a kind is served in
 * several versions they share storage and cache, and everything inside, rules and admission too, sees the stored version: bodies are converted where they are
 * read, answers where they are written.
 */
export class ServedResource {
  readonly resource: ApiResource;
  readonly strategy: ResourceStrategy;
  /** Of this version. */
  readonly type: StructType;
  readonly storage: Storage;
  readonly cache: ResourceCache<ApiObject>;
  readonly groupResource: GroupResource;
  /** Of the stored version, whose name upstream's errors give. */
  readonly groupKind: GroupKind;
  readonly apiVersion: string;
  readonly namespaced: boolean;
  readonly #prefix: string;
  readonly #form: StoredForm;
  readonly #conversion: VersionConversion | undefined;
  readonly #trackers = new WeakMap<FieldResets, FieldTracker>();
  readonly #fields = new WeakMap<ApiObject, ReadonlyMap<string, string>>();

  constructor(strategy: ResourceStrategy, watchCache: WatchCache) {
    const { resource } = strategy;
    if (resource.storage === undefined) throw new Error(`${resource.plural} are not stored`);
    const { group, version, prefix } = resource.storage;
    const stored = findResource(group, version, resource.plural);
    if (stored === undefined) throw new Error(`${resource.plural} of ${group}/${version} are not in the registry`);
    this.resource = resource;
    this.strategy = strategy;
    this.type = resourceType(resource);
    this.storage = watchCache.storage;
    this.groupResource = { group: resource.group, resource: resource.plural };
    this.groupKind = { group, kind: resource.kind };
    this.apiVersion = apiVersionOf(resource);
    this.namespaced = resource.scope === 'namespaced';
    this.#prefix = `${ROOT}${prefix}/`;
    this.#form = new StoredForm(stored);
    this.#conversion = conversionOf(resource);
    this.cache = watchCache.resource(this.#prefix, (value, revision, key) => this.#form.read(value, revision, key));
  }

  /** Throws 400 for a name or namespace that cannot stand in a key, 404 for a name that no object can have. */
  key(namespace: string, name: string): string {
    if (name === '') throw badRequestError('Name parameter required.');
    const problems = pathSegmentName(name);
    if (problems.length > 0) throw badRequestError(`Name parameter invalid: ${goQuote(name)}: ${problems.join(';')}`);
    if (name.includes('\0')) throw notFoundError(this.groupResource, name);
    const path = this.namespaced ? `${namespace}/${name}` : name;
    return this.#orInvalid(path, () => objectKey(this.#prefix, this.namespaced ? namespace : undefined, name));
  }

  /** The prefix of all objects of a namespace; of all objects with an empty one. Throws as `key`. */
  scope(namespace: string): string {
    if (!this.namespaced || namespace === '') return this.#prefix;
    return this.#orInvalid(namespace, () => namespacePrefix(this.#prefix, namespace));
  }

  /** Upstream's words for a namespace that would lead out of the keys of its resource; it answers 500, for what is the client's mistake. */
  #orInvalid(path: string, make: () => string): string {
    try {
      return make();
    } catch {
      throw badRequestError(`invalid key: ${goQuote(`/${this.resource.plural}/${path}`)}`);
    }
  }

  /** What is stored as an object with its resourceVersion. Throws `corrupt` for what is no object of this kind. */
  decode(stored: StoredObject): ApiObject {
    return this.#form.read(stored.value, stored.revision, stored.key);
  }

  /** The bytes to store. Equal objects give equal bytes. */
  encode(object: ApiObject): Buffer {
    return this.#form.write(object);
  }

  entry(stored: StoredObject): Entry {
    return new CacheEntry(stored, (value, revision, key) => this.#form.read(value, revision, key));
  }

  /** An object of a body, in this version and with its defaults, as the rules see it. */
  toStored(object: ApiObject): ApiObject {
    return this.#conversion === undefined ? object : (this.#conversion.toStored(object) as ApiObject);
  }

  /** The object as this version has it. */
  fromStored(object: ApiObject): ApiObject {
    const version = this.#conversion === undefined ? object : (this.#conversion.fromStored(object) as ApiObject);
    return { ...version, kind: this.resource.kind, apiVersion: this.apiVersion };
  }

  /**
   * The JSON of a stored object: the stored bytes where they are what the client wants but for the resourceVersion, else made once. Throws `corrupt`
   * for what cannot be decoded.
   */
  json(entry: Entry): Buffer {
    if (this.#conversion === undefined && this.#form.isOwn(entry.value)) return entry.stored;
    return entry.encoded(this.form('json'), each => Buffer.from(encodeText(this.type, this.fromStored(each.object))));
  }

  /** The JSON of an object as this version has it, stored or not. */
  jsonOf(object: ApiObject): Record<string, unknown> {
    return encodeObject(this.type, this.fromStored(object));
  }

  /** The message of a stored object in protobuf, without its envelope. Made once. Throws as `json`. */
  message(entry: Entry): Buffer {
    return entry.encoded(this.form('message'), each => encodeMessage(this.type, this.fromStored(each.object)));
  }

  /** An object in the stored version that has nothing but metadata, and what Go always holds. */
  empty(metadata: ApiObject['metadata']): ApiObject {
    return { ...this.#form.zero(), metadata };
  }

  /** Who tracks the managers of fields where objects are written by these rules: of the resource or of a subresource. */
  tracker(rules: FieldResets): FieldTracker {
    let tracker = this.#trackers.get(rules);
    if (tracker === undefined) {
      tracker = new FieldTracker(trackedKind(this.resource), rules);
      this.#trackers.set(rules, tracker);
    }
    return tracker;
  }

  /** The stored type, as rules and admission see objects. */
  get storedType(): StructType {
    return this.#form.type;
  }

  /** What field selectors may ask of an object: found once, for every kubelet asks it of every pod. */
  selectableFields(object: ApiObject): ReadonlyMap<string, string> {
    const known = this.#fields.get(object);
    if (known !== undefined) return known;
    const fields = this.strategy.selectableFields(object);
    this.#fields.set(object, fields);
    return fields;
  }

  /** Names a form of the bytes of this version, under which they are kept. */
  form(name: string): string {
    return `${this.apiVersion} ${name}`;
  }
}
