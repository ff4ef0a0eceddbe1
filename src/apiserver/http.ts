/** A request and its answer as the pipeline and the handlers see them: no sockets, so that tests need none. */

/** Header names are in lower case; a header may have come several times. */
export class RequestHeaders {
  static readonly none = new RequestHeaders(new Map());

  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** From Node's list of names and values; pseudo-headers of HTTP/2 are left out. */
  static fromRaw(raw: readonly string[]): RequestHeaders {
    const values = new Map<string, string[]>();
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = (raw[i] ?? '').toLowerCase();
      if (name.startsWith(':')) continue;
      const list = values.get(name);
      if (list === undefined) values.set(name, [raw[i + 1] ?? '']);
      else list.push(raw[i + 1] ?? '');
    }
    return new RequestHeaders(values);
  }

  /** The first value, empty where there is none. */
  get(name: string): string {
    return this.#values.get(name)?.[0] ?? '';
  }

  all(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  entries(): Iterable<readonly [string, readonly string[]]> {
    return this.#values.entries();
  }

  /** The same without the headers that `drop` picks. */
  without(drop: (name: string) => boolean): RequestHeaders {
    return new RequestHeaders(new Map([...this.#values].filter(([name]) => !drop(name))));
  }
}

/** The certificate that the client showed in the TLS handshake. */
export interface ClientCertificate {
  readonly der: Uint8Array;
  /** Signed by the client CA, within its time and made for clients. */
  readonly verified: boolean;
  /** Why it is not, where it is not. */
  readonly problem: string;
}

export interface ApiRequest {
  /** In upper case. */
  readonly method: string;
  /** Path and query as they were sent. */
  readonly url: string;
  /** Percent-decoded. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: RequestHeaders;
  readonly httpVersion: 1 | 2;
  readonly clientCertificate: ClientCertificate | undefined;
  readonly remoteAddress: string;
  /** Aborts when the client is gone, and when the request has ended, whether its answer was sent or not. */
  readonly signal: AbortSignal;
  /**
   * The whole body. Throws a 413 beyond the limit of the server without having kept more than that, and the signal's reason when it
   * aborts. May be called once.
   */
  readBody(signal: AbortSignal): Promise<Uint8Array>;
}

/** Where a streamed body goes. */
export interface ResponseSink {
  /** False when more is buffered than the connection takes at once; then `drained` tells when to go on. */
  write(chunk: Uint8Array): boolean;
  drained(signal: AbortSignal): Promise<void>;
  /** What was written and has not left the process. */
  readonly bufferedBytes: number;
}

/** A body that is written while it comes to be: a watch, a log. It ends when the promise settles; a rejection cuts the connection. */
export interface StreamingBody {
  stream(sink: ResponseSink, signal: AbortSignal): Promise<void>;
}

export interface ApiResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: Uint8Array | string | StreamingBody;
  /** The connection takes no further request. */
  readonly closeConnection?: boolean;
}

/** An answer of one line in plain text, as upstream gives where there is no object to speak of. */
export function textResponse(status: number, text: string): ApiResponse {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' },
    body: `${text}\n`,
  };
}

/** For a path that nothing serves. */
export function notFoundResponse(): ApiResponse {
  return textResponse(404, '404 page not found');
}

export function withHeaders(response: ApiResponse, headers: ApiResponse['headers']): ApiResponse {
  return { ...response, headers: { ...headers, ...response.headers } };
}
