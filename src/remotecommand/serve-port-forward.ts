import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { systemClock } from '../base/clock.ts';
import { failedPrecondition } from '../base/errors.ts';
import { isWebSocketRequest, negotiateSpdy, negotiateWebSocket, spdyAnswer } from './negotiate.ts';
import { servePortForwardChannels, WEBSOCKET_PORT_PROTOCOLS } from './port-forward-channels.ts';
import { servePortForwardPairs } from './port-forward-pairs.ts';
import type { PortForwardOptions, PortTarget } from './port-forward-target.ts';
import { refuseUpgrade, type UpgradeRefusal } from './refuse-upgrade.ts';
import { acceptWebSocket } from './websocket/accept.ts';
import { WebSocketBytes } from './websocket/byte-stream.ts';

/** What SPDY port-forward is called. */
export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io';
/** In front of a SPDY subprotocol's name: SPDY in the messages of a WebSocket. */
export const TUNNEL_PREFIX = 'SPDY/3.1+';

const TUNNEL_PROTOCOL = `${TUNNEL_PREFIX}${PORT_FORWARD_PROTOCOL}`;

/**
 * Takes an upgrade request for port-forward: over SPDY, over SPDY within WebSocket, or over WebSocket channels, which alone look at `ports`. Resolves when the
 * connection has ended; everything that `target` connected has been let go then. Rejects where the client was refused: it has been answered.
 */
export async function servePortForward(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  ports: readonly number[],
  target: PortTarget,
  options: PortForwardOptions,
): Promise<void> {
  if (!isWebSocketRequest(request)) {
    const agreed = negotiateSpdy(request, [PORT_FORWARD_PROTOCOL]);
    if ('refusal' in agreed) return refuse(socket, agreed.refusal);
    socket.write(spdyAnswer(agreed.protocol));
    return await servePortForwardPairs(socket, head, target, options);
  }
  const agreed = negotiateWebSocket(request, [TUNNEL_PROTOCOL, ...WEBSOCKET_PORT_PROTOCOLS]);
  if ('refusal' in agreed) return refuse(socket, agreed.refusal);
  const { protocol } = agreed;
  if (protocol !== TUNNEL_PROTOCOL && ports.length === 0)
    return refuse(socket, { status: 400, body: 'query parameter "port" is required\n' });
  const ws = acceptWebSocket(request, socket, head, protocol);
  if (ws === undefined) throw failedPrecondition('the WebSocket handshake failed');
  if (protocol !== TUNNEL_PROTOCOL)
    return await servePortForwardChannels(ws, socket, { protocol, ports }, target, options);
  const bytes = new WebSocketBytes(ws, socket, options.clock ?? systemClock);
  await servePortForwardPairs(bytes, Buffer.alloc(0), target, options);
}

function refuse(socket: Duplex, refusal: UpgradeRefusal): never {
  refuseUpgrade(socket, refusal);
  throw failedPrecondition(refusal.body.trimEnd());
}
