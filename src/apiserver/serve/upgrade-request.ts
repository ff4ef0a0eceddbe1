import { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Duplex, Readable } from 'node:stream';
import type { UpgradeConnection } from '../http.ts';

/** How long a client may take to read the last bytes and close its side, before its connection is cut. */
const GOODBYE_MS = 5_000;

/**
 * The body of a request that asks for another protocol: Node's parser leaves it to whoever takes the connection. It is as long as Content-Length says; one in
 * chunks fails, for nobody sends such. Nothing is read before the body is.
 */
export function upgradeBody({ request, socket, head }: UpgradeConnection): Readable {
  if (request.headers['transfer-encoding'] !== undefined)
    return Readable.from(refuseChunks(), { objectMode: false, highWaterMark: 0 });
  const length = Number(request.headers['content-length'] ?? 0);
  return Readable.from(firstBytes(socket, head, Number.isSafeInteger(length) ? length : 0), { objectMode: false });
}

async function* firstBytes(socket: Duplex, head: Buffer, length: number): AsyncGenerator<Buffer> {
  let left = length;
  if (head.length > 0 && left > 0) {
    yield head.subarray(0, left);
    left -= Math.min(left, head.length);
  }
  if (left === 0) return;
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    const bytes = (chunk as Buffer).subarray(0, left);
    left -= bytes.length;
    yield bytes;
    if (left === 0) return;
  }
}

// biome-ignore lint/correctness/useYield: a body that fails when it is read
async function* refuseChunks(): AsyncGenerator<Buffer> {
  throw new Error('a request for an upgrade cannot have a body in chunks');
}

/** An answer of plain HTTP on a connection that Node's server has let go of. It is the last one there. */
export function responseOn({ request, socket }: UpgradeConnection): ServerResponse {
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
  const timer = setTimeout(() => socket.destroy(), GOODBYE_MS).unref();
  socket.once('close', () => clearTimeout(timer));
  socket.end();
  socket.resume();
}
