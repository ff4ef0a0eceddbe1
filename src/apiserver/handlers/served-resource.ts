import { decodeValue } from '../../api/decode/json/decode-json.ts';
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
    this.cache = watchCache.resource(this.#prefix, (value, revision) => this.decode(value, revision));
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

  /** What is stored as an object with its resourceVersion. */
  decode(value: Buffer, revision: number): ApiObject {
    const object = decodeValue(this.type, JSON.parse(value.toString())).object as unknown as ApiObject;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  }

  /** The bytes to store. Equal objects give equal bytes. */
  encode(object: ApiObject): Buffer {
    const { resourceVersion, selfLink, managedFields, ...metadata } = object.metadata;
    const { kind } = this.resource;
    return Buffer.from(
      JSON.stringify(encodeObject(this.type, { ...object, kind, apiVersion: this.apiVersion, metadata })),
    );
  }

  entry(stored: StoredObject): Entry {
    return new CacheEntry(stored, (value, revision) => this.decode(value, revision));
  }

  /** An object that is not stored (a dry run), as if it were; `revision` 0 gives it no resourceVersion. */
  unstoredJson(object: ApiObject): Record<string, unknown> {
    const { kind } = this.resource;
    return encodeObject(this.type, { ...object, kind, apiVersion: this.apiVersion });
  }
}
