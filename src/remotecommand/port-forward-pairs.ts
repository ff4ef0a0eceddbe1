import type { Duplex } from 'node:stream';
import { systemClock } from '../base/clock.ts';
import { type PortForwardOptions, type PortTarget, passPort } from './port-forward-target.ts';
import { DEFAULT_IDLE_MS, DEFAULT_STREAM_CREATION_MS } from './remote-command.ts';
import { RESET_CANCEL, RESET_PROTOCOL_ERROR } from './spdy/frames.ts';
import { SpdySession } from './spdy/session.ts';
import type { SpdyStream } from './spdy/stream.ts';

/** That a client may have open at a time: a thousand connections. Upstream has no limit. */
const MAX_STREAMS = 2000;

interface Pair {
  readonly requestId: string;
  data?: SpdyStream;
  error?: SpdyStream;
  readonly cancel: () => void;
}

/**
 * Serves port-forward on a connection that was upgraded to SPDY: each forwarded connection is a pair of streams, data and error, with one `requestID`. Resolves when
 * the connection has ended and all that was connected for it is let go.
 */
export async function servePortForwardPairs(
  socket: Duplex,
  head: Buffer,
  target: PortTarget,
  options: PortForwardOptions,
): Promise<void> {
  const clock = options.clock ?? systemClock;
  const waitMs = options.streamCreationMs ?? DEFAULT_STREAM_CREATION_MS;
  const pairs = new Map<string, Pair>();
  const gone = new AbortController();

  const expire = (pair: Pair): void => {
    pairs.delete(pair.requestId);
    pair.error?.end(`(request=${pair.requestId}) timed out waiting for streams`);
    if (pair.data !== undefined) session.reset(pair.data, RESET_CANCEL);
  };
  const pairOf = (requestId: string): Pair => {
    const known = pairs.get(requestId);
    if (known !== undefined) return known;
    const pair: Pair = { requestId, cancel: clock.after(waitMs, () => expire(pair)) };
    pairs.set(requestId, pair);
    return pair;
  };
  /** A stream that is gone waits for no other: whoever opens and resets streams would fill the map. */
  const forget = (pair: Pair): void => {
    if (pairs.get(pair.requestId) !== pair) return;
    pair.cancel();
    pairs.delete(pair.requestId);
  };
  const session = new SpdySession(socket, head, {
    role: 'server',
    maxStreams: MAX_STREAMS,
    idleMs: options.idleMs ?? DEFAULT_IDLE_MS,
    clock,
    onStream(stream) {
      const type = stream.headers['streamtype'];
      const port = readPort(stream.headers['port']);
      if (port === undefined || (type !== 'data' && type !== 'error')) return RESET_CANCEL;
      const requestId = requestIdOf(stream, type);
      const pair = pairOf(requestId);
      if (pair[type] !== undefined) {
        // once is enough for a client that does not read it
        if (pair.error?.writableLength === 0)
          pair.error.write(`error processing stream for request ${requestId}: ${type} stream already assigned`);
        return RESET_PROTOCOL_ERROR;
      }
      pair[type] = stream;
      if (type === 'error') stream.discardInput();
      const { data, error } = pair;
      if (data === undefined || error === undefined) {
        stream.once('reset', () => forget(pair));
        stream.once('close', () => forget(pair));
        return undefined;
      }
      forget(pair);
      const dataPort = readPort(data.headers['port']) ?? port;
      void passPort(target, options, { port: dataPort, data, signal: gone.signal }).then(failure => {
        if (failure === undefined) error.end();
        else error.end(failure);
        // the client may try anew: what it sends on this stream goes nowhere
        if (failure !== undefined) session.reset(data, RESET_CANCEL);
      });
      return undefined;
    },
  });
  await session.ended;
  for (const pair of pairs.values()) pair.cancel();
  gone.abort(session.signal.reason);
}

/** Clients that are older than request ids open the error stream first and the data stream next. */
function requestIdOf(stream: SpdyStream, type: 'data' | 'error'): string {
  const given = stream.headers['requestid'];
  if (given !== undefined && given !== '') return given;
  return String(type === 'error' ? stream.id : stream.id - 2);
}

function readPort(text = ''): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535 ? port : undefined;
}
