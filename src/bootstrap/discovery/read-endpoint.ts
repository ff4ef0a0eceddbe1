import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { rootCertificates, type TLSSocket } from 'node:tls';
import { sleep } from '../../base/signals.ts';
import type { ClockReading } from './clock-skew.ts';
import { EndpointError, endpointProblem } from './endpoint-problem.ts';
import { lookupName } from './resolve-name.ts';

export interface EndpointAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly clock: ClockReading;
}

export interface EndpointRequest {
  /** `https://host:port/path`. */
  readonly url: string;
  /** PEM of who has to stand behind the server's certificate; `system`: the CAs of this machine; undefined: it is not checked. */
  readonly ca?: string | 'system';
  readonly token?: string;
  /** A client certificate. */
  readonly certificate?: { readonly cert: string; readonly key: string };
  /** How long to try, refused connections again and again: a server that starts again takes a moment. */
  readonly patienceMs: number;
  readonly signal: AbortSignal;
}

/** Configuration and cluster-info are a few KB. */
const MAX_BODY_BYTES = 1 << 20;
const RETRY_MS = 300;
const SYSTEM_CAS = ['/etc/ssl/certs/ca-certificates.crt', '/etc/pki/tls/certs/ca-bundle.crt'];

/**
 * One GET of a server that is not known yet, by HTTP/1.1, which every server speaks. Throws an EndpointError with the reason and what to do where there is no answer in time;
 * an answer of any status is one.
 */
export async function readEndpoint(options: EndpointRequest): Promise<EndpointAnswer> {
  const deadline = performance.now() + options.patienceMs;
  for (;;) {
    try {
      return await ask(options, Math.max(1, deadline - performance.now()));
    } catch (error) {
      options.signal.throwIfAborted();
      const problem = endpointProblem(options.url, error as NodeJS.ErrnoException, options.patienceMs);
      if (!problem.mayPass || performance.now() + RETRY_MS >= deadline) throw new EndpointError(problem);
      await sleep(RETRY_MS, options.signal);
    }
  }
}

function ask(options: EndpointRequest, timeoutMs: number): Promise<EndpointAnswer> {
  const { url, ca, token, certificate, signal } = options;
  const started = Date.now();
  return new Promise((resolve, reject) => {
    const asked = request(
      url,
      {
        // a connection of its own, of which nothing stays
        agent: false,
        lookup: lookupName,
        rejectUnauthorized: ca !== undefined,
        ...(ca === undefined ? {} : { ca: ca === 'system' ? systemAuthorities() : ca }),
        ...certificate,
        headers: {
          accept: 'application/json',
          'user-agent': 'gantry-join',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        signal,
      },
      response => {
        const { socket } = response as IncomingMessage & { readonly socket: TLSSocket };
        const shown = socket.getPeerX509Certificate?.();
        readBody(response).then(body => {
          clearTimeout(timer);
          const date = Date.parse(response.headers.date ?? '');
          resolve({
            status: response.statusCode ?? 0,
            type: response.headers['content-type'] ?? '',
            body,
            clock: {
              local: (started + Date.now()) / 2,
              ...(Number.isNaN(date) ? {} : { remote: date }),
              ...(shown === undefined
                ? {}
                : { validFrom: Date.parse(shown.validFrom), validTo: Date.parse(shown.validTo) }),
            },
          });
        }, reject);
      },
    );
    const timer = setTimeout(
      () => asked.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })),
      timeoutMs,
    );
    asked.once('error', error => {
      clearTimeout(timer);
      reject(error);
    });
    asked.end();
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) throw Object.assign(new Error('its answer is too long'), { code: 'ETOOLONG' });
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** Those that the machine trusts, as curl finds them, and Node's own where it keeps none. */
function systemAuthorities(): string | string[] {
  for (const path of SYSTEM_CAS)
    try {
      return readFileSync(path, 'utf8');
    } catch {
      // another distribution's place
    }
  return [...rootCertificates];
}
