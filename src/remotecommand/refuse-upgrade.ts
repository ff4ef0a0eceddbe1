import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';

/** An answer to an upgrade request that is not 101. */
export interface UpgradeRefusal {
  readonly status: number;
  readonly body: string;
  /** text/plain unless given. */
  readonly contentType?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A client that does not read its refusal, or does not close after it, is cut off then. */
const LINGER_MS = 2_000;

/** Finds a peer whose machine has gone: a stream may be silent for hours. */
const KEEP_ALIVE_MS = 30_000;

/** Takes a socket over from the HTTP server: it lives as long as its stream, and its errors are seen as its end. */
export function adoptSocket(socket: Duplex): void {
  socket.on('error', () => socket.destroy());
  // pipelines both ways listen for the same end several times each, which is no leak
  socket.setMaxListeners(0);
  if ('setTimeout' in socket && typeof socket.setTimeout === 'function') socket.setTimeout(0);
  if ('setNoDelay' in socket && typeof socket.setNoDelay === 'function') socket.setNoDelay(true);
  if ('setKeepAlive' in socket && typeof socket.setKeepAlive === 'function') socket.setKeepAlive(true, KEEP_ALIVE_MS);
}

/** Answers an upgrade request on its socket with a plain HTTP response and closes the connection. */
export function refuseUpgrade(socket: Duplex, refusal: UpgradeRefusal): void {
  adoptSocket(socket);
  const body = Buffer.from(refusal.body);
  const lines = [
    `HTTP/1.1 ${refusal.status} ${STATUS_CODES[refusal.status] ?? ''}`,
    `Content-Type: ${refusal.contentType ?? 'text/plain; charset=utf-8'}`,
    `Content-Length: ${body.length}`,
    ...Object.entries(refusal.headers ?? {}).map(([name, value]) => `${name}: ${value.replace(/[\r\n]+/g, ' ')}`),
    'Connection: close',
  ];
  socket.end(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]));
  closeSoon(socket, LINGER_MS);
}

/**
 * After the last byte was written: reads on and drops what comes, because a socket that is closed with unread data resets the connection, and with it what was just
 * sent. Destroys it when the peer closes, `ms` after all was sent, or after `flushMs` where it cannot be sent.
 */
export function closeSoon(socket: Duplex, ms: number, flushMs = ms): void {
  const destroy = (): void => void socket.destroy();
  let late = setTimeout(destroy, socket.writableFinished ? ms : flushMs);
  late.unref();
  socket.once('finish', () => {
    clearTimeout(late);
    late = setTimeout(destroy, ms);
    late.unref();
  });
  socket.once('close', () => clearTimeout(late));
  socket.resume();
}
