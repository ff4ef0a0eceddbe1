import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';

/** A request and its answer as the pipeline and the handlers see them: no sockets, so that tests need none, but for what takes a connection over. */

/** Header names are in lower case; a header may have come several times. */
export class RequestHeaders {
  static readonly none = new RequestHeaders(new Map());

  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  /** From Node's list of names and values. Of the pseudo-headers of HTTP/2 `:authority` is what `host` is to HTTP/1.1; the others are left out. */
  static fromRaw(raw: readonly string[]): RequestHeaders {
    const values = new Map<string, string[]>();
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const sent = (raw[i] ?? '').toLowerCase();
      const name = sent === ':authority' ? 'host' : sent;
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
  /** Whether the client said that a body comes; it may be empty. */
  readonly hasBody: boolean;
  /** The body as it comes, without a limit: for what is handed on. Instead of `readBody`. */
  bodyStream(): Readable;
}

/** True where a client asks for another protocol on its connection, which HTTP/2 has no way to. As upstream reads the header. */
export function asksForUpgrade({ httpVersion, headers }: Pick<ApiRequest, 'httpVersion' | 'headers'>): boolean {
  return httpVersion === 1 && headers.all('connection').some(value => value.toLowerCase().includes('upgrade'));
}

export function asksForWebSocket(request: Pick<ApiRequest, 'httpVersion' | 'headers'>): boolean {
  return asksForUpgrade(request) && request.headers.get('upgrade').toLowerCase() === 'websocket';
}

/** A connection whose client waits for 101. Nothing has been written to it. */
export interface UpgradeConnection {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client has sent behind the head of its request. */
  readonly head: Buffer;
}

/**
 * Speaks to the client from here on, the head of the answer included, and resolves when that has ended: in good time once `signal` aborts, which it does when
 * the client is gone. The connection is closed then.
 */
export type Takeover = (connection: UpgradeConnection, signal: AbortSignal) => Promise<void>;

/** Where a streamed body goes. */
export interface ResponseSink {
  /**
   * Hands chunks to the connection and resolves when it has room for more. They are taken one by one, as the client reads: an iterable that makes them
   * holds none of the later ones. Rejects with the signal's reason.
   */
  write(chunks: Iterable<Uint8Array>, signal: AbortSignal): Promise<void>;
}

/** A body that is written while it comes to be: a watch, a log. It ends when the promise settles; a rejection cuts the connection. */
export interface StreamingBody {
  stream(sink: ResponseSink, signal: AbortSignal): Promise<void>;
}

/** A body that is there. Chunks belong to somebody who keeps them anyway, such as the watch cache: to wait for a client costs no memory then. */
export type WholeBody = Uint8Array | string | readonly Uint8Array[];

/** True for a body that is there, false for one that comes to be while it is sent. */
export function isWhole(body: ApiResponse['body']): body is WholeBody {
  return typeof body === 'string' || body instanceof Uint8Array || !('stream' in body);
}

export function bodyBytes(body: WholeBody): number {
  if (typeof body === 'string') return Buffer.byteLength(body);
  return body instanceof Uint8Array ? body.length : body.reduce((sum, chunk) => sum + chunk.length, 0);
}

export interface ApiResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body: WholeBody | StreamingBody;
  /** The connection takes no further request. */
  readonly closeConnection?: boolean;
  /** The answer is 101: this takes the connection over, and writes headers of its own. Only for requests that ask for an upgrade. */
  readonly takeover?: Takeover;
}

/** An answer that takes the connection over. */
export function takeoverResponse(takeover: Takeover): ApiResponse {
  return { status: 101, headers: {}, body: '', takeover };
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
