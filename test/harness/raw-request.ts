import { once } from 'node:events';
import * as http2 from 'node:http2';
import * as https from 'node:https';

/** A request as it is to be sent, nothing added but what the protocol needs. */
export interface RawRequest {
  readonly method?: string;
  /** Path and query. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: Buffer | string;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly bytes: Buffer;
  readonly text: string;
  /** Of a body of JSON. */
  // biome-ignore lint/suspicious/noExplicitAny: whatever the server answers
  readonly json: any;
}

/** What a client trusts and shows, in PEM. */
export interface RawClient {
  readonly port: number;
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

/** Sends one request over a connection of its own. */
export type SendRaw = (client: RawClient, request: RawRequest) => Promise<RawAnswer>;

export const overHttp1: SendRaw = ({ port, ...tls }, { method = 'GET', path, headers, body }) =>
  new Promise((resolve, reject) => {
    const request = https.request(
      { host: '127.0.0.1', port, ...tls, method, path, headers: { ...lengthOf(body), ...headers }, agent: false },
      response => {
        const pieces: Buffer[] = [];
        response.on('data', piece => pieces.push(piece));
        response.on('end', () => resolve(answerOf(response.statusCode, response.headers, pieces)));
        response.on('error', reject);
      },
    );
    request.on('error', reject);
    request.end(body);
  });

export const overHttp2: SendRaw = async ({ port, ...tls }, { method = 'GET', path, headers, body }) => {
  const session = http2.connect(`https://127.0.0.1:${port}`, tls);
  session.on('error', () => {});
  try {
    const stream = session.request({ ':method': method, ':path': path, ...headers }, { endStream: body === undefined });
    if (body !== undefined) stream.end(body);
    const [response] = await once(stream, 'response');
    const pieces: Buffer[] = [];
    for await (const piece of stream) pieces.push(piece);
    return answerOf(response[':status'], response, pieces);
  } finally {
    session.destroy();
  }
};

/** Node sends the body of a DELETE without saying that there is one. */
function lengthOf(body: RawRequest['body']): Readonly<Record<string, string>> {
  return body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
}

function answerOf(status: number | undefined, headers: RawAnswer['headers'], pieces: readonly Buffer[]): RawAnswer {
  const bytes = Buffer.concat(pieces);
  const text = bytes.toString();
  return { status: status ?? 0, headers, bytes, text, json: text.startsWith('{') ? JSON.parse(text) : undefined };
}
