import { lookup } from 'node:dns';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import type { LookupFunction } from 'node:net';
import { errnoName, errorMessage, GantryError, unavailable } from '../../base/errors.ts';
import type { RegistryTls } from './registry-access.ts';
import { contextFor } from './trusted-certificates.ts';

export interface RegistryTimeouts {
  /** From the request to the first line of the answer, connecting included. */
  readonly answerMs: number;
  /** Longest silence inside a body. */
  readonly stallMs: number;
  /** How long to wait before a layer that does not come through is asked for again, time after time without progress; then the pull fails. */
  readonly againMs: readonly number[];
}

export const REGISTRY_TIMEOUTS: RegistryTimeouts = {
  answerMs: 30_000,
  stallMs: 60_000,
  againMs: [1000, 3000, 9000],
};

export interface RegistryRequest {
  readonly headers: Readonly<Record<string, string>>;
  readonly tls?: RegistryTls | undefined;
  readonly dialTimeoutMs?: number | undefined;
  /** A form to POST; a GET without it, unless `isHead`. */
  readonly form?: string;
  readonly isHead?: boolean;
}

/** Connections for one pull: kept open between its requests, closed by `close`. */
export class RegistryConnections {
  readonly #timeouts: RegistryTimeouts;
  readonly #http = new HttpAgent({ keepAlive: true });
  readonly #https = new Map<string, HttpsAgent>();
  readonly #lookups = new Set<Promise<void>>();

  constructor(timeouts: RegistryTimeouts = REGISTRY_TIMEOUTS) {
    this.#timeouts = timeouts;
  }

  /**
   * One GET, HEAD or POST, redirects not followed. Throws `unavailable` (reason RegistryUnavailable) that names the host and the cause when there is no
   * answer. A server may close a kept connection in the moment it is used again: the request then goes out once more. Silence inside the body is the
   * reader's to judge: one who is slow himself must not take it for the server's.
   */
  send(url: URL, what: RegistryRequest, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const secure = url.protocol === 'https:';
      const call = secure ? httpsRequest : httpRequest;
      const agent = secure ? this.#secureAgent(what.tls) : this.#http;
      const method = what.form !== undefined ? 'POST' : what.isHead === true ? 'HEAD' : 'GET';
      const request = call(url, { method, headers: what.headers, agent, signal, lookup: this.#lookup });
      const stopAfter = (ms: number, error: () => GantryError): NodeJS.Timeout =>
        setTimeout(() => request.destroy(error()), ms);
      const timer = stopAfter(this.#timeouts.answerMs, () => timedOut('no answer within', this.#timeouts.answerMs));
      const dialMs = what.dialTimeoutMs;
      request.once('socket', socket => {
        if (dialMs === undefined || !socket.connecting) return;
        const dialing = stopAfter(dialMs, () => timedOut('no connection within', dialMs));
        for (const event of ['connect', 'close']) socket.once(event, () => clearTimeout(dialing));
      });
      request.once('error', error => {
        clearTimeout(timer);
        const wasClosed = request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(errnoName(error) ?? '');
        if (wasClosed && !signal.aborted) resolve(this.send(url, what, signal));
        else reject(signal.aborted ? signal.reason : registryDown(url, error, method));
      });
      request.once('response', response => {
        clearTimeout(timer);
        resolve(response);
      });
      request.end(what.form);
    });
  }

  /** The whole of a small body. Throws `data-loss` when it is over `limit`, `unavailable` when it breaks off or nothing comes for `stallMs`. */
  async body(response: IncomingMessage, url: URL, limit: number): Promise<Buffer> {
    const { stallMs } = this.#timeouts;
    response.setTimeout(stallMs, () => response.destroy(timedOut('nothing received for', stallMs)));
    const chunks: Buffer[] = [];
    let size = 0;
    try {
      for await (const chunk of response as AsyncIterable<Buffer>) {
        size += chunk.length;
        if (size > limit)
          throw new GantryError(
            'data-loss',
            `registry ${url.host}: the answer to ${url.pathname} is over ${limit} bytes`,
          );
        chunks.push(chunk);
      }
    } catch (error) {
      throw error instanceof GantryError && error.code === 'data-loss' ? error : registryDown(url, error);
    }
    return Buffer.concat(chunks);
  }

  /**
   * Resolves when no look-up of a name goes on. A thread that waits for DNS outlives the request that was given up, and may read files and load libraries
   * at its end: a process must not move its root before.
   */
  async lookupsEnded(): Promise<void> {
    await Promise.all(this.#lookups);
  }

  close(): void {
    this.#http.destroy();
    for (const agent of this.#https.values()) agent.destroy();
  }

  readonly #lookup: LookupFunction = (name, options, callback) => {
    const ended = new Promise<void>(resolve => {
      lookup(name, options, (error, address, family) => {
        resolve();
        callback(error, address as string, family);
      });
    });
    this.#lookups.add(ended);
    void ended.then(() => this.#lookups.delete(ended));
  };

  /** Throws `failed-precondition` that names the file when a certificate cannot be read. */
  #secureAgent(tls: RegistryTls | undefined): HttpsAgent {
    const key = JSON.stringify(tls ?? '');
    const known = this.#https.get(key);
    if (known !== undefined) return known;
    const rejectUnauthorized = tls?.skipVerify !== true;
    const agent = new HttpsAgent({ keepAlive: true, secureContext: contextFor(tls), rejectUnauthorized });
    this.#https.set(key, agent);
    return agent;
  }
}

/** What is said of a server that keeps one waiting. */
export function timedOut(what: string, ms: number): GantryError {
  return new GantryError('unavailable', `${what} ${ms / 1000} s (timed out)`);
}

const NOT_HTTPS =
  'TLS error: it does not speak HTTPS; if plain HTTP is meant, list it under registries.insecure or give it an http:// address in hosts.toml';

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be resolved (no answer from DNS)',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  EPIPE: 'the connection was closed',
  ERR_SSL_WRONG_VERSION_NUMBER: NOT_HTTPS,
  EPROTO: NOT_HTTPS,
  HPE_INVALID_CONSTANT: 'the answer is not HTTP',
};

/** A registry that gives no answer, said in one line with the host and the cause. */
export function registryDown(url: URL, error: unknown, method = 'GET'): GantryError {
  if (error instanceof GantryError && error.code === 'failed-precondition') return error;
  const code = String((error as { code?: unknown } | undefined)?.code ?? '');
  const text = errorMessage(error);
  const isTls = /CERT|SELF_SIGNED|UNABLE_TO_|SSL|TLS/.test(code);
  const cause = CAUSES[code] ?? (isTls ? `TLS error: ${text} (${code})` : text === '' ? code : text);
  return unavailable(`registry ${url.host}: ${cause} (${method} ${url.origin}${url.pathname})`, {
    cause: error,
    reason: 'RegistryUnavailable',
  });
}

/** True for the error of a server that was spoken to in HTTPS and answered in something else. */
export function isNotHttps(error: unknown): boolean {
  const cause = error instanceof GantryError ? error.cause : error;
  return ['EPROTO', 'ERR_SSL_WRONG_VERSION_NUMBER'].includes(String((cause as { code?: unknown })?.code ?? ''));
}
