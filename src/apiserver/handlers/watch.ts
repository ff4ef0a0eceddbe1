import { randomInt } from 'node:crypto';
import { encodeProtobuf } from '../../api/protobuf/object.ts';
import { encodeWatchFrame } from '../../api/protobuf/watch-frame.ts';
import { builtinTable } from '../../api/schema/builtin.ts';
import { ApiError, methodNotAllowedError } from '../../api/status.ts';
import type { ApiResponse, ResponseSink } from '../http.ts';
import { type Agreement, JSON_TYPE, negotiateStream } from '../negotiation/negotiate.ts';
import type { RequestContext } from '../pipeline/context.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { storageFault } from '../storage/errors.ts';
import type { WatchItem } from '../storage/watch-cache/cache-event.ts';
import type { CacheWatcher } from '../storage/watch-cache/cache-watcher.ts';
import { listParameters } from './list-options.ts';
import {
  convertedJson,
  convertedProtobuf,
  type IncludeObject,
  includeObject,
  OBJECT_ENDPOINT,
  protobufOf,
} from './represent.ts';
import type { ServedResource } from './served-resource.ts';
import { asApiError } from './storage-failure.ts';

/** A watch that does not say how long lasts a random time from here, up to twice as long (upstream's --min-request-timeout). */
const MIN_WATCH_SECONDS = 1800;

/**
 * GET with `watch`: a stream of events that ends by itself, or with an ERROR event where the cache lost the thread. The watch is over when the request
 * is, even where nobody reads the stream. Throws 405 for every other method: the paths below `watch/` make a watch of whatever comes.
 */
export async function watchObjects(served: ServedResource, context: RequestContext): Promise<ApiResponse> {
  const { method } = context.request;
  if (method !== 'GET') throw methodNotAllowedError(served.groupResource, method);
  const agreement = negotiateStream(context.request, OBJECT_ENDPOINT);
  const parameters = listParameters(context, served, true);
  const frames = new FrameWriter(served, agreement, includeObject(context));
  const { namespace, name } = context.info;
  const { matches, sendInitialEvents } = parameters;
  const seconds =
    parameters.timeoutSeconds > 0 ? parameters.timeoutSeconds : randomInt(MIN_WATCH_SECONDS, 2 * MIN_WATCH_SECONDS);
  const watcher = await served.cache.watch({
    scope:
      name !== '' && (namespace !== '' || !served.namespaced) ? served.key(namespace, name) : served.scope(namespace),
    resourceVersion: parameters.resourceVersion,
    bookmarks: parameters.allowWatchBookmarks,
    timeoutMs: seconds * 1000,
    ...(sendInitialEvents === undefined ? {} : { sendInitialEvents }),
    ...(matches === undefined ? {} : { matches }),
    signal: context.signal,
  });
  if (context.signal.aborted) watcher.close();
  else context.signal.addEventListener('abort', () => watcher.close(), { once: true });
  const isJson = agreement.mediaType === JSON_TYPE;
  return {
    status: 200,
    headers: { 'content-type': isJson ? JSON_TYPE.name : `${agreement.mediaType.name};stream=watch` },
    body: {
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
    },
  };
}

async function follow(
  watcher: CacheWatcher<ApiObject>,
  frames: FrameWriter,
  sink: ResponseSink,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    let items: readonly WatchItem<ApiObject>[] | undefined;
    try {
      items = await watcher.next(signal);
    } catch (error) {
      const failure = frames.failure(error);
      if (failure === undefined) throw error;
      return sink.write([failure], signal);
    }
    if (items === undefined) return;
    let ended = false;
    const onEnd = (): void => {
      ended = true;
    };
    await sink.write(framesOf(items, frames, onEnd), signal);
    if (ended) return;
  }
}

/**
 * The frames, each made when it is taken, up to the first object that cannot be decoded: such an object ends the watch that meets it, which is told to the client and
 * to `onEnd`.
 */
function* framesOf(
  items: readonly WatchItem<ApiObject>[],
  frames: FrameWriter,
  onEnd: () => void,
): Generator<Buffer, void, undefined> {
  for (const item of items)
    try {
      yield frames.frame(item);
    } catch (error) {
      // nobody has ever been shown what cannot be decoded, so nobody has to be told that it is gone
      if (item.type === 'DELETED' && storageFault(error) === 'corrupt') continue;
      const failure = frames.failure(error);
      if (failure === undefined) throw error;
      yield failure;
      return onEnd();
    }
}

/** Makes the frames of one watch. What many watchers see in the same form is made once. */
class FrameWriter {
  readonly #served: ServedResource;
  readonly #agreement: Agreement;
  readonly #include: IncludeObject;
  readonly #isJson: boolean;
  #columnsSent = false;

  constructor(served: ServedResource, agreement: Agreement, include: IncludeObject) {
    this.#served = served;
    this.#agreement = agreement;
    this.#include = include;
    this.#isJson = agreement.mediaType === JSON_TYPE;
  }

  frame(item: WatchItem<ApiObject>): Buffer {
    const { conversion } = this.#agreement;
    const served = this.#served;
    if (item.type === 'BOOKMARK') return this.#bookmark(item.revision, item.initialEventsEnd);
    if (conversion !== undefined) return this.#converted(item.type, item.entry.object);
    return this.#isJson
      ? item.frame('json', event => jsonFrame(event.type, served.json(event.entry)))
      : item.frame('protobuf', event => encodeWatchFrame(event.type, protobufOf(served, event.entry)));
  }

  /** The last event of a watch that cannot go on; undefined for what is no refusal. */
  failure(error: unknown): Buffer | undefined {
    const known = asApiError(error, this.#served.groupResource, '');
    if (!(known instanceof ApiError)) return undefined;
    const status = known.toStatus();
    return this.#isJson
      ? jsonFrame('ERROR', Buffer.from(JSON.stringify(status)))
      : encodeWatchFrame('ERROR', encodeProtobuf(builtinTable.struct('meta/v1.Status'), status));
  }

  #bookmark(revision: number, initialEventsEnd: boolean): Buffer {
    const { kind } = this.#served.resource;
    const object: ApiObject = {
      kind,
      apiVersion: this.#served.apiVersion,
      metadata: {
        resourceVersion: String(revision),
        ...(initialEventsEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
      },
    };
    if (this.#agreement.conversion !== undefined && this.#agreement.conversion.kind !== 'Table')
      return this.#converted('BOOKMARK', object);
    // A bookmark has no row that columns could be made of.
    if (this.#isJson) return jsonFrame('BOOKMARK', Buffer.from(JSON.stringify(this.#bookmarkJson(object))));
    return encodeWatchFrame('BOOKMARK', encodeProtobuf(this.#served.type, object));
  }

  #bookmarkJson(object: ApiObject): object {
    const { conversion } = this.#agreement;
    if (conversion?.kind !== 'Table') return this.#served.unstoredJson(object);
    return {
      kind: 'Table',
      apiVersion: `meta.k8s.io/${conversion.version}`,
      metadata: { resourceVersion: object.metadata.resourceVersion },
      columnDefinitions: [],
      rows: [
        {
          cells: [],
          object: {
            kind: 'PartialObjectMetadata',
            apiVersion: `meta.k8s.io/${conversion.version}`,
            metadata: object.metadata,
          },
        },
      ],
    };
  }

  #converted(type: string, object: ApiObject): Buffer {
    const { conversion } = this.#agreement;
    if (conversion === undefined) throw new Error('a conversion that nobody asked for');
    if (!this.#isJson) return encodeWatchFrame(type, convertedProtobuf(object, conversion));
    const json = convertedJson(this.#served, object, conversion, this.#include);
    // The columns are told once for a stream.
    const told = this.#columnsSent && conversion.kind === 'Table' ? { ...json, columnDefinitions: [] } : json;
    this.#columnsSent = true;
    return jsonFrame(type, Buffer.from(JSON.stringify(told)));
  }
}

const FRAME_END = Buffer.from('}\n');

function jsonFrame(type: string, object: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`{"type":"${type}","object":`), object, FRAME_END]);
}
