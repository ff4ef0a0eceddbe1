import { readFileSync } from 'node:fs';
import { type ClientHttp2Stream, constants, type OutgoingHttpHeaders } from 'node:http2';
import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage, GantryError, unavailable } from '../base/errors.ts';
import { deadlineSignal } from '../base/signals.ts';
import type { ApiEndpoint } from './kubeconfig.ts';
import { type Session, SessionPool } from './session-pool.ts';

export interface ApiCall {
  readonly method: string;
  /** Path with query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer;
  readonly signal?: AbortSignal;
  /** For the whole answer; 60 s unless given. */
  readonly timeoutMs?: number;
}

export interface ApiAnswer {
  readonly status: number;
  readonly body: Buffer;
  /** Seconds of Retry-After, where the server asks for a pause. */
  readonly retryAfterSeconds?: number;
}

export interface ApiStream {
  readonly status: number;
  /** The pieces of the body as they come. Throws `unavailable` when the connection breaks. Leaving the loop closes the stream. */
  readonly pieces: AsyncIterable<Buffer>;
}

const TIMEOUT_MS = 60_000;
/** Of a request that the server refuses without doing anything for it. */
const ATTEMPTS = 3;
const TOKEN_AGE_MS = 60_000;

/** How long an answer is waited for by whoever sits at a terminal, and what he is told to do where none comes. */
export interface Patience {
  readonly ms: number;
  readonly mend: string;
}

/** Who gives the token that requests show, and is told of one that the server did not take. */
export interface BearerSource {
  token(): Promise<string>;
  rejected(token: string): void;
}

interface OpenedStream {
  readonly stream: ClientHttp2Stream;
  readonly status: number;
  readonly headers: Record<string, unknown>;
}

/**
 * Calls to one API server over HTTP/2 connections, which are made when they are needed and again after they broke. Nothing that the server may have done is repeated here: who calls knows whether a
 * request may be made twice. Errors without an answer are `unavailable`; the message says whether the server was reached at all.
 */
export class ApiConnection {
  readonly #clock: Clock;
  readonly userAgent: string;
  readonly #basePath: string;
  readonly #patience: Patience | undefined;
  #pool: SessionPool;
  #source: BearerSource | undefined;
  #token: { readonly text: string; readonly readAt: number } | undefined;

  /** With `patience` a whole answer is waited for that long unless a call says otherwise, and the error of one that does not come names the server and what to do. */
  constructor(
    endpoint: ApiEndpoint,
    options: { readonly userAgent: string; readonly clock?: Clock; readonly patience?: Patience },
  ) {
    this.#clock = options.clock ?? systemClock;
    this.#patience = options.patience;
    this.userAgent = options.userAgent;
    this.#basePath = new URL(endpoint.server).pathname.replace(/\/$/, '');
    this.#pool = new SessionPool(endpoint, this.#clock);
  }

  get endpoint(): ApiEndpoint {
    return this.#pool.endpoint;
  }

  /** New connections are made with this client certificate, and nothing new goes over those that are there. The same again changes nothing. */
  replaceCertificate(certificate: { readonly cert: string; readonly key: string }): void {
    this.#pool.replaceCertificate(certificate);
  }

  /**
   * The same connections for another user, who shows the tokens of `source`. Only of one without a client certificate: that would be the user, whatever the
   * token says. It is closed together with this one.
   */
  withBearer(source: BearerSource): ApiConnection {
    if (this.endpoint.certificate !== undefined)
      throw new GantryError('failed-precondition', 'a connection with a client certificate cannot be of another user');
    const other = new ApiConnection(this.endpoint, { userAgent: this.userAgent, clock: this.#clock });
    other.#pool = this.#pool;
    other.#source = source;
    return other;
  }

  /** One request with its whole answer, whatever its status. */
  async call(call: ApiCall): Promise<ApiAnswer> {
    const ms = call.timeoutMs ?? this.#patience?.ms ?? TIMEOUT_MS;
    const owned = deadlineSignal(ms, `${call.method} ${call.path}`, call.signal, this.#clock);
    try {
      const { stream, status, headers } = await this.#open(call, owned.signal);
      const parts: Buffer[] = [];
      for await (const part of this.#piecesOf(stream, owned.signal)) parts.push(part);
      const retryAfter = Number(headers['retry-after']);
      return {
        status,
        body: parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts),
        ...(Number.isInteger(retryAfter) && retryAfter > 0 ? { retryAfterSeconds: retryAfter } : {}),
      };
    } catch (error) {
      if (this.#patience === undefined || !owned.signal.aborted || call.signal?.aborted === true) throw error;
      throw this.#silent(call, ms, this.#patience.mend);
    } finally {
      owned.release();
    }
  }

  /** A request whose answer is read as it comes; only the wait for its head has a time limit. */
  async stream(call: Omit<ApiCall, 'timeoutMs'>): Promise<ApiStream> {
    const owned = deadlineSignal(TIMEOUT_MS, `the answer to ${call.method} ${call.path}`, call.signal, this.#clock);
    try {
      const { stream, status } = await this.#open(call, owned.signal);
      return { status, pieces: this.#piecesOf(stream, call.signal) };
    } finally {
      owned.release();
    }
  }

  /**
   * A pause before something is tried again. Where the server took no connections at the last try it ends, with true, as soon as the server takes them, and after 5 s
   * at the earliest where it does not. At the abort of the signal it ends, too.
   */
  pause(ms: number, signal: AbortSignal, clock: Clock): Promise<boolean> {
    return this.#pool.pause(ms, signal, clock);
  }

  /** Ends every connection; what is under way fails. Safe to repeat. */
  close(): void {
    this.#pool.close();
  }

  /** A server that ends a connection refuses what comes over it meanwhile, and does nothing for it (RFC 9113 8.7): only that is asked again, over another one. */
  async #open(call: ApiCall, signal: AbortSignal): Promise<OpenedStream> {
    const token = this.#source === undefined ? this.#bearer() : await this.#source.token();
    for (let attempt = 1; ; attempt += 1) {
      signal.throwIfAborted();
      const opened = await this.#openOn(this.#pool.take(), call, { token, signal, isLast: attempt === ATTEMPTS });
      if (opened !== 'refused') return opened;
    }
  }

  /** Opens the stream of a request; "refused" where the server had nothing done for it and it is not the last attempt. */
  #openOn(
    session: Session,
    call: ApiCall,
    {
      token,
      signal,
      isLast,
    }: { readonly token: string | undefined; readonly signal: AbortSignal; readonly isLast: boolean },
  ): Promise<OpenedStream | 'refused'> {
    const stream = session.request(this.#headers(call, token), { endStream: call.body === undefined });
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        signal.removeEventListener('abort', onAbort);
        act();
      };
      const onAbort = (): void =>
        settle(() => {
          stream.close(constants.NGHTTP2_CANCEL);
          reject(signal.reason);
        });
      signal.addEventListener('abort', onAbort, { once: true });
      let broken: Error | undefined;
      stream.on('error', error => {
        broken = error;
      });
      stream.once('close', () =>
        settle(() => {
          if (isLast || stream.rstCode !== constants.NGHTTP2_REFUSED_STREAM)
            return reject(this.#unreachable(session, broken));
          session.retire();
          resolve('refused');
        }),
      );
      stream.once('response', headers =>
        settle(() => {
          const status = Number(headers[':status']);
          if (status === constants.HTTP_STATUS_UNAUTHORIZED && token !== undefined) this.#source?.rejected(token);
          resolve({ stream, status, headers: headers as Record<string, unknown> });
        }),
      );
      if (call.body !== undefined) stream.end(call.body);
    });
  }

  async *#piecesOf(stream: ClientHttp2Stream, signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
    const onAbort = (): void => stream.close(constants.NGHTTP2_CANCEL);
    if (signal?.aborted) onAbort();
    signal?.addEventListener('abort', onAbort, { once: true });
    let isWhole = false;
    try {
      for await (const piece of stream) yield piece as Buffer;
      isWhole = true;
      signal?.throwIfAborted();
      // a stream that was reset ends like one that is complete
      if (stream.rstCode !== constants.NGHTTP2_NO_ERROR) throw this.#broken(`stream reset with code ${stream.rstCode}`);
    } catch (error) {
      signal?.throwIfAborted();
      throw error instanceof GantryError ? error : this.#broken(errorMessage(error));
    } finally {
      signal?.removeEventListener('abort', onAbort);
      // A stream that has ended closes by itself, only later; servers end connections that give up many.
      if (!isWhole && !stream.closed) stream.close(constants.NGHTTP2_CANCEL);
    }
  }

  #silent({ method, path }: ApiCall, ms: number, mend: string): GantryError {
    const done = method === 'GET' ? '' : ', and whether it has done it is not known';
    const { server } = this.endpoint;
    return new GantryError(
      'deadline-exceeded',
      `the API server at ${server} did not answer ${method} ${path} within ${ms / 1000} s${done}: ${mend}`,
    );
  }

  #broken(why: string): GantryError {
    return unavailable(`the connection to ${this.endpoint.server} broke: ${why}`);
  }

  #unreachable(session: Session, error: Error | undefined): GantryError {
    const cause = error?.cause instanceof Error ? error.cause : error;
    const why = cause === undefined ? session.why : errorMessage(cause);
    return session.wasConnected ? this.#broken(why) : unavailable(`cannot reach ${this.endpoint.server}: ${why}`);
  }

  #headers(call: ApiCall, token: string | undefined): OutgoingHttpHeaders {
    return {
      [constants.HTTP2_HEADER_METHOD]: call.method,
      [constants.HTTP2_HEADER_PATH]: `${this.#basePath}${call.path}`,
      'user-agent': this.userAgent,
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...call.headers,
    };
  }

  #bearer(): string | undefined {
    const { token, tokenFile } = this.endpoint;
    if (tokenFile === undefined) return token;
    const now = this.#clock.monotonic();
    if (this.#token === undefined || now - this.#token.readAt > TOKEN_AGE_MS)
      this.#token = { text: readFileSync(tokenFile, 'utf8').trim(), readAt: now };
    return this.#token.text;
  }
}
