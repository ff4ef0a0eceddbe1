import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemClock } from '../base/clock.ts';
import { negotiateWebSocket } from './negotiate.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import { acceptWebSocket } from './websocket/accept.ts';
import { WebSocketPipe } from './websocket/pipe.ts';

const BASE64 = 'base64.binary.k8s.io';
/** Upstream's, for what only the server sends: logs. */
const PROTOCOLS = ['', 'binary.k8s.io', BASE64];

/**
 * Sends bytes to a WebSocket client, first of all an empty message, and closes after the last. Resolves when that is done or the client is gone; refuses a client that
 * wants another subprotocol. A client that does not read holds `pieces` up. Rejects where they fail; the connection is cut then.
 */
export async function serveWebSocketBytes(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  pieces: (signal: AbortSignal) => AsyncIterable<Buffer>,
): Promise<void> {
  const agreed = negotiateWebSocket(request, PROTOCOLS);
  if ('refusal' in agreed) {
    refuseUpgrade(socket, agreed.refusal);
    return;
  }
  const ws = acceptWebSocket(request, socket, head, agreed.protocol);
  if (ws === undefined) return;
  const pipe = new WebSocketPipe(ws, socket, { onMessage() {}, onClose() {}, idleMs: 0, clock: systemClock });
  const send = (bytes: Buffer): Promise<void> =>
    new Promise(resolve => pipe.send(agreed.protocol === BASE64 ? bytes.toString('base64') : bytes, resolve));
  try {
    await send(Buffer.alloc(0));
    for await (const piece of pieces(pipe.signal)) {
      await send(piece);
      if (pipe.signal.aborted) break;
    }
    await pipe.close();
  } catch (error) {
    socket.destroy();
    if (!pipe.signal.aborted) throw error;
  }
}
