import { type Duplex, Readable } from 'node:stream';
import type { UpgradeConnection } from '../http.ts';

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
