import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { TLSSocket } from 'node:tls';
import { badRequestError, requestTooLargeError } from '../../api/status.ts';
import { type ApiRequest, RequestHeaders } from '../http.ts';
import type { ClientCertificates } from './client-certificates.ts';

export type NodeRequest = IncomingMessage | Http2ServerRequest;

export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly maxBodyBytes: number;
  /** Undefined where no client certificates are asked for. */
  readonly certificates: ClientCertificates | undefined;
  /** Wall clock, ms. */
  readonly now: number;
}

/** A request of Node's server as the pipeline sees it. Throws 400 for a path that is no percent-encoding. */
export function apiRequest(request: NodeRequest, options: RequestOptions): ApiRequest {
  const { signal, maxBodyBytes, certificates, now } = options;
  const url = request.url ?? '/';
  const mark = url.indexOf('?');
  return {
    method: (request.method ?? '').toUpperCase(),
    url,
    path: decodedPath(mark < 0 ? url : url.slice(0, mark)),
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    headers: RequestHeaders.fromRaw(request.rawHeaders),
    httpVersion: request.httpVersionMajor === 2 ? 2 : 1,
    clientCertificate: certificates?.of(connectionOf(request), request.socket as TLSSocket, now),
    remoteAddress: request.socket.remoteAddress ?? '',
    signal,
    readBody: bodySignal => readBody(request, maxBodyBytes, bodySignal),
  };
}

/** What stands in for a request that cannot be read, so that its refusal goes the way of all answers. */
export function unreadableRequest(request: NodeRequest, signal: AbortSignal): ApiRequest {
  return {
    method: 'GET',
    url: '',
    path: '',
    query: new URLSearchParams(),
    headers: RequestHeaders.fromRaw(request.rawHeaders),
    httpVersion: request.httpVersionMajor === 2 ? 2 : 1,
    clientCertificate: undefined,
    remoteAddress: request.socket.remoteAddress ?? '',
    signal,
    readBody: async () => new Uint8Array(),
  };
}

function decodedPath(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    throw badRequestError(`invalid URL escape in ${JSON.stringify(path)}`);
  }
}

/** What lives as long as the connection: over HTTP/2 a request has only a stand-in of the socket. */
function connectionOf(request: NodeRequest): object {
  return 'stream' in request ? (request.stream.session ?? request.stream) : request.socket;
}

/** Collects the body. What exceeds the limit is not kept: the length that is announced decides, else what has come. */
function readBody(request: NodeRequest, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  const tooLarge = (): Error => requestTooLargeError(`limit is ${limit}`);
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    if (Number(request.headers['content-length'] ?? 0) > limit) return reject(tooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void): void => {
      request.off('data', onData);
      request.off('end', onEnd);
      request.off('error', onError);
      request.off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onData = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > limit) finish(() => reject(tooLarge()));
      else chunks.push(chunk);
    };
    const onEnd = (): void =>
      finish(() => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    const onError = (error: Error): void => finish(() => reject(badRequestError(`the body was cut: ${error.message}`)));
    const onClose = (): void => finish(() => reject(badRequestError('the body was cut: the connection was closed')));
    const onAbort = (): void => finish(() => reject(signal.reason));
    request.on('data', onData);
    request.on('end', onEnd);
    request.on('error', onError);
    request.on('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
