import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { failedPrecondition } from '../base/errors.ts';
import { isWebSocketRequest, negotiateSpdy, negotiateWebSocket, spdyAnswer } from './negotiate.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import type { RemoteCommand, StreamLimits, WantedStreams } from './remote-command.ts';
import { SPDY_COMMAND_PROTOCOLS, serveSpdyCommand } from './spdy-command.ts';
import { serveWebSocketCommand, WEBSOCKET_COMMAND_PROTOCOLS } from './websocket-command.ts';

/**
 * Takes an upgrade request for exec or attach: agrees on a protocol with the client, answers, and waits for its streams. Rejects where nothing comes of it: the client
 * has been answered and the connection is ended then, and the error says why for the log.
 */
export async function serveRemoteCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
  limits: StreamLimits = {},
): Promise<RemoteCommand> {
  const isWebSocket = isWebSocketRequest(request);
  const agreed = isWebSocket
    ? negotiateWebSocket(request, WEBSOCKET_COMMAND_PROTOCOLS)
    : negotiateSpdy(request, SPDY_COMMAND_PROTOCOLS);
  if ('refusal' in agreed) {
    refuseUpgrade(socket, agreed.refusal);
    throw failedPrecondition(agreed.refusal.body.trimEnd());
  }
  if (isWebSocket) {
    const command = serveWebSocketCommand(request, socket, head, agreed.protocol, wanted, limits);
    if (command === undefined) throw failedPrecondition('the WebSocket handshake failed');
    return command;
  }
  socket.write(spdyAnswer(agreed.protocol));
  return serveSpdyCommand(socket, head, agreed.protocol, wanted, limits);
}
