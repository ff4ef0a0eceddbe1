import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { HttpTarget } from './probe-target.ts';
import type { ProbeOutcome } from './threshold.ts';

/** Upstream's: of a body no more is read. */
const MAX_BODY = 10 * 1024;
/** Go's client gives up after so many. */
const MAX_REDIRECTS = 10;

interface Answer {
  readonly status: number;
  readonly location: string | undefined;
  readonly body: string;
}

/**
 * One GET: 200 to 399 is success. Redirects on the same host are followed; one that leads elsewhere is a success that is told. Certificates are not
 * verified, for a pod's is its own affair. Never rejects.
 */
export async function httpGet(target: HttpTarget, timeoutMs: number, signal: AbortSignal): Promise<ProbeOutcome> {
  const until = performance.now() + timeoutMs;
  // the host of a handler is not checked by the API
  if (!URL.canParse(target.url)) return { result: 'failure', output: `Get "${target.url}": invalid URL` };
  const first = new URL(target.url);
  let url = first;
  try {
    for (let redirects = 0; ; redirects += 1) {
      const { status, location, body } = await get(url, target.headers, until - performance.now(), signal);
      if (status < 200 || status >= 400)
        return { result: 'failure', output: `HTTP probe failed with statuscode: ${status}` };
      const next = status >= 300 && location !== undefined ? resolved(location, url) : undefined;
      if (next === undefined) return { result: 'success', output: body };
      if (next.hostname !== first.hostname)
        return { result: 'success', warning: true, output: `Probe terminated redirects, Response body: ${body}` };
      if (redirects >= MAX_REDIRECTS)
        return { result: 'failure', output: `Get "${target.url}": stopped after ${MAX_REDIRECTS} redirects` };
      url = next;
    }
  } catch (error) {
    return { result: 'failure', output: `Get "${url.href}": ${reasonOf(error, url)}` };
  }
}

function resolved(location: string, from: URL): URL | undefined {
  try {
    return new URL(location, from);
  } catch {
    return undefined;
  }
}

class TimedOut extends Error {}

function get(url: URL, headers: HttpTarget['headers'], timeoutMs: number, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const fields: { [name: string]: string | string[] } = {};
    for (const [name, value] of headers) {
      const known = fields[name];
      fields[name] = known === undefined ? value : [known, value].flat();
    }
    // no connection outlives its probe: the next one shall find out whether one can be made
    const sent = send(url, {
      agent: false,
      headers: { ...fields, connection: 'close' },
      rejectUnauthorized: false,
      signal,
    });
    const timer = setTimeout(() => sent.destroy(new TimedOut()), Math.max(1, timeoutMs));
    const end = (act: () => void): void => {
      clearTimeout(timer);
      sent.destroy();
      act();
    };
    sent.on('error', error => end(() => reject(error)));
    sent.on('response', answer =>
      readBody(answer).then(
        body => end(() => resolve({ status: answer.statusCode ?? 0, location: answer.headers.location, body })),
        error => end(() => reject(error)),
      ),
    );
    sent.end();
  });
}

/** As far as it is wanted; the rest is never taken. */
async function readBody(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    pieces.push(piece);
    length += piece.length;
    if (length >= MAX_BODY) break;
  }
  return Buffer.concat(pieces).subarray(0, MAX_BODY).toString();
}

/** In the words that people search for: those of Go's client. */
function reasonOf(error: unknown, url: URL): string {
  if (error instanceof TimedOut) return 'context deadline exceeded (Client.Timeout exceeded while awaiting headers)';
  const code = (error as NodeJS.ErrnoException).code ?? '';
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  const dial = `dial tcp ${url.hostname}:${port}: connect:`;
  const text = DIAL_ERRORS[code];
  if (text !== undefined) return `${dial} ${text}`;
  if (code === 'ECONNRESET') return 'EOF';
  return (error as Error).message;
}

export const DIAL_ERRORS: { readonly [code: string]: string } = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'connection timed out',
};
