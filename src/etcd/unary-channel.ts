import { type ClientHttp2Session, connect, constants, type SecureClientSessionOptions } from 'node:http2';
import { isIP } from 'node:net';
import { checkServerIdentity, type SecureContextOptions } from 'node:tls';
import { EtcdError } from './errors.ts';
import { type CallLink, type UnaryCall, UnaryExchange } from './unary-exchange.ts';

/**
 * Calls with one request and one answer, on Node's HTTP/2 without the gRPC library between: 1.6 to 1.8 times the calls a second (puts and
 * ranges at 64 at a time), and every create of an object is such a call. Streams stay with the library.
 */

const KEEPALIVE_MS = 30_000;
const KEEPALIVE_TIMEOUT_MS = 10_000;
/** A member whose machine is off refuses nothing: the kernel alone would try for two minutes. */
const CONNECT_MS = 2_000;
/** Lists are pages of megabytes: the default of 64 KiB would cost a round trip each. */
const WINDOW_BYTES = 8 << 20;
/** What etcd's own clients send at the most: 2 MiB, of which etcd takes 1.5 MiB unless told otherwise. */
const MAX_MESSAGE_BYTES = 2 * 1024 * 1024;
/** What may wait on one connection, in MB. On one with more Node refuses every answer, and its 10 are five large writes. */
const MAX_WAITING_MB = 1024;
/** A request that ended before so much of it was sent is gone; what is left of a larger one counts as waiting for ever. */
const SENT_AT_ONCE = 64 * 1024;
/** A connection has 2^30 streams in all (RFC 9113, 5.1.1), which a busy server uses up in days; it is replaced long before. */
const MAX_CALLS = 1 << 29;

/** A connection and what became of it. */
interface Link extends CallLink {
  readonly session: ClientHttp2Session;
  connected: boolean;
  why: string;
  calls: number;
  underWay: number;
  /** It holds what will never be sent. */
  isSpoilt: boolean;
}

/** One HTTP/2 connection to one member, made when it is needed and again after it broke. */
export class UnaryChannel {
  readonly #endpoint: string;
  #secure: SecureContextOptions | undefined;
  readonly #maxCalls: number;
  readonly #connectMs: number;
  #link: Link | undefined;
  #closed = false;

  /** `maxCalls`: per connection. `connectMs`: for TCP and TLS together. */
  constructor(
    endpoint: string,
    secure: SecureContextOptions | undefined,
    { maxCalls = MAX_CALLS, connectMs = CONNECT_MS }: { readonly maxCalls?: number; readonly connectMs?: number } = {},
  ) {
    this.#endpoint = endpoint;
    this.#secure = secure;
    this.#maxCalls = maxCalls;
    this.#connectMs = connectMs;
  }

  /** The bytes of the answer. Fails with an EtcdError (`not-sent` when there was no connection), or with the reason of the signal. */
  call(call: UnaryCall): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (call.signal?.aborted) return reject(call.signal.reason);
      if (call.message.length > MAX_MESSAGE_BYTES) return reject(tooLarge(call));
      const link = this.#open();
      const stream = link.session.request({
        [constants.HTTP2_HEADER_METHOD]: 'POST',
        [constants.HTTP2_HEADER_PATH]: call.path,
        [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
        [constants.HTTP2_HEADER_TE]: 'trailers',
        'grpc-timeout': `${Math.ceil(call.timeoutMs)}m`,
      });
      new UnaryExchange(this.#endpoint, call, stream, link, resolve, reject).start();
      link.calls += 1;
      link.underWay += 1;
      stream.once('close', () => {
        link.underWay -= 1;
        if (call.message.length > SENT_AT_ONCE && !stream.writableFinished) link.isSpoilt = true;
        if (link.isSpoilt) this.#forget(link);
        if (link.underWay > 0) return;
        // the last of its calls has ended, and it takes no more
        if (link.isSpoilt) link.session.destroy();
        else if (link.calls >= this.#maxCalls) link.session.close();
      });
      if (link.calls >= this.#maxCalls) this.#forget(link);
    });
  }

  /** New connections are made with these certificates, and the calls from now on go over such a one; what is under way on another ends there. */
  replaceTls(secure: SecureContextOptions): void {
    this.#secure = secure;
    const link = this.#link;
    this.#link = undefined;
    link?.session.close();
  }

  close(): void {
    this.#closed = true;
    this.#link?.session.destroy();
  }

  #open(): Link {
    if (this.#closed) throw new EtcdError('cancelled', 'not-sent', 'the etcd client is closed');
    const known = this.#link;
    if (known !== undefined && !known.session.closed && !known.session.destroyed) return known;
    const session = connect(this.#endpoint, {
      settings: { initialWindowSize: WINDOW_BYTES, enablePush: false },
      maxSessionMemory: MAX_WAITING_MB,
      ...this.#secure,
      ...nameOptions(this.#endpoint),
    });
    const link: Link = {
      session,
      connected: false,
      why: 'the connection broke',
      calls: 0,
      underWay: 0,
      isSpoilt: false,
    };
    this.#link = link;
    const connecting = setTimeout(
      () => session.destroy(new Error(`not connected within ${this.#connectMs} ms`)),
      this.#connectMs,
    );
    session.once('connect', () => {
      clearTimeout(connecting);
      // the event is told a tick after the fact, and the session may have ended in between: its window can then not be set
      if (session.destroyed) return;
      link.connected = true;
      session.setLocalWindowSize(WINDOW_BYTES * 2);
    });
    session.on('error', error => {
      link.why = error.message;
    });
    // no new call goes to a connection that is going away
    session.once('goaway', () => this.#forget(link));
    const keepAlive = setInterval(() => ping(session), KEEPALIVE_MS);
    keepAlive.unref();
    session.once('close', () => {
      clearInterval(keepAlive);
      clearTimeout(connecting);
      this.#forget(link);
    });
    // the timers of calls keep the process alive while it waits for them
    session.unref();
    return link;
  }

  #forget(link: Link): void {
    if (this.#link === link) this.#link = undefined;
  }
}

/** An address is checked against the certificate, but is no name that TLS may send (RFC 6066). */
function nameOptions(endpoint: string): SecureClientSessionOptions {
  const host = new URL(endpoint).hostname.replace(/^\[|\]$/g, '');
  if (isIP(host) === 0) return {};
  return { servername: '', checkServerIdentity: (_, shown) => checkServerIdentity(host, shown) };
}

function tooLarge({ name, message }: UnaryCall): EtcdError {
  const why = `trying to send message larger than max (${message.length} vs. ${MAX_MESSAGE_BYTES})`;
  const said = `rpc error: code = ResourceExhausted desc = ${why}`;
  return new EtcdError('resource-exhausted', 'request-too-large', `${name}: ${why}`, { said });
}

function ping(session: ClientHttp2Session): void {
  if (session.destroyed || session.closed) return;
  const timer = setTimeout(() => session.destroy(new Error('no answer to a ping')), KEEPALIVE_TIMEOUT_MS);
  timer.unref();
  session.ping(() => clearTimeout(timer));
}
