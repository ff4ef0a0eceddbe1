import type { Status } from '../api/types/gen/meta-v1.ts';
import { internalError } from '../base/errors.ts';
import { answerError, statusError } from './answer-error.ts';
import { type ApiObject, type ResourceId, resourcePath } from './api-object.ts';
import type { ApiConnection } from './connection.ts';
import { METADATA_TYPE } from './resource-client.ts';

/** One event of a watch. Of a bookmark only the metadata counts. */
export interface WatchEvent<T extends ApiObject> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK';
  readonly object: T;
}

export interface WatchQuery {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion: string;
  /** The present state first, ended by a bookmark with `k8s.io/initial-events-end`. */
  readonly sendInitialEvents?: boolean;
  /** Events carry the metadata of objects alone. */
  readonly metadataOnly?: boolean;
  /** When the server shall end the watch. */
  readonly timeoutSeconds: number;
}

const NEWLINE = 0x0a;
/** No object is as large as this: etcd takes 1.5 MiB. */
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/**
 * The events of a watch, in order, until the server ends it. Throws the ApiError of a refusal or of an ERROR event, `unavailable` when the connection
 * breaks, and the reason of the signal.
 */
export async function* watchEvents<T extends ApiObject>(
  connection: ApiConnection,
  id: ResourceId,
  namespace: string,
  query: WatchQuery,
  signal: AbortSignal,
): AsyncGenerator<WatchEvent<T>> {
  const search = new URLSearchParams({
    watch: '1',
    allowWatchBookmarks: 'true',
    timeoutSeconds: String(query.timeoutSeconds),
    resourceVersion: query.resourceVersion,
    ...(query.sendInitialEvents === true ? { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan' } : {}),
    ...(query.labelSelector === undefined ? {} : { labelSelector: query.labelSelector }),
    ...(query.fieldSelector === undefined ? {} : { fieldSelector: query.fieldSelector }),
  });
  const path = `${resourcePath(id, namespace)}?${search}`;
  const { status, pieces } = await connection.stream({
    method: 'GET',
    path,
    headers: { accept: query.metadataOnly === true ? METADATA_TYPE : 'application/json' },
    signal,
  });
  if (status !== 200) {
    const parts: Buffer[] = [];
    for await (const piece of pieces) parts.push(piece);
    const error = answerError(`GET ${path}`, { status, body: Buffer.concat(parts) });
    throw error ?? internalError(`a watch was answered with ${status}`);
  }
  for await (const line of lines(pieces)) {
    const event = JSON.parse(line.toString()) as { readonly type: string; readonly object: unknown };
    if (event.type === 'ERROR') throw statusError(event.object as Status);
    yield event as WatchEvent<T>;
  }
}

/** Whole lines out of pieces that are cut anywhere; what is behind the last line end was cut off with the connection. */
export async function* lines(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let heldBytes = 0;
  for await (const piece of pieces) {
    let start = 0;
    for (let end = piece.indexOf(NEWLINE); end >= 0; end = piece.indexOf(NEWLINE, start)) {
      const rest = piece.subarray(start, end);
      yield held.length === 0 ? rest : Buffer.concat([...held, rest]);
      held = [];
      heldBytes = 0;
      start = end + 1;
    }
    if (start === piece.length) continue;
    held.push(piece.subarray(start));
    heldBytes += piece.length - start;
    if (heldBytes > MAX_LINE_BYTES) throw internalError(`an event of a watch is longer than ${MAX_LINE_BYTES} bytes`);
  }
}
