import { type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http';
import { connect as connectTcp, isIP } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { errnoName, errorMessage, GantryError, unavailable } from '../base/errors.ts';
import { deadlineSignal } from '../base/signals.ts';

/** A server of streams: a runtime's streaming server or a kubelet. */
export interface StreamBackend {
  /** http: or https:, with path and query. */
  readonly url: URL;
  /** For https: certificate and key to show, CA to check by, `rejectUnauthorized`. */
  readonly tls?: Readonly<ConnectionOptions>;
  /** For the connection and its TLS handshake. 30 s, as Go's dialer. */
  readonly connectMs?: number;
}

/** The answer to an upgrade request: with 101 `socket` and what came after the head; otherwise a response whose body is still to be read. */
export type UpgradeAnswer =
  | { readonly upgraded: true; readonly response: IncomingMessage; readonly socket: Duplex; readonly head: Buffer }
  | { readonly upgraded: false; readonly response: IncomingMessage };

const CONNECT_MS = 30_000;
/** Finds a peer whose machine has gone. */
const KEEP_ALIVE_MS = 30_000;

/** What Go says where a connection cannot be made. */
export const DIAL_ERRORS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
  EINVAL: 'connect: invalid argument',
};

/** Connects, over TLS for https. Throws `unavailable` in Go's words where it cannot, and the signal's reason when that aborts. The caller owns the socket. */
export async function connectBackend(backend: StreamBackend, signal: AbortSignal): Promise<Duplex> {
  const { url, tls, connectMs = CONNECT_MS } = backend;
  signal.throwIfAborted();
  const secure = url.protocol === 'https:';
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port) || (secure ? 443 : 80);
  const address = `${url.hostname}:${port}`;
  const where = { host, port, allowHalfOpen: true };
  const named = isIP(host) === 0 ? { servername: host } : {};
  const socket = secure
    ? connectTls(port, host, { ...where, ...named, ...tls } as ConnectionOptions)
    : connectTcp(where);
  const deadline = deadlineSignal(connectMs, `a connection to ${address}`, signal);
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once(secure ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
      deadline.signal.addEventListener('abort', () => reject(deadline.signal.reason), { once: true });
    });
  } catch (error) {
    socket.on('error', () => {});
    socket.destroy();
    if (signal.aborted) throw signal.reason;
    if (error instanceof GantryError) throw unavailable(`dial tcp ${address}: i/o timeout`, { cause: error });
    const known = DIAL_ERRORS[errnoName(error) ?? ''];
    throw unavailable(known === undefined ? errorMessage(error) : `dial tcp ${address}: ${known}`, { cause: error });
  } finally {
    deadline.release();
  }
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  return socket;
}

/**
 * Connects and sends a request for an upgrade, with these headers; `host`, where it is given, stands for the backend's own name. Throws `unavailable` where no answer comes. After the answer nothing
 * here holds on to the signal.
 */
export async function requestUpgrade(
  backend: StreamBackend,
  asked: { readonly method: string; readonly headers: OutgoingHttpHeaders; readonly host?: string },
  signal: AbortSignal,
): Promise<UpgradeAnswer> {
  const socket = await connectBackend(backend, signal);
  const leave = (): void => void socket.destroy();
  signal.addEventListener('abort', leave, { once: true });
  try {
    return await new Promise<UpgradeAnswer>((resolve, reject) => {
      const sent = request({
        createConnection: () => socket,
        method: asked.method,
        path: `${backend.url.pathname}${backend.url.search}`,
        headers: { ...asked.headers, host: asked.host || backend.url.host },
      });
      sent.once('upgrade', (response, upgraded, head) => resolve({ upgraded: true, response, socket: upgraded, head }));
      sent.once('response', response => resolve({ upgraded: false, response }));
      sent.on('error', error => {
        if (signal.aborted) reject(signal.reason);
        else reject(unavailable(`${backend.url.host} gave no answer: ${errorMessage(error)}`, { cause: error }));
      });
      sent.end();
    });
  } catch (error) {
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
