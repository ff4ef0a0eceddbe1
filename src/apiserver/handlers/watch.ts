import { randomInt } from 'node:crypto';
import { methodNotAllowedError } from '../../api/status.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import { serveWebSocketMessages } from '../../remotecommand/websocket-bytes.ts';
import {
  type ApiResponse,
  asksForWebSocket,
  type ResponseSink,
  type StreamingBody,
  takeoverResponse,
} from '../http.ts';
import { JSON_TYPE, negotiateStream } from '../negotiation/negotiate.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import type { WatchItem } from '../storage/watch-cache/cache-event.ts';
import type { CacheWatcher } from '../storage/watch-cache/cache-watcher.ts';
import { includeObject } from './converted-object.ts';
import { listParameters } from './list-options.ts';
import { OBJECT_ENDPOINT } from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { WatchFrames } from './watch-frames.ts';

/** A watch that does not say how long lasts a random time from here, up to twice as long (upstream's --min-request-timeout). */
const MIN_WATCH_SECONDS = 1800;

/**
 * GET with `watch`: a stream of events that ends by itself, or with an ERROR event where the cache lost the thread. The watch is over when the request
 * is, even where nobody reads the stream. Throws 405 for every other method: the paths below `watch/` make a watch of whatever comes.
 */
export async function watchObjects(served: ServedResource, context: RequestContext): Promise<ApiResponse> {
  const { method } = context.request;
  if (method !== 'GET') throw methodNotAllowedError();
  const agreement = negotiateStream(context.request, OBJECT_ENDPOINT);
  const parameters = listParameters(context, served, true);
  const frames = new WatchFrames(served, agreement, includeObject(context, agreement.conversion));
  const { namespace, name } = context.info;
  const { matches, sendInitialEvents } = parameters;
  const seconds =
    parameters.timeoutSeconds > 0 ? parameters.timeoutSeconds : randomInt(MIN_WATCH_SECONDS, 2 * MIN_WATCH_SECONDS);
  const begun = await begin(
    served.cache.watch({
      scope:
        name !== '' && (namespace !== '' || !served.namespaced) ? served.key(namespace, name) : served.scope(namespace),
      resourceVersion: parameters.resourceVersion,
      bookmarks: parameters.allowWatchBookmarks,
      timeoutMs: seconds * 1000,
      ...(sendInitialEvents === undefined ? {} : { sendInitialEvents }),
      ...(matches === undefined ? {} : { matches }),
      signal: context.signal,
    }),
    frames,
  );
  const isJson = agreement.mediaType === JSON_TYPE;
  const headers = { 'content-type': isJson ? JSON_TYPE.name : `${agreement.mediaType.name};stream=watch` };
  const answer = (body: StreamingBody): ApiResponse =>
    asksForWebSocket(context.request) ? overWebSocket(body, isJson) : { status: 200, headers, body };
  if (Buffer.isBuffer(begun)) return answer({ stream: (sink, gone) => sink.write([begun], gone) });
  const watcher = begun;
  if (context.signal.aborted) watcher.close();
  else context.signal.addEventListener('abort', () => watcher.close(), { once: true });
  return answer({
    async stream(sink, gone) {
      const signal = AbortSignal.any([context.signal, gone]);
      try {
        await follow(watcher, frames, sink, signal);
      } catch (error) {
        // who has left, and a server that stops, need no word
        if (!signal.aborted) throw error;
      } finally {
        watcher.close();
      }
    },
  });
}

/** Each event as a message, for browsers; in JSON it is text. */
function overWebSocket(body: StreamingBody, isText: boolean): ApiResponse {
  return takeoverResponse(client =>
    serveWebSocketMessages(client, (send, gone) => {
      const sink: ResponseSink = {
        async write(frames, signal) {
          for (const frame of frames) {
            await send(isText ? Buffer.from(frame).toString() : Buffer.from(frame));
            signal.throwIfAborted();
          }
        },
      };
      return body.stream(sink, gone);
    }),
  );
}

/**
 * The watcher, or the only event of a watch that asks for a past that is gone or for a future: upstream tells both in the stream, and clients
 * look for them there.
 */
async function begin(
  watcher: Promise<CacheWatcher<ApiObject>>,
  frames: WatchFrames,
): Promise<CacheWatcher<ApiObject> | Buffer> {
  try {
    return await watcher;
  } catch (error) {
    const fault = storageFault(error);
    const failure = fault === 'expired' || fault === 'too-large-revision' ? frames.failure(error) : undefined;
    if (failure === undefined) throw error;
    return failure;
  }
}

/** Bytes that are held before the connection is asked whether it takes them. */
const CHUNK_BYTES = 64 * 1024;

/**
 * Writes what the watcher gives until it ends or an object comes that cannot be decoded, which ends the watch that meets it. Frames are made as the
 * connection takes them, and other work gets its turn between them.
 */
async function follow(
  watcher: CacheWatcher<ApiObject>,
  frames: WatchFrames,
  sink: ResponseSink,
  signal: AbortSignal,
): Promise<void> {
  const slice = new TimeSlice(signal);
  let chunk: Buffer[] = [];
  let size = 0;
  const flush = async (): Promise<void> => {
    const full = chunk;
    chunk = [];
    size = 0;
    await sink.write(full, signal);
  };
  try {
    for (;;) {
      const items = await watcher.next(signal);
      if (items === undefined) return;
      for (const item of items) {
        const frame = frameOf(frames, item);
        chunk.push(frame);
        size += frame.length;
        if (size >= CHUNK_BYTES) await flush();
        if (slice.used) await slice.breathe();
      }
      await flush();
    }
  } catch (error) {
    const failure = frames.failure(error);
    if (failure === undefined) throw error;
    await sink.write([...chunk, failure], signal);
  }
}

const NO_FRAME = Buffer.alloc(0);

/** Nobody has ever been shown what cannot be decoded, so nobody has to be told that it is gone. */
function frameOf(frames: WatchFrames, item: WatchItem<ApiObject>): Buffer {
  try {
    return frames.frame(item);
  } catch (error) {
    if (item.type === 'DELETED' && storageFault(error) === 'corrupt') return NO_FRAME;
    throw error;
  }
}
