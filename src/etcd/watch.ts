import type { ServiceError } from '@grpc/grpc-js';
import { sleep } from '../base/signals.ts';
import { type Event, Event_EventType, type WatchResponse, WatchService } from '../rpc/gen/etcd/watch.ts';
import { type EtcdConnection, nameOf } from './connection.ts';
import { EtcdError, faultOf, fromEtcdServiceError } from './errors.ts';

export interface WatchOptions {
  readonly key: string;
  /** Exclusive; absent: the one key. */
  readonly end?: string;
  /** First revision that is wanted; 0: what comes after the moment at which etcd has the watch. */
  readonly startRevision: number;
  /** Also the value before each change, where history still has it. */
  readonly previous?: boolean;
  readonly signal: AbortSignal;
  /** Called each time that etcd has the watch, with the store's revision then. */
  onOpen?(revision: number): void;
  /** Called each time that the stream broke, before it is opened again. */
  onBroken?(error: unknown): void;
  /** How long a member may take until it has the watch. 10 s unless given. */
  readonly openMs?: number;
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Empty for a deletion. */
  readonly value: Buffer;
  readonly modRevision: number;
  /** 0 for a deletion; equal to `modRevision` for a creation. */
  readonly createRevision: number;
  readonly previous: Buffer | undefined;
}

/** Changes in the order of their revisions; all changes of one revision are in one batch. */
export interface WatchBatch {
  readonly events: readonly WatchEvent[];
  /** That of the last event. */
  readonly revision: number;
}

const FIRST_PAUSE_MS = 20;
const MAX_PAUSE_MS = 1_000;
/** A member that has not taken the watch by then is left for the next. */
const OPEN_MS = 10_000;

/** Errors that opening the stream again cannot mend. */
const FINAL = new Set([
  'invalid-argument',
  'permission-denied',
  'unauthenticated',
  'unimplemented',
  'failed-precondition',
]);

/**
 * Yields every change from `startRevision` on, in order and once. A broken stream is opened again, at the next member, after the last
 * revision that was yielded whole; the pauses between tries grow to 1 s and never end the watch. Ends only by throwing: the reason of the
 * signal, or an EtcdError, of which `compacted` means that changes were lost and the caller has to read everything anew. The reader sets
 * the pace.
 */
export async function* watch(connection: EtcdConnection, options: WatchOptions): AsyncGenerator<WatchBatch> {
  const { signal } = options;
  let next = options.startRevision;
  for (let tries = 0; ; tries += 1) {
    signal.throwIfAborted();
    const { stream, endpoint, failed } = connection.openBidi(WatchService.watch);
    const onAbort = (): void => stream.cancel();
    signal.addEventListener('abort', onAbort, { once: true });
    const openMs = options.openMs ?? OPEN_MS;
    let silent: EtcdError | undefined;
    const opening = setTimeout(() => {
      silent = new EtcdError(
        'unavailable',
        'other',
        `etcd Watch: ${endpoint} did not take the watch within ${openMs} ms`,
      );
      stream.cancel();
    }, openMs);
    try {
      stream.write(createRequest(options, next));
      let pieces: Event[] = [];
      for await (const response of stream as AsyncIterable<WatchResponse>) {
        const revision = response.header?.revision ?? 0;
        if (response.canceled) throw refused(response, endpoint);
        if (response.created) {
          clearTimeout(opening);
          if (next === 0) next = revision + 1;
          tries = 0;
          options.onOpen?.(revision);
        }
        pieces = pieces.length === 0 ? (response.events as Event[]) : pieces.concat(response.events);
        // A revision is split only by fragments, so the last piece completes it.
        if (response.fragment || pieces.length === 0) continue;
        const batch = toBatch(pieces);
        pieces = [];
        next = batch.revision + 1;
        yield batch;
      }
      throw new EtcdError('unavailable', 'other', `etcd Watch: ${endpoint} ended the stream`);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      const known = silent ?? toEtcdError(error, endpoint);
      if (known.fault === 'compacted' || FINAL.has(known.code)) throw known;
      failed();
      options.onBroken?.(known);
    } finally {
      clearTimeout(opening);
      signal.removeEventListener('abort', onAbort);
      stream.on('error', () => {});
      stream.cancel();
    }
    await sleep(Math.min(FIRST_PAUSE_MS * 2 ** Math.min(tries, 10), MAX_PAUSE_MS), signal);
  }
}

function createRequest(options: WatchOptions, startRevision: number) {
  return {
    createRequest: {
      key: Buffer.from(options.key),
      rangeEnd: options.end === undefined ? Buffer.alloc(0) : Buffer.from(options.end),
      startRevision,
      // Not asked for: below 3.4.31 and 3.5.13 etcd tells revisions whose events come later.
      progressNotify: false,
      filters: [],
      prevKv: options.previous ?? false,
      watchId: 0,
      fragment: true,
    },
  };
}

function toBatch(events: readonly Event[]): WatchBatch {
  const converted = events.map(toEvent);
  return { events: converted, revision: converted[converted.length - 1]?.modRevision ?? 0 };
}

function toEvent(event: Event): WatchEvent {
  const { kv, prevKv } = event;
  return {
    type: event.type === Event_EventType.DELETE ? 'delete' : 'put',
    key: kv?.key.toString() ?? '',
    value: kv?.value ?? Buffer.alloc(0),
    modRevision: kv?.modRevision ?? 0,
    createRevision: kv?.createRevision ?? 0,
    previous: prevKv?.value,
  };
}

function refused(response: WatchResponse, endpoint: string): EtcdError {
  const { compactRevision, cancelReason } = response;
  if (compactRevision > 0)
    return new EtcdError(
      'out-of-range',
      'compacted',
      `etcd Watch: the wished revision is compacted; ${compactRevision} is the first that ${endpoint} still has`,
      { compactRevision },
    );
  const fault = faultOf(cancelReason);
  return new EtcdError('unavailable', fault, `etcd Watch: ${endpoint} ended the watch: ${cancelReason || 'no reason'}`);
}

function toEtcdError(error: unknown, endpoint: string): EtcdError {
  if (error instanceof EtcdError) return error;
  if (isServiceError(error)) return fromEtcdServiceError(error, nameOf(WatchService.watch), endpoint);
  // what the reader threw, or a codec: nothing that a new stream mends
  throw error;
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error;
}
