import type { ApiError } from '../api/status.ts';
import type { DeleteOptions, ListMeta, Status } from '../api/types/gen/meta-v1.ts';
import { sleep } from '../base/signals.ts';
import { answerError } from './answer-error.ts';
import { type ApiObject, type ResourceId, resourcePath } from './api-object.ts';
import type { ApiConnection } from './connection.ts';

export interface ObjectList<T> {
  readonly metadata: ListMeta;
  readonly items: readonly T[];
}

export interface ListQuery {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
}

export type PatchType = 'json' | 'merge' | 'strategic';

const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  json: 'application/json-patch+json',
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
};
/** A server that is full asks for a pause: client-go follows that up to ten times. */
const MAX_RETRIES = 10;
const JSON_TYPE = 'application/json';
/** Answers that leave out all but the metadata, whatever the kind. */
export const METADATA_TYPE = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1';
const METADATA_LIST_TYPE = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1';

interface Call {
  readonly body?: object;
  readonly contentType?: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly signal?: AbortSignal | undefined;
  readonly accept?: string;
}

/**
 * The verbs of one resource. Refusals are ApiErrors, asked by meaning (`isNotFound`); no answer is `unavailable`, and then it is not known whether a
 * write was carried out. Only what the server refused with Retry-After is sent again.
 */
export class ResourceClient<T extends ApiObject> {
  readonly id: ResourceId;
  readonly connection: ApiConnection;
  /** True where get, list and patch, and the watches of informers, answer the metadata of objects alone. */
  readonly metadataOnly: boolean;

  constructor(connection: ApiConnection, id: ResourceId, options: { readonly metadataOnly?: boolean } = {}) {
    this.connection = connection;
    this.id = id;
    this.metadataOnly = options.metadataOnly ?? false;
  }

  get(namespace: string, name: string, signal?: AbortSignal): Promise<T> {
    return this.#send('GET', resourcePath(this.id, namespace, name), { signal, accept: this.#accept });
  }

  /** One page; all of it without a limit. An empty namespace is all of them. */
  list(namespace: string, query: ListQuery = {}, signal?: AbortSignal): Promise<ObjectList<T>> {
    return this.#send('GET', resourcePath(this.id, namespace), {
      query: { ...query },
      signal,
      accept: this.metadataOnly ? METADATA_LIST_TYPE : JSON_TYPE,
    });
  }

  create(object: T, signal?: AbortSignal): Promise<T> {
    return this.#send('POST', resourcePath(this.id, object.metadata.namespace ?? ''), { body: object, signal });
  }

  /** Replaces the object by its name; with its resourceVersion it is refused when somebody else wrote in between. */
  update(object: T, signal?: AbortSignal): Promise<T> {
    return this.#send('PUT', this.#pathOf(object), { body: object, signal });
  }

  updateStatus(object: T, signal?: AbortSignal): Promise<T> {
    return this.#send('PUT', this.#pathOf(object, 'status'), { body: object, signal });
  }

  /** Writes the conditions of a certificate signing request that decide it. */
  updateApproval(object: T, signal?: AbortSignal): Promise<T> {
    return this.#send('PUT', this.#pathOf(object, 'approval'), { body: object, signal });
  }

  /** Writes the finalizers of a namespace's spec: the way to let it go. */
  finalize(object: T, signal?: AbortSignal): Promise<T> {
    return this.#send('PUT', this.#pathOf(object, 'finalize'), { body: object, signal });
  }

  patch(
    target: { readonly namespace: string; readonly name: string; readonly subresource?: string },
    type: PatchType,
    patch: object,
    signal?: AbortSignal,
  ): Promise<T> {
    const path = resourcePath(this.id, target.namespace, target.name, target.subresource);
    return this.#send('PATCH', path, {
      body: patch,
      contentType: PATCH_TYPES[type],
      signal,
      accept: this.#accept,
    });
  }

  /** Resolves with the object where it lives on for a while (grace, finalizers), with a Status where it is gone. */
  delete(
    namespace: string,
    name: string,
    options: Partial<DeleteOptions> = {},
    signal?: AbortSignal,
  ): Promise<T | Status> {
    return this.#send('DELETE', resourcePath(this.id, namespace, name), { body: options, signal });
  }

  /** Deletes all that a list with the same query would show. */
  async deleteCollection(
    namespace: string,
    query: ListQuery = {},
    options: Partial<DeleteOptions> = {},
    signal?: AbortSignal,
  ): Promise<void> {
    await this.#send('DELETE', resourcePath(this.id, namespace), { body: options, query: { ...query }, signal });
  }

  /** POST to a subresource that makes something: `eviction`, `binding`, `token`. */
  createSubresource<R extends object>(
    namespace: string,
    name: string,
    subresource: string,
    body: object,
    signal?: AbortSignal,
  ): Promise<R> {
    return this.#send('POST', resourcePath(this.id, namespace, name, subresource), { body, signal });
  }

  get #accept(): string {
    return this.metadataOnly ? METADATA_TYPE : JSON_TYPE;
  }

  #pathOf({ metadata }: T, subresource = ''): string {
    return resourcePath(this.id, metadata.namespace ?? '', metadata.name ?? '', subresource);
  }

  async #send<R>(
    method: string,
    path: string,
    { body, contentType, query, signal, accept = JSON_TYPE }: Call,
  ): Promise<R> {
    const search = queryText(query ?? {});
    const url = search === '' ? path : `${path}?${search}`;
    const headers = body === undefined ? { accept } : { accept, 'content-type': contentType ?? JSON_TYPE };
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    for (let tries = 1; ; tries += 1) {
      const answer = await this.connection.call({
        method,
        path: url,
        headers,
        ...(bytes === undefined ? {} : { body: bytes }),
        ...(signal === undefined ? {} : { signal }),
      });
      const error = answerError(`${method} ${path}`, answer);
      if (error === undefined) return JSON.parse(answer.body.toString()) as R;
      const pause = answer.retryAfterSeconds;
      if (pause === undefined || tries > MAX_RETRIES || !isRefusedForNow(error)) throw error;
      await sleep(pause * 1000, signal);
    }
  }
}

/** An eviction that a budget refuses says 429 too, but waiting for it is for whoever wants it gone. */
function isRefusedForNow(error: ApiError): boolean {
  return error.statusReason === 'TooManyRequests' && !error.hasCause('DisruptionBudget');
}

function queryText(query: Readonly<Record<string, string | number | undefined>>): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== '') search.set(name, String(value));
  return search.toString();
}
