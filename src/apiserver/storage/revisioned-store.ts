import type { ChangeBatch, CompactionState, Companion, StoredObject, WatchOptions } from './storage.ts';

/** History was asked for that is gone (`compacted`) or not yet there (`future`). */
export class HistoryError extends Error {
  readonly fault: 'compacted' | 'future';

  constructor(fault: 'compacted' | 'future', message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'HistoryError';
    this.fault = fault;
  }
}

/** A conditional write: done at a revision, or not, with what stands there instead, and at the keys of its companions (undefined: nothing). */
export type Written =
  | { readonly done: true; readonly revision: number }
  | { readonly done: false; readonly current: StoredObject | undefined; readonly companions: Companions };

export type Companions = ReadonlyMap<string, StoredObject | undefined>;

export interface RangeRead {
  /** Sorted by key. */
  readonly objects: readonly StoredObject[];
  /** How many the range holds, whatever the limit. */
  readonly count: number;
  /** Of the store. */
  readonly revision: number;
}

/**
 * A key-value store with one counter for all writes and a history: what etcd is, and what the rules of lists and updates are built on. Every
 * implementation is linearizable.
 */
export interface RevisionedStore {
  read(key: string, signal?: AbortSignal): Promise<{ object: StoredObject | undefined; revision: number }>;
  /** Keys from `start` up to, not including, `end`. At a `revision`: HistoryError when it is gone or not there yet. `limit` 0 is all. */
  range(
    start: string,
    end: string,
    options: { limit: number; revision: number | undefined; signal: AbortSignal | undefined },
  ): Promise<RangeRead>;
  /** Writes when the key was last written at `expected` (0: is not there) and its companions at theirs; all have one revision then. */
  write(
    key: string,
    value: Buffer,
    expected: number,
    options: { ttlSeconds: number; together: readonly Companion[]; signal: AbortSignal | undefined },
  ): Promise<Written>;
  remove(
    key: string,
    expected: number,
    options: { together: readonly Companion[]; signal: AbortSignal | undefined },
  ): Promise<Written>;
  /** Ends only by throwing: a HistoryError, or the reason of the signal. */
  watch(prefix: string, options: WatchOptions): AsyncIterable<ChangeBatch>;
  currentRevision(signal?: AbortSignal): Promise<number>;
  compactStep(state: CompactionState, signal?: AbortSignal): Promise<CompactionState>;
}

/** The first key after all that begin with `prefix`, which ends in `/`. */
export function endOf(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}
