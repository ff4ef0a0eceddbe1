import { systemClock } from '../base/clock.ts';
import type { UpgradeAnswer } from './backend.ts';
import { webSocketProtocols } from './negotiate.ts';
import { adoptSocket, refuseUpgrade } from './refuse-upgrade.ts';
import { TUNNEL_PREFIX } from './serve-port-forward.ts';
import { passBytes, passUpgrade, type UpgradeClient } from './upgrade-proxy.ts';
import { acceptWebSocket } from './websocket/accept.ts';
import { WebSocketBytes } from './websocket/byte-stream.ts';

/** The SPDY subprotocols that a client asks for within WebSocket, the best first. Pure. */
export function tunnelledProtocols(request: UpgradeClient['request']): readonly string[] {
  return webSocketProtocols(request)
    .filter(name => name.startsWith(TUNNEL_PREFIX) && name.endsWith('.k8s.io'))
    .map(name => name.slice(TUNNEL_PREFIX.length));
}

/**
 * Unwraps port-forward of a client that speaks SPDY within WebSocket, for a backend that was asked for SPDY (`spdyHeaders`) and gave this answer: accepts the WebSocket where
 * the backend has agreed and passes the bytes; otherwise as passUpgrade. Resolves when that has ended; never rejects.
 */
export async function passTunnel(answer: UpgradeAnswer, client: UpgradeClient, signal: AbortSignal): Promise<void> {
  if (!answer.upgraded) return await passUpgrade(answer, client, signal);
  const { request, socket, head } = client;
  adoptSocket(answer.socket);
  const { upgrade = '', 'x-stream-protocol-version': version = '' } = answer.response.headers;
  if (!upgrade.toLowerCase().includes('spdy/3.1')) {
    answer.socket.destroy();
    refuseUpgrade(socket, { status: 500, body: 'unable to upgrade: missing upgrade headers in response\n' });
    return;
  }
  const agreed = `${version}`.trim();
  const ws = acceptWebSocket(request, socket, head, agreed === '' ? '' : `${TUNNEL_PREFIX}${agreed}`);
  if (ws === undefined) {
    answer.socket.destroy();
    return;
  }
  const bytes = new WebSocketBytes(ws, socket, systemClock);
  if (answer.head.length > 0) bytes.write(answer.head);
  await passBytes(bytes, answer.socket, signal);
}
