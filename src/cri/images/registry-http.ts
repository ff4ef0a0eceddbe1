import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { errnoName, errorMessage, GantryError, unavailable } from '../../base/errors.ts';
import { trustedCertificates } from './trusted-certificates.ts';

export interface RegistryTimeouts {
  /** From the request to the first line of the answer, connecting included. */
  readonly answerMs: number;
  /** Longest silence inside a body. */
  readonly stallMs: number;
}

export const REGISTRY_TIMEOUTS: RegistryTimeouts = { answerMs: 30_000, stallMs: 60_000 };

/** Connections for one pull: kept open between its requests, closed by `close`. */
export class RegistryConnections {
  readonly #timeouts: RegistryTimeouts;
  readonly #http = new HttpAgent({ keepAlive: true });
  #https: HttpsAgent | undefined;

  constructor(timeouts: RegistryTimeouts = REGISTRY_TIMEOUTS) {
    this.#timeouts = timeouts;
  }

  /**
   * One GET, redirects not followed. Throws `unavailable` (reason RegistryUnavailable) that names the host and the cause when there is no
   * answer; what breaks later comes out of the body in the same words. A server may close a kept connection in the moment it is used again: the
   * request then goes out once more.
   */
  get(url: URL, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const secure = url.protocol === 'https:';
      const call = secure ? httpsRequest : httpRequest;
      const agent = secure ? this.#secureAgent() : this.#http;
      const request = call(url, { method: 'GET', headers, agent, signal });
      const timer = setTimeout(
        () =>
          request.destroy(
            new GantryError('unavailable', `no answer within ${this.#timeouts.answerMs / 1000} s (timed out)`),
          ),
        this.#timeouts.answerMs,
      );
      request.once('error', error => {
        clearTimeout(timer);
        const wasClosed = request.reusedSocket && ['ECONNRESET', 'EPIPE'].includes(errnoName(error) ?? '');
        if (wasClosed && !signal.aborted) resolve(this.get(url, headers, signal));
        else reject(signal.aborted ? signal.reason : registryDown(url, error));
      });
      request.once('response', response => {
        clearTimeout(timer);
        response.setTimeout(this.#timeouts.stallMs, () =>
          response.destroy(
            new GantryError('unavailable', `nothing received for ${this.#timeouts.stallMs / 1000} s (timed out)`),
          ),
        );
        resolve(response);
      });
      request.end();
    });
  }

  close(): void {
    this.#http.destroy();
    this.#https?.destroy();
  }

  #secureAgent(): HttpsAgent {
    this.#https ??= new HttpsAgent({ keepAlive: true, secureContext: trustedCertificates() });
    return this.#https;
  }
}

const CAUSES: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be resolved (no answer from DNS)',
  ETIMEDOUT: 'the connection timed out',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'the network is unreachable',
  EPIPE: 'the connection was closed',
  ERR_SSL_WRONG_VERSION_NUMBER:
    'TLS error: it does not speak HTTPS; if plain HTTP is meant, list it under registries.insecure',
  EPROTO: 'TLS error: it does not speak HTTPS; if plain HTTP is meant, list it under registries.insecure',
  HPE_INVALID_CONSTANT: 'the answer is not HTTP',
};

/** A registry that gives no answer, said in one line with the host and the cause. */
export function registryDown(url: URL, error: unknown): GantryError {
  const code = String((error as { code?: unknown } | undefined)?.code ?? '');
  const text = errorMessage(error);
  const isTls = /CERT|SELF_SIGNED|UNABLE_TO_|SSL|TLS/.test(code);
  const cause = CAUSES[code] ?? (isTls ? `TLS error: ${text} (${code})` : text === '' ? code : text);
  return unavailable(`registry ${url.host}: ${cause} (GET ${url.origin}${url.pathname})`, {
    cause: error,
    reason: 'RegistryUnavailable',
  });
}

/** The whole body as bytes. Throws `data-loss` when it is over `limit`. */
export async function readBody(response: IncomingMessage, url: URL, limit: number): Promise<Buffer> {
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
