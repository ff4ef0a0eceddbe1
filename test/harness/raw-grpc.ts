import { type ClientHttp2Session, connect } from 'node:http2';
import { connect as connectSocket } from 'node:net';

export interface RawAnswer {
  /** As gRPC numbers it; undefined where the stream ended without one. */
  readonly code: number | undefined;
  readonly details: string;
}

/** A client that sends the bytes that it is given as the body of a gRPC call, whatever they are. */
export class RawGrpc {
  readonly #session: ClientHttp2Session;

  constructor(socketPath: string) {
    this.#session = connect('http://localhost', { createConnection: () => connectSocket(socketPath) });
    this.#session.on('error', () => {});
  }

  call(path: string, body: Uint8Array, more: Readonly<Record<string, string>>): Promise<RawAnswer> {
    return new Promise((resolve, reject) => {
      const stream = this.#session.request({
        ':method': 'POST',
        ':path': path,
        'content-type': 'application/grpc',
        te: 'trailers',
        ...more,
      });
      let code: number | undefined;
      let details = '';
      const take = (headers: Readonly<Record<string, unknown>>): void => {
        const status = headers['grpc-status'];
        if (status === undefined) return;
        code = Number(status);
        details = decodeURIComponent(String(headers['grpc-message'] ?? ''));
      };
      stream.on('response', take);
      stream.on('trailers', take);
      stream.on('error', error => (code === undefined ? reject(error) : resolve({ code, details })));
      stream.on('close', () => resolve({ code, details }));
      stream.resume();
      stream.end(body);
    });
  }

  close(): void {
    this.#session.destroy();
  }
}
