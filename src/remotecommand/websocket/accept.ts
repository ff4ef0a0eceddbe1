import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { adoptSocket, refuseUpgrade } from '../refuse-upgrade.ts';

/** Upstream's. Clients that send a large stdin at once send it as one message. */
export const MAX_MESSAGE_BYTES = 32 * 1024 * 1024;
/** For a peer to answer our close. */
export const CLOSE_MS = 5_000;

/** Both sides' options: messages are seldom text, and most are encrypted already below us. */
export const WEBSOCKET_OPTIONS = {
  perMessageDeflate: false,
  skipUTF8Validation: true,
  maxPayload: MAX_MESSAGE_BYTES,
  closeTimeout: CLOSE_MS,
};

/**
 * Completes the handshake of a WebSocket client with this subprotocol ('' for none). Undefined where the handshake is broken or the client is gone: it has been
 * answered then. The library would not let a subprotocol's name have a slash, as that of the SPDY tunnel does, so it does not get to see it.
 */
export function acceptWebSocket(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  protocol: string,
): WebSocket | undefined {
  adoptSocket(socket);
  if (!socket.readable || !socket.writable) {
    socket.destroy();
    return undefined;
  }
  const server = new WebSocketServer({ noServer: true, clientTracking: false, ...WEBSOCKET_OPTIONS });
  const { 'sec-websocket-protocol': _, ...headers } = request.headers;
  const handshake = { method: request.method, url: request.url, headers, socket: request.socket } as IncomingMessage;
  let accepted: WebSocket | undefined;
  if (protocol !== '')
    server.on('headers', lines => {
      lines.push(`Sec-WebSocket-Protocol: ${protocol}`);
    });
  server.on('wsClientError', (error: Error) => {
    const status = request.method === 'GET' ? 400 : 405;
    refuseUpgrade(socket, { status, body: `${error.message}\n`, headers: { 'Sec-WebSocket-Version': '13' } });
  });
  server.handleUpgrade(handshake, socket, head, ws => {
    accepted = ws;
  });
  return accepted;
}
