import { once } from 'node:events';
import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { ListMeta, ObjectMeta, Status } from '../../src/api/types/gen/meta-v1.ts';
import { Watch } from './watch.ts';

/** What every object of the API has. */
export interface ApiObject {
  readonly apiVersion?: string | undefined;
  readonly kind?: string | undefined;
  readonly metadata?: ObjectMeta | undefined;
}

/** An object as a server answers it: its metadata is there. */
export type Answered<T> = T & { readonly metadata: ObjectMeta };

export interface ListOf<T> {
  readonly metadata: ListMeta;
  readonly items: readonly Answered<T>[];
}

/** An object as a test writes it: whatever the server fills in may be left out. */
export type Draft<T> = T extends object ? { readonly [field in keyof T]?: Draft<T[field]> } : T;

/** The three patches that are not server-side apply. */
export type PatchType = 'json-patch' | 'merge-patch' | 'strategic-merge-patch';

export type Query = Readonly<Record<string, string | number | boolean>>;

/** What is asked for beside the path. */
export interface ApiRequestOptions {
  readonly query?: Query;
  /** JSON unless it is text. */
  readonly body?: unknown;
  readonly contentType?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface ApiAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

/** An answer that is no success, as the Status that the server sent. */
export class ApiFailure extends Error {
  readonly status: Status;

  constructor(request: string, status: Status) {
    super(`${request}: ${status.code} ${status.reason}: ${status.message}`);
    this.status = status;
  }
}

export interface ApiClientOptions {
  readonly url: string;
  /** Of the authority that signed the server's certificate, in PEM. */
  readonly ca: string;
  /** A client certificate with its key, in PEM; without it, and without a token, requests are anonymous. */
  readonly cert?: string;
  readonly key?: string;
  readonly token?: string;
}

/** How long a request may take before a test fails: far above what any of them needs. */
const REQUEST_LIMIT_MS = 30_000;

/** A client of the API that keeps one HTTP/2 connection and speaks JSON. `close` ends it with its watches. */
export class ApiClient {
  readonly #session: ClientHttp2Session;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(options: ApiClientOptions) {
    const { url, token, ...tls } = options;
    this.#session = connect(url, tls);
    // a stream tells its own failure; a session without streams has nobody to tell
    this.#session.on('error', () => {});
    this.#headers = token === undefined ? {} : { authorization: `Bearer ${token}` };
  }

  /** The answer as it came, whatever its code. */
  async request(method: string, path: string, options: ApiRequestOptions = {}): Promise<ApiAnswer> {
    const { stream, response } = await this.#open(method, path, options, REQUEST_LIMIT_MS);
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece);
    const contentType = String(response['content-type'] ?? '');
    return { status: response[':status'] ?? 0, contentType, text: Buffer.concat(pieces).toString() };
  }

  /** The JSON of an answer of success; fails with an ApiFailure otherwise. */
  async json<T>(method: string, path: string, options: ApiRequestOptions = {}): Promise<T> {
    const answer = await this.request(method, path, options);
    if (answer.status >= 400) throw failureOf(`${method} ${path}`, answer);
    return JSON.parse(answer.text);
  }

  get<T>(path: string, query: Query = {}): Promise<T> {
    return this.json('GET', path, { query });
  }

  /** Begins a watch of a collection; it is open when this returns. */
  async watch<T>(path: string, query: Query = {}): Promise<Watch<T>> {
    const options = { query: { ...query, watch: true } };
    const { stream, response } = await this.#open('GET', path, options, 0);
    if (response[':status'] === 200) return new Watch(stream);
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece);
    const text = Buffer.concat(pieces).toString();
    throw failureOf(`WATCH ${path}`, { status: response[':status'] ?? 0, contentType: '', text });
  }

  close(): void {
    this.#session.destroy();
  }

  async #open(method: string, path: string, options: ApiRequestOptions, limitMs: number) {
    const { body } = options;
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(options.query ?? {})) query.set(name, String(value));
    const stream: ClientHttp2Stream = this.#session.request(
      {
        ':method': method,
        ':path': query.size === 0 ? path : `${path}?${query}`,
        accept: options.accept ?? 'application/json',
        ...(body === undefined ? {} : { 'content-type': options.contentType ?? 'application/json' }),
        ...this.#headers,
        ...options.headers,
      },
      // not guessed from the method: a DELETE has a body here
      { endStream: body === undefined },
    );
    if (limitMs > 0)
      stream.setTimeout(limitMs, () =>
        stream.destroy(new Error(`${method} ${path}: no answer in ${limitMs / 1000} s`)),
      );
    if (body !== undefined) stream.end(typeof body === 'string' ? body : JSON.stringify(body));
    // a stream whose server was killed closes without an error
    const closed = once(stream, 'close').then(() => {
      throw new Error(`${method} ${path}: the connection ended without an answer`);
    });
    const [response] = await Promise.race([once(stream, 'response'), closed]);
    return { stream, response };
  }
}

/** A failure as a Status, also where the server sent none. */
function failureOf(request: string, answer: ApiAnswer): ApiFailure {
  const text = answer.text.startsWith('{') ? answer.text : JSON.stringify({ message: answer.text });
  return new ApiFailure(request, { code: answer.status, ...JSON.parse(text) });
}

/** The Status with which a request was refused; a request that was not refused fails the test. */
export async function refusal(request: Promise<unknown>): Promise<Status> {
  const outcome = await request.then(
    value => ({ value }),
    (error: unknown) => ({ error }),
  );
  if ('value' in outcome)
    throw new Error(`this should have been refused, and was answered: ${JSON.stringify(outcome.value)}`);
  if (outcome.error instanceof ApiFailure) return outcome.error.status;
  throw outcome.error;
}
