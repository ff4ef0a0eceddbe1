import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemClock } from '../base/clock.ts';
import { negotiateWebSocket, webSocketProtocols } from './negotiate.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import type { UpgradeClient } from './upgrade-proxy.ts';
import { acceptWebSocket } from './websocket/accept.ts';
import { WebSocketPipe } from './websocket/pipe.ts';

const BASE64 = 'base64.binary.k8s.io';
/** Upstream's, for what only the server sends: logs. */
const PROTOCOLS = ['', 'binary.k8s.io', BASE64];

/** Sends one message, bytes or text, and resolves when there is room for the next. */
export type SendMessage = (message: Buffer | string) => Promise<void>;

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
  const { protocol } = agreed;
  const encoded = (bytes: Buffer): Buffer | string => (protocol === BASE64 ? bytes.toString('base64') : bytes);
  await serveMessages({ request, socket, head }, protocol, async (send, signal) => {
    await send(encoded(Buffer.alloc(0)));
    for await (const piece of pieces(signal)) {
      await send(encoded(piece));
      if (signal.aborted) return;
    }
  });
}

/** Sends messages to a WebSocket client that names one subprotocol at most, whatever that is, and closes when `run` has ended. Otherwise as serveWebSocketBytes. */
export async function serveWebSocketMessages(
  client: UpgradeClient,
  run: (send: SendMessage, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const [protocol = '', ...more] = webSocketProtocols(client.request);
  if (more.length > 0) refuseUpgrade(client.socket, { status: 400, body: 'bad subprotocol\n' });
  else await serveMessages(client, protocol, run);
}

async function serveMessages(
  { request, socket, head }: UpgradeClient,
  protocol: string,
  run: (send: SendMessage, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const ws = acceptWebSocket(request, socket, head, protocol);
  if (ws === undefined) return;
  const pipe = new WebSocketPipe(ws, socket, { onMessage() {}, onClose() {}, idleMs: 0, clock: systemClock });
  try {
    await run(message => new Promise(resolve => pipe.send(message, resolve)), pipe.signal);
    await pipe.close();
  } catch (error) {
    socket.destroy();
    if (!pipe.signal.aborted) throw error;
  }
}
