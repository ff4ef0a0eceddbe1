import type { ServerResponse } from 'node:http';
import { constants, type Http2ServerResponse } from 'node:http2';
import { type ApiResponse, bodyBytes, isWhole, type ResponseSink } from '../http.ts';
import { chunksOf, PIECE_BYTES, piecesOf } from './body-pieces.ts';
import { gzipped } from './compress.ts';
import type { HeldBytes } from './unread-answers.ts';

export type NodeResponse = ServerResponse | Http2ServerResponse;

export interface SendOptions {
  readonly withoutBody: boolean;
  readonly gzip: boolean;
  /** Aborts when the client is gone. */
  readonly signal: AbortSignal;
  /** Is told what the client takes of a large answer. */
  readonly held?: HeldBytes | undefined;
}

/**
 * Sends an answer and resolves when the connection has taken all of it, or is gone. A body is handed over in pieces, as the client takes them. Rejects where the
 * body itself fails; the connection (HTTP/1.1) or the stream (HTTP/2) is cut then, so that the client cannot take half for the whole.
 */
export async function sendResponse(node: NodeResponse, response: ApiResponse, options: SendOptions): Promise<void> {
  if (node.destroyed || node.writableEnded) return;
  const { body } = response;
  const http2 = 'stream' in node ? node.stream : undefined;
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(response.headers))
    headers[name] = typeof value === 'string' ? value : [...value];
  if (response.closeConnection === true && http2 === undefined) headers['connection'] = 'close';
  if (options.gzip) Object.assign(headers, { 'content-encoding': 'gzip', vary: 'Accept-Encoding' });
  else if (isWhole(body)) headers['content-length'] = String(bodyBytes(body));
  writeHead(node, response.status, headers);
  try {
    if (options.withoutBody) await ended(node, undefined, options.signal);
    else await sendBody(node, body, options);
  } catch (error) {
    cutResponse(node);
    if (!options.signal.aborted) throw error;
  }
  // A graceful end: what is under way on the connection is still answered.
  if (response.closeConnection === true && http2?.session?.closed === false) http2.session.close();
}

/** Ends an answer that is under way where it stands: over HTTP/1.1 with its connection, over HTTP/2 its stream alone. Lets go of what waits to be sent. */
export function cutResponse(node: NodeResponse): void {
  if (!('stream' in node)) {
    node.req.socket.destroy();
    return;
  }
  const { stream } = node;
  if (stream.destroyed) return;
  stream.close(constants.NGHTTP2_INTERNAL_ERROR);
  // The word of the end waits behind what the client does not read; the bytes of the answer must not.
  stream.destroy();
}

async function sendBody(node: NodeResponse, body: ApiResponse['body'], options: SendOptions): Promise<void> {
  const { signal } = options;
  if (!isWhole(body)) {
    // Over HTTP/2 the headers are on their way already.
    if (!('stream' in node)) node.flushHeaders();
    await body.stream(sinkOf(node), signal);
    return ended(node, undefined, signal);
  }
  const chunks = chunksOf(body);
  const length = bodyBytes(body);
  if (length <= PIECE_BYTES) return ended(node, chunks, signal);
  const pieces = taking(piecesOf(chunks), length, options.held);
  for await (const piece of options.gzip ? gzipped(pieces) : pieces) await writePiece(node, piece, signal);
  return ended(node, undefined, signal);
}

/** Tells of each piece when the next one is asked for: then it is on its way. */
function* taking(
  pieces: Iterable<Uint8Array>,
  length: number,
  held: HeldBytes | undefined,
): Generator<Uint8Array, void, undefined> {
  let left = length;
  for (const piece of pieces) {
    yield piece;
    left -= piece.length;
    held?.taken(left);
  }
}

/** Resolves when the last of the answer is on its way, or nobody is there to take it. */
function ended(node: NodeResponse, last: readonly Uint8Array[] | undefined, signal: AbortSignal): Promise<void> {
  return new Promise(resolve => {
    if (signal.aborted) return resolve();
    const finish = (): void => {
      signal.removeEventListener('abort', finish);
      resolve();
    };
    signal.addEventListener('abort', finish, { once: true });
    const [first] = last ?? [];
    if (last === undefined || first === undefined) node.end(finish);
    else node.end(last.length === 1 ? first : Buffer.concat(last), finish);
  });
}

/** Hands a piece over and resolves when there is room for the next. Rejects with the signal's reason. */
function writePiece(node: NodeResponse, piece: Uint8Array, signal: AbortSignal): Promise<void> | undefined {
  signal.throwIfAborted();
  // Both kinds take bytes; only one says so in its types.
  if ((node as ServerResponse).write(piece)) return;
  return new Promise((resolve, reject) => {
    const finish = (settle: () => void): void => {
      node.off('drain', onDrain);
      signal.removeEventListener('abort', onAbort);
      settle();
    };
    const onDrain = (): void => finish(resolve);
    const onAbort = (): void => finish(() => reject(signal.reason));
    node.on('drain', onDrain);
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

/** The two kinds of answer have the same method with types that do not meet. */
function writeHead(node: NodeResponse, status: number, headers: Record<string, string | string[]>): void {
  if ('stream' in node) node.writeHead(status, headers);
  else node.writeHead(status, headers);
}

function sinkOf(node: NodeResponse): ResponseSink {
  return {
    async write(chunks, signal) {
      for (const piece of piecesOf(chunks)) await writePiece(node, piece, signal);
    },
  };
}
