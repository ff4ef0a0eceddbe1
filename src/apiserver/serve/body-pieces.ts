import type { WholeBody } from '../http.ts';

/** What a connection is handed at a time. A hundred streams of an HTTP/2 connection hold less of it than the 10 MB that Node lets a session have. */
export const PIECE_BYTES = 64 * 1024;

/** The same bytes in pieces that are at most as large as a connection is handed at a time, and as few as that allows. They are made as they are taken. */
export function* piecesOf(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let gathered: Uint8Array[] = [];
  let size = 0;
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; ) {
      const part = chunk.subarray(at, at + PIECE_BYTES - size);
      gathered.push(part);
      size += part.length;
      at += part.length;
      if (size < PIECE_BYTES) continue;
      yield joined(gathered);
      gathered = [];
      size = 0;
    }
  }
  if (size > 0) yield joined(gathered);
}

/** The body as chunks of bytes. */
export function chunksOf(body: WholeBody): readonly Uint8Array[] {
  if (typeof body === 'string') return [Buffer.from(body)];
  return body instanceof Uint8Array ? [body] : body;
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const [first] = parts;
  return parts.length === 1 && first !== undefined ? first : Buffer.concat(parts);
}
