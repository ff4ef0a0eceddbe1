import type { Socket } from 'node:net';

/** How long what a client still sends is taken from it, so that it reads the answer rather than a reset of its connection. */
const LINGER_MS = 500;

const REFUSED = new WeakSet<Socket>();

const STATUS: ReadonlyMap<string, string> = new Map([
  ['HPE_HEADER_OVERFLOW', '431 Request Header Fields Too Large'],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', '413 Request Entity Too Large'],
  ['ERR_HTTP_REQUEST_TIMEOUT', '408 Request Timeout'],
]);

/**
 * Answers what is no request of HTTP/1.1, or did not come in time, as Go's server words it, and ends the connection. `answering`: an answer to an earlier request may
 * be half written, so nothing may be put behind it. Safe to repeat.
 */
export function refuseMalformed(socket: Socket, error: NodeJS.ErrnoException, answering: boolean): void {
  // What comes after it is refused by the parser again.
  if (REFUSED.has(socket)) return;
  REFUSED.add(socket);
  if (answering || !socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = STATUS.get(error.code ?? '') ?? '400 Bad Request';
  socket.end(`HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}

/** True for the error of a handshake that came as a request without TLS. */
export function isPlainHttp(error: NodeJS.ErrnoException): boolean {
  return error.code === 'ERR_SSL_HTTP_REQUEST';
}

/** Tells a client that speaks HTTP to the TLS port what is wrong, in the words of Go's server. `socket` is the one below TLS. */
export function refusePlainHttp(socket: Socket): void {
  socket.end('HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n');
  const timer = setTimeout(() => socket.destroy(), LINGER_MS).unref();
  socket.once('close', () => clearTimeout(timer));
}
