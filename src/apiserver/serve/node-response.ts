import type { ServerResponse } from 'node:http';
import type { Http2ServerResponse } from 'node:http2';
import type { ApiResponse, ResponseSink } from '../http.ts';

export type NodeResponse = ServerResponse | Http2ServerResponse;

/**
 * Sends an answer and resolves when it is handed to the connection, or the connection is gone. A streamed body that fails cuts the connection, so that the client
 * cannot take half for the whole.
 */
export async function sendResponse(
  node: NodeResponse,
  response: ApiResponse,
  options: { readonly withoutBody: boolean; readonly signal: AbortSignal },
): Promise<void> {
  if (node.destroyed || node.writableEnded) return;
  const { body, status } = response;
  const http2 = 'stream' in node ? node.stream : undefined;
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(response.headers))
    headers[name] = typeof value === 'string' ? value : [...value];
  if (response.closeConnection === true && http2 === undefined) headers['connection'] = 'close';

  if (typeof body === 'string' || body instanceof Uint8Array) {
    headers['content-length'] = String(typeof body === 'string' ? Buffer.byteLength(body) : body.length);
    writeHead(node, status, headers);
    await new Promise<void>(resolve => {
      node.once('close', resolve);
      if (options.withoutBody) node.end(resolve);
      else if (typeof body === 'string') node.end(body, resolve);
      else node.end(body, resolve);
    });
  } else {
    writeHead(node, status, headers);
    // Over HTTP/2 the headers are on their way already.
    if (!('stream' in node)) node.flushHeaders();
    try {
      if (!options.withoutBody) await body.stream(sinkOf(node), options.signal);
      node.end();
    } catch {
      if (http2 === undefined) node.destroy();
      else http2.close(2); // INTERNAL_ERROR
    }
  }
  // A graceful end: what is under way on the connection is still answered.
  if (response.closeConnection === true && http2?.session?.closed === false) http2.session.close();
}

/** The two kinds of answer have the same method with types that do not meet. */
function writeHead(node: NodeResponse, status: number, headers: Record<string, string | string[]>): void {
  if ('stream' in node) node.writeHead(status, headers);
  else node.writeHead(status, headers);
}

function sinkOf(node: NodeResponse): ResponseSink {
  const buffered = 'stream' in node ? node.stream : node;
  return {
    // Both kinds take bytes; only one says so in its types.
    write: chunk => (node as ServerResponse).write(chunk),
    get bufferedBytes() {
      return buffered.writableLength;
    },
    drained: signal =>
      new Promise((resolve, reject) => {
        if (signal.aborted) return reject(signal.reason);
        const finish = (settle: () => void): void => {
          node.off('drain', onDrain);
          node.off('close', onDrain);
          signal.removeEventListener('abort', onAbort);
          settle();
        };
        const onDrain = (): void => finish(resolve);
        const onAbort = (): void => finish(() => reject(signal.reason));
        node.on('drain', onDrain);
        node.on('close', onDrain);
        signal.addEventListener('abort', onAbort, { once: true });
      }),
  };
}
