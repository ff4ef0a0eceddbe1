import { encodeObject } from '../../api/encode/encode-object.ts';
import { listType, resourceType } from '../../api/schema/resources/registry.ts';
import type { ApiResource } from '../../api/schema/resources/resource.ts';
import type { StructType } from '../../api/schema/table.ts';
import { badRequestError, type GroupKind, type GroupResource } from '../../api/status.ts';
import type { ApiObject, ResourceStrategy } from '../resources/strategy.ts';
import { namespacePrefix, objectKey, ROOT } from '../storage/keys.ts';
import type { Storage, StoredObject } from '../storage/storage.ts';
import { CacheEntry } from '../storage/watch-cache/cache-entry.ts';
import type { ResourceCache } from '../storage/watch-cache/resource-cache.ts';
import type { WatchCache } from '../storage/watch-cache/watch-cache.ts';
import { StoredForm } from './stored-form.ts';

/** One version of one object, as handlers pass it on. */
export type Entry = CacheEntry<ApiObject>;

/** A resource with all that its handlers need: rules, shape, storage and cache. Its packages of the table are loaded. */
export class ServedResource {
  readonly resource: ApiResource;
  readonly strategy: ResourceStrategy;
  readonly type: StructType;
  readonly listType: StructType | undefined;
  readonly storage: Storage;
  readonly cache: ResourceCache<ApiObject>;
  readonly groupResource: GroupResource;
  readonly groupKind: GroupKind;
  readonly apiVersion: string;
  readonly namespaced: boolean;
  readonly #prefix: string;
  readonly #form: StoredForm;

  constructor(strategy: ResourceStrategy, watchCache: WatchCache) {
    const { resource } = strategy;
    if (resource.storage === undefined) throw new Error(`${resource.plural} are not stored`);
    this.resource = resource;
    this.strategy = strategy;
    this.type = resourceType(resource);
    this.listType = listType(resource);
    this.storage = watchCache.storage;
    this.groupResource = { group: resource.group, resource: resource.plural };
    this.groupKind = { group: resource.group, kind: resource.kind };
    this.apiVersion = resource.group === '' ? resource.version : `${resource.group}/${resource.version}`;
    this.namespaced = resource.scope === 'namespaced';
    this.#prefix = `${ROOT}${resource.storage.prefix}/`;
    this.#form = new StoredForm(resource);
    this.cache = watchCache.resource(this.#prefix, (value, revision, key) => this.#form.read(value, revision, key));
  }

  /** Throws 400 for a name or namespace that cannot stand in a key. */
  key(namespace: string, name: string): string {
    try {
      return objectKey(this.#prefix, this.namespaced ? namespace : undefined, name);
    } catch {
      throw badRequestError(`Invalid name or namespace: ${JSON.stringify(namespace)}, ${JSON.stringify(name)}`);
    }
  }

  /** The prefix of all objects of a namespace; of all objects with an empty one. */
  scope(namespace: string): string {
    return this.namespaced && namespace !== '' ? namespacePrefix(this.#prefix, namespace) : this.#prefix;
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

  /**
   * The JSON of a stored object: the stored bytes where they are what the client wants but for the resourceVersion, else made once. Throws `corrupt`
   * for what cannot be decoded.
   */
  json(entry: Entry): Buffer {
    if (this.#form.isOwn(entry.value)) return entry.stored;
    return entry.encoded('json', each => Buffer.from(JSON.stringify(this.unstoredJson(each.object))));
  }

  /** An object that is not stored (a dry run), as if it were; `revision` 0 gives it no resourceVersion. */
  unstoredJson(object: ApiObject): Record<string, unknown> {
    const { kind } = this.resource;
    return encodeObject(this.type, { ...object, kind, apiVersion: this.apiVersion });
  }
}
