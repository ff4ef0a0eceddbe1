import { type IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { closeSoon } from './refuse-upgrade.ts';

/** How long a client may take to read the last bytes and close its side, before its connection is cut. */
const GOODBYE_MS = 5_000;

/** An answer of plain HTTP to an upgrade request, whose connection Node's server has let go of. It is the last one there. */
export function plainAnswer(request: IncomingMessage, socket: Duplex): ServerResponse {
  const response = new ServerResponse(request);
  response.shouldKeepAlive = false;
  response.assignSocket(socket as Socket);
  response.on('error', () => {});
  const onDrain = (): void => void response.emit('drain');
  socket.on('drain', onDrain);
  response.once('finish', () => {
    socket.off('drain', onDrain);
    response.detachSocket(socket as Socket);
    endConnection(socket);
  });
  return response;
}

/** Lets what is written go out, takes what the client still sends, lest a reset overtakes the answer, and ends the connection. Safe to repeat. */
export function endConnection(socket: Duplex): void {
  if (socket.destroyed) return;
  socket.end();
  closeSoon(socket, GOODBYE_MS);
}
