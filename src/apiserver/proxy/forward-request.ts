import type { ClientRequest, IncomingMessage } from 'node:http';
import type { Transform } from 'node:stream';
import { createDeflateRaw, createGunzip, createGzip, createInflateRaw } from 'node:zlib';
import { serviceUnavailableError } from '../../api/status.ts';
import { errnoName } from '../../base/errors.ts';
import { type Backend, type BackendRequest, backendAddress, dialError, openRequest } from '../backend.ts';
import type { ApiRequest, ApiResponse } from '../http.ts';
import type { RequestContext } from '../pipeline/context.ts';
import { answerBody } from './answer-body.ts';
import { headersToBackend, headersToClient } from './proxied-headers.ts';
import { escapedPath, pathBefore, queryOf } from './proxied-path.ts';
import { rewriteHtml } from './rewrite-html-stream.ts';
import { type LinkContext, rewriteLink } from './rewrite-link.ts';

/** The prefix of a pod, service or node is shorter, however it is escaped. A path that is not tidy is all prefix, and may be as long as a request line: a page of links would become a thousand times as long. */
const MAX_PREFIX = 2048;

const REPEATED: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS']);

/**
 * Hands a request on to a backend and its answer back, bodies as they come. `path` is the decoded path there; empty asks the client of a GET to come again with a slash,
 * so that relative links work. Links of the answer lead through the proxy again. Throws 503 in upstream's words where the backend cannot be reached.
 */
export async function forwardRequest(backend: Backend, path: string, context: RequestContext): Promise<ApiResponse> {
  const { request, signal } = context;
  const query = queryOf(request.url);
  if (path === '' && (request.method === 'GET' || request.method === 'HEAD')) {
    const location = `${request.url.slice(0, request.url.length - query.length)}/${query}`;
    return { status: 301, headers: { location }, body: '' };
  }
  const before = escapedPath(pathBefore(request.path, path));
  const sentPath = escapedPath(path === '' ? '/' : path);
  const host = request.headers.get('host') || backendAddress(backend);
  const headers = headersToBackend(request.headers, {
    remoteAddress: request.remoteAddress,
    upgrade: false,
    more: { host, 'x-forwarded-uri': `${before}${sentPath}` },
  });
  const framed = request.hasBody && request.headers.get('content-length') === '';
  const answer = await answerOf(
    backend,
    {
      method: request.method,
      path: `${sentPath}${query}`,
      headers: framed ? [...headers, 'Transfer-Encoding', 'chunked'] : headers,
    },
    request,
    signal,
  );
  const links: LinkContext = { before, hosts: [backendAddress(backend), backend.host, host], requestHost: host };
  return responseOf(answer, request, links, signal);
}

/** Asks once more where a connection that was kept from before turned out to be closed, which is no fault of the backend; what has a body or changes something is sent once. */
async function answerOf(
  backend: Backend,
  wanted: BackendRequest,
  request: ApiRequest,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  for (;;) {
    const asked = openRequest(backend, wanted, signal);
    try {
      return await firstAnswer(asked, request);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const stale = asked.reusedSocket && errnoName(error) === 'ECONNRESET';
      if (stale && !request.hasBody && REPEATED.has(request.method)) continue;
      throw serviceUnavailableError(`error trying to reach service: ${dialError(error as Error, backend)}`);
    }
  }
}

function firstAnswer(asked: ClientRequest, request: ApiRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    asked.once('response', resolve);
    // errors after the answer has begun are the answer's
    asked.on('error', reject);
    if (!request.hasBody) {
      asked.end();
      return;
    }
    const body = request.bodyStream();
    body.pipe(asked);
    // a client that leaves ends the request by the signal; a backend that leaves takes no more
    asked.once('close', () => {
      body.unpipe(asked);
      body.resume();
    });
  });
}

function responseOf(
  answer: IncomingMessage,
  request: ApiRequest,
  links: LinkContext,
  signal: AbortSignal,
): ApiResponse {
  const headers = headersToClient(answer.rawHeaders);
  const { location, 'content-length': _length, ...others } = headers;
  const status = answer.statusCode ?? 502;
  if (typeof location === 'string')
    return {
      status,
      headers: { ...headers, location: rewriteLink(location, links) },
      body: answerBody(answer, request, signal),
    };
  const type = String(headers['content-type'] ?? '').split(';')[0];
  const rewritten = type?.trim() === 'text/html' ? rewriting(answer, links) : undefined;
  if (rewritten === undefined) return { status, headers, body: answerBody(answer, request, signal) };
  return { status, headers: others, body: answerBody(answer, request, signal, rewritten) };
}

/** The document with its links rewritten, in the coding that it came in. Undefined for a coding that is not known, and where the prefix is too long: it goes through as it is. */
function rewriting(answer: IncomingMessage, links: LinkContext): readonly Transform[] | undefined {
  if (links.before.length > MAX_PREFIX) return undefined;
  const rewrite = rewriteHtml(link => rewriteLink(link, links));
  switch (answer.headers['content-encoding'] ?? '') {
    case '':
      return [rewrite];
    case 'gzip':
      return [createGunzip(), rewrite, createGzip()];
    case 'deflate':
      return [createInflateRaw(), rewrite, createDeflateRaw()];
    default:
      return undefined;
  }
}
