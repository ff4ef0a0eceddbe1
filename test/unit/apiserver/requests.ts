import { Readable } from 'node:stream';
import { type ApiRequest, type ClientCertificate, RequestHeaders } from '../../../src/apiserver/http.ts';

export interface RequestSketch {
  readonly method?: string;
  readonly url?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly httpVersion?: 1 | 2;
  readonly clientCertificate?: ClientCertificate;
  readonly body?: string;
  readonly signal?: AbortSignal;
}

/** A request without a connection. */
export function requestOf(sketch: RequestSketch): ApiRequest {
  const url = sketch.url ?? '/';
  const [path = '', query = ''] = url.split('?');
  const headers = Object.entries(sketch.headers ?? {});
  return {
    method: sketch.method ?? 'GET',
    url,
    path,
    query: new URLSearchParams(query),
    headers: new RequestHeaders(
      new Map(headers.map(([name, value]) => [name, typeof value === 'string' ? [value] : value])),
    ),
    httpVersion: sketch.httpVersion ?? 1,
    clientCertificate: sketch.clientCertificate,
    remoteAddress: '192.0.2.1',
    signal: sketch.signal ?? new AbortController().signal,
    readBody: async () => Buffer.from(sketch.body ?? ''),
    hasBody: sketch.body !== undefined,
    bodyStream: () => Readable.from([Buffer.from(sketch.body ?? '')]),
  };
}
