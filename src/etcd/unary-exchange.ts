import { type ClientHttp2Stream, constants } from 'node:http2';
import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { fromEtcdServiceError } from './errors.ts';

/** By these the text of an error tells whether a member answered. */
const SILENT = new Metadata();
const ANSWERED = new Metadata();
ANSWERED.set('grpc-status', 'told');

export interface UnaryCall {
  /** `/package.Service/Method`. */
  readonly path: string;
  /** For messages: `etcd Range`. */
  readonly name: string;
  readonly message: Buffer;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
}

/** What a call has to know of the connection that it goes over. */
export interface CallLink {
  /** False: nothing that was asked for on it has been sent. */
  readonly connected: boolean;
  readonly why: string;
}

/** One call on one stream: sends its message, reads the answer or what is wrong, and settles once. The connection is its caller's. */
export class UnaryExchange {
  readonly #endpoint: string;
  readonly #call: UnaryCall;
  readonly #stream: ClientHttp2Stream;
  readonly #link: CallLink;
  readonly #resolve: (bytes: Buffer) => void;
  readonly #reject: (error: unknown) => void;
  readonly #pieces: Buffer[] = [];
  #timer: NodeJS.Timeout | undefined;
  #status: { code: number; message: string } | undefined;
  #error: Error | undefined;
  #settled = false;

  constructor(
    endpoint: string,
    call: UnaryCall,
    stream: ClientHttp2Stream,
    link: CallLink,
    resolve: (bytes: Buffer) => void,
    reject: (error: unknown) => void,
  ) {
    this.#endpoint = endpoint;
    this.#call = call;
    this.#stream = stream;
    this.#link = link;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  /** To be called once. Fails with an EtcdError, or with the reason of the call's signal. */
  start(): void {
    const { message, timeoutMs, signal } = this.#call;
    const stream = this.#stream;
    signal?.addEventListener('abort', this.#onAbort, { once: true });
    this.#timer = setTimeout(() => {
      this.#fail(status.DEADLINE_EXCEEDED, `Deadline of ${Math.round(timeoutMs)} ms exceeded`);
      stream.close(constants.NGHTTP2_CANCEL);
    }, timeoutMs);
    stream.on('response', headers => this.#readStatus(headers));
    stream.on('trailers', headers => this.#readStatus(headers));
    stream.on('data', (piece: Buffer) => this.#pieces.push(piece));
    // 'close' follows
    stream.on('error', error => {
      this.#error = error;
    });
    stream.on('close', () => this.#onClose());
    const frame = Buffer.allocUnsafe(5 + message.length);
    frame.writeUInt8(0, 0);
    frame.writeUInt32BE(message.length, 1);
    message.copy(frame, 5);
    stream.end(frame);
  }

  readonly #onAbort = (): void => {
    this.#settle();
    this.#reject(this.#call.signal?.reason);
    this.#stream.close(constants.NGHTTP2_CANCEL);
  };

  #readStatus(headers: Record<string, unknown>): void {
    const code = headers['grpc-status'];
    if (code !== undefined)
      this.#status = { code: Number(code), message: decodeMessage(String(headers['grpc-message'] ?? '')) };
    else if (headers[':status'] !== undefined && headers[':status'] !== 200)
      this.#status = { code: status.UNAVAILABLE, message: `it answered HTTP ${String(headers[':status'])}` };
  }

  #onClose(): void {
    if (this.#settled) return;
    if (this.#status === undefined) {
      const refused = this.#stream.rstCode === constants.NGHTTP2_REFUSED_STREAM;
      // without an id it never left
      const sent = this.#link.connected && this.#stream.id !== undefined && !refused;
      this.#fail(status.UNAVAILABLE, `${sent ? 'Connection dropped' : 'No connection established'}: ${this.#why()}`);
      return;
    }
    if (this.#status.code !== status.OK) {
      this.#fail(this.#status.code, this.#status.message, ANSWERED);
      return;
    }
    const body =
      this.#pieces.length === 1 && this.#pieces[0] !== undefined ? this.#pieces[0] : Buffer.concat(this.#pieces);
    if (body.length < 5 || body[0] !== 0 || body.readUInt32BE(1) !== body.length - 5) {
      this.#fail(status.INTERNAL, 'the answer is cut or compressed');
      return;
    }
    this.#settle();
    this.#resolve(body.subarray(5));
  }

  #why(): string {
    const cause = this.#error?.cause;
    return cause instanceof Error ? cause.message : (this.#error?.message ?? this.#link.why);
  }

  /** `metadata` is empty where the member has said nothing. */
  #fail(code: status, details: string, metadata = SILENT): void {
    if (this.#settled) return;
    this.#settle();
    const { name } = this.#call;
    const error = Object.assign(new Error(`${code} ${details}`), { code, details, metadata }) as ServiceError;
    this.#reject(fromEtcdServiceError(error, name, this.#endpoint));
  }

  #settle(): void {
    this.#settled = true;
    clearTimeout(this.#timer);
    this.#call.signal?.removeEventListener('abort', this.#onAbort);
  }
}

/** grpc-message is percent-encoded. */
function decodeMessage(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
