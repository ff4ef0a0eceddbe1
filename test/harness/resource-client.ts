import type { DeleteOptions } from '../../src/api/types/gen/meta-v1.ts';
import type { Answered, ApiClient, ApiObject, Draft, ListOf, PatchType, Query } from './api-client.ts';
import type { Watch } from './watch.ts';

/** Where the objects of a kind are: the namespace of namespaced kinds; none means the whole cluster. */
export interface ResourceId {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespace?: string;
}

/** The calls of one resource: of a namespace, or of the cluster. Every refusal is an ApiFailure. */
export class ResourceClient<T extends ApiObject> {
  readonly path: string;
  readonly #client: ApiClient;
  readonly #id: ResourceId;

  constructor(client: ApiClient, id: ResourceId) {
    this.#client = client;
    this.#id = id;
    const root = id.apiVersion.includes('/') ? `/apis/${id.apiVersion}` : `/api/${id.apiVersion}`;
    const scope = id.namespace === undefined ? '' : `/namespaces/${id.namespace}`;
    this.path = `${root}${scope}/${id.plural}`;
  }

  create(object: Draft<T>, query: Query = {}): Promise<Answered<T>> {
    return this.#client.json('POST', this.path, { body: this.#typed(object), query });
  }

  /** Of a subresource of an object: a binding, a token, an eviction. */
  createSub<S>(name: string, subresource: string, object: S): Promise<S> {
    return this.#client.json('POST', `${this.path}/${name}/${subresource}`, { body: object });
  }

  get(name: string, subresource?: string): Promise<Answered<T>> {
    return this.#client.get(this.#of(name, subresource));
  }

  /** Its items have their kind, which a list says once for all. */
  async list(query: Query = {}): Promise<ListOf<T>> {
    const list = await this.#client.get<ListOf<T>>(this.path, query);
    const { apiVersion, kind } = this.#id;
    return { ...list, items: list.items.map(item => ({ apiVersion, kind, ...item })) };
  }

  /** The names that a list has, sorted. */
  async names(query: Query = {}): Promise<string[]> {
    const { items } = await this.list(query);
    return items.map(({ metadata }) => metadata.name ?? '').toSorted();
  }

  watch(query: Query = {}): Promise<Watch<T>> {
    return this.#client.watch(this.path, query);
  }

  update(object: Draft<T>, subresource?: string): Promise<Answered<T>> {
    const body = this.#typed(object);
    return this.#client.json('PUT', this.#of(object.metadata?.name ?? '', subresource), { body });
  }

  patch(name: string, type: PatchType, patch: unknown, subresource?: string): Promise<Answered<T>> {
    const contentType = `application/${type}+json`;
    return this.#client.json('PATCH', this.#of(name, subresource), { body: patch, contentType });
  }

  /** The object where it stays a while, else a Status or what the kind answers. */
  delete(name: string, options: DeleteOptions = {}): Promise<ApiObject> {
    return this.#client.json('DELETE', this.#of(name), { body: deleteOptions(options) });
  }

  deleteCollection(query: Query = {}, options: DeleteOptions = {}): Promise<ListOf<T>> {
    return this.#client.json('DELETE', this.path, { query, body: deleteOptions(options) });
  }

  #of(name: string, subresource?: string): string {
    return `${this.path}/${name}${subresource === undefined ? '' : `/${subresource}`}`;
  }

  #typed(object: Draft<T>): Draft<T> {
    return { apiVersion: this.#id.apiVersion, kind: this.#id.kind, ...object };
  }
}

function deleteOptions(options: DeleteOptions): DeleteOptions {
  return { apiVersion: 'v1', kind: 'DeleteOptions', ...options };
}
