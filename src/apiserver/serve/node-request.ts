import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import type { Readable } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { badRequestError, requestTooLargeError } from '../../api/status.ts';
import { type ApiRequest, RequestHeaders } from '../http.ts';
import type { ClientCertificates } from './client-certificates.ts';

export type NodeRequest = IncomingMessage | Http2ServerRequest;

export interface RequestOptions {
  readonly signal: AbortSignal;
  readonly maxBodyBytes: number;
  /** Where the body comes from, unless that is the request itself. */
  readonly body?: Readable | undefined;
  /** Undefined where no client certificates are asked for. */
  readonly certificates: ClientCertificates | undefined;
  /** Wall clock, ms. */
  readonly now: number;
}

/** A request of Node's server as the pipeline sees it; undefined where its path cannot be read. */
export function apiRequest(request: NodeRequest, options: RequestOptions): ApiRequest | undefined {
  const { signal, maxBodyBytes, certificates, now, body = request } = options;
  const url = originForm(request.url ?? '/');
  const mark = url.indexOf('?');
  const path = decodedPath(mark < 0 ? url : url.slice(0, mark));
  if (path === undefined) return undefined;
  return {
    method: (request.method ?? '').toUpperCase(),
    url,
    path,
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    headers: RequestHeaders.fromRaw(request.rawHeaders),
    httpVersion: request.httpVersionMajor === 2 ? 2 : 1,
    clientCertificate: certificates?.of(connectionOf(request), request.socket as TLSSocket, now),
    remoteAddress: request.socket.remoteAddress ?? '',
    signal,
    readBody: bodySignal => {
      const length = Number(request.headers['content-length'] ?? 0);
      return readBody(body, length, maxBodyBytes, bodySignal);
    },
    hasBody: announcesBody(request),
    bodyStream: () => body,
  };
}

function announcesBody(request: NodeRequest): boolean {
  if ('stream' in request) return !request.stream.endAfterHeaders;
  return Number(request.headers['content-length'] ?? 0) > 0 || request.headers['transfer-encoding'] !== undefined;
}

/** The path and query of a request line, which for proxies has the scheme and the host before them. */
function originForm(target: string): string {
  if (target.startsWith('/')) return target;
  const rest = /^https?:\/\/[^/?#]*(.*)$/i.exec(target)?.[1];
  return rest === undefined ? target : rest.startsWith('/') ? rest : `/${rest}`;
}

/** Undefined where a percent sign is followed by no byte. Bytes that are no UTF-8 become U+FFFD: nothing has such a name. */
function decodedPath(path: string): string | undefined {
  if (!path.includes('%')) return path;
  if (/%(?![0-9a-f]{2})/i.test(path)) return undefined;
  const bytes = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Buffer.from(bytes, 'latin1').toString();
}

/** What lives as long as the connection: over HTTP/2 a request has only a stand-in of the socket. */
function connectionOf(request: NodeRequest): object {
  return 'stream' in request ? (request.stream.session ?? request.stream) : request.socket;
}

/** Collects the body. What exceeds the limit is not kept: the length that is announced decides, else what has come. */
function readBody(body: Readable, length: number, limit: number, signal: AbortSignal): Promise<Uint8Array> {
  const tooLarge = (): Error => requestTooLargeError(`limit is ${limit}`);
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    if (length > limit) return reject(tooLarge());
    const chunks: Buffer[] = [];
    let size = 0;
    const finish = (settle: () => void): void => {
      body.off('data', onData);
      body.off('end', onEnd);
      body.off('error', onError);
      body.off('close', onClose);
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
    body.on('data', onData);
    body.on('end', onEnd);
    body.on('error', onError);
    body.on('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}
