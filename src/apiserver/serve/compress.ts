import { Readable } from 'node:stream';
import { createGzip } from 'node:zlib';
import { type ApiRequest, type ApiResponse, bodyBytes, isWhole } from '../http.ts';
import { PIECE_BYTES } from './body-pieces.ts';

/** Below this a body goes out as it is (upstream's figure): the time to compress would be more than the time saved. */
const GZIP_FROM_BYTES = 128 * 1024;

/** Whether an answer goes out compressed: it is large enough and the client takes that. */
export function isCompressed(request: Pick<ApiRequest, 'headers'>, { body, headers }: ApiResponse): boolean {
  if (!isWhole(body) || bodyBytes(body) <= GZIP_FROM_BYTES || headers['content-encoding'] !== undefined) return false;
  return takesGzip(request.headers.get('accept-encoding'));
}

/**
 * The pieces compressed. The work is done off the main thread, and no faster than the result is taken: what a slow client holds is one piece and
 * the window of the compression.
 */
export function gzipped(pieces: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  const source = Readable.from(pieces, { objectMode: true, highWaterMark: 1 });
  const gzip = createGzip({ level: 1, chunkSize: PIECE_BYTES });
  source.on('error', error => gzip.destroy(error));
  gzip.on('close', () => source.destroy());
  return source.pipe(gzip);
}

function takesGzip(header: string): boolean {
  return header.split(',').some(part => {
    const [name = '', ...parameters] = part.split(';').map(each => each.trim());
    return name.toLowerCase() === 'gzip' && !parameters.some(each => /^q=0(\.0*)?$/.test(each));
  });
}
