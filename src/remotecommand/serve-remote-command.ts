import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { failedPrecondition } from '../base/errors.ts';
import { negotiateSpdy, spdyAnswer } from './negotiate.ts';
import { refuseUpgrade } from './refuse-upgrade.ts';
import type { RemoteCommand, StreamLimits, WantedStreams } from './remote-command.ts';
import { SPDY_COMMAND_PROTOCOLS, serveSpdyCommand } from './spdy-command.ts';

/**
 * Takes an upgrade request for exec or attach: agrees on a protocol with the client, answers, and waits for its streams. Rejects where nothing comes of it: the client
 * has been answered and the connection is ended then, and the error says why for the log.
 */
export function serveRemoteCommand(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  wanted: WantedStreams,
  limits: StreamLimits = {},
): Promise<RemoteCommand> {
  const agreed = negotiateSpdy(request, SPDY_COMMAND_PROTOCOLS);
  if ('refusal' in agreed) {
    refuseUpgrade(socket, agreed.refusal);
    return Promise.reject(failedPrecondition(agreed.refusal.body.trimEnd()));
  }
  socket.write(spdyAnswer(agreed.protocol));
  return serveSpdyCommand(socket, head, agreed.protocol, wanted, limits);
}
