/** Storage of objects as bytes: what a handler needs, with optimistic concurrency and history, whatever keeps the bytes. */

/** One version of one object. */
export interface StoredObject {
  readonly key: string;
  /** JSON, or protobuf after `k8s\0`; without a resourceVersion of its own. Never to be changed in place. */
  readonly value: Buffer;
  /** Its resourceVersion: the store's revision when it was written. */
  readonly revision: number;
}

export interface StoredList {
  /** Sorted by key. */
  readonly items: readonly StoredObject[];
  /** The resourceVersion of the list. */
  readonly revision: number;
  /** For the next page; absent when this is the last. */
  readonly continue?: string;
  /** How many follow; absent with the last page and with a selector, where nobody knows. */
  readonly remainingItemCount?: number;
}

export interface GetOptions {
  /** The answer may not be older than this; `too-large-revision` when the store has not come that far. */
  readonly minRevision?: number;
  readonly signal?: AbortSignal;
}

export type ResourceVersionMatch = 'Exact' | 'NotOlderThan';

export interface ListOptions {
  /** 0 or absent: all. */
  readonly limit?: number;
  readonly continue?: string;
  /** As in the request: absent or empty is the newest, `0` is any. */
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: ResourceVersionMatch;
  /** A selector; a page then holds up to `limit` of what matches. */
  readonly matches?: (object: StoredObject) => boolean;
  readonly signal?: AbortSignal;
}

/**
 * Another key of the same transaction as an object: when it is not at its expected revision, nothing of the transaction happens. Among the
 * companions of one write no key stands twice.
 */
export interface Companion {
  readonly key: string;
  /** The revision that it has to be at; 0: it must not be there. */
  readonly expected: number;
  /** The value that it gets; or it goes, or it was only compared. */
  readonly write: Buffer | 'delete' | 'nothing';
}

export interface CreateOptions {
  /** Written together with the object, or not at all: CompanionConflict. */
  readonly together?: readonly Companion[];
  /** The object vanishes after this time, at most 5 % or a minute later. 0 or absent: never. */
  readonly ttlSeconds?: number;
  readonly signal?: AbortSignal;
}

export interface Preconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

export interface Updated {
  readonly value: Buffer;
  /** As in CreateOptions. */
  readonly together?: readonly Companion[];
  readonly ttlSeconds?: number;
}

/**
 * Makes the new value from the present one (absent: there is none, with `createIfMissing`). It may be called several times, each time with
 * a newer version, so it must not change anything else. What it throws ends the update, unless the version it saw turns out to be stale.
 */
export type TryUpdate = (current: StoredObject | undefined) => Updated | Promise<Updated>;

export interface UpdateOptions {
  readonly preconditions?: Preconditions;
  /** A version from a cache, perhaps stale: spares a read in the usual case. */
  readonly origin?: StoredObject;
  readonly createIfMissing?: boolean;
  readonly signal?: AbortSignal;
}

export interface DeleteOptions {
  readonly preconditions?: Preconditions;
  /** As in UpdateOptions. */
  readonly origin?: StoredObject;
  /** Throws when this version may not be deleted; called again with the newest version when the one it saw was stale. */
  readonly validate?: (current: StoredObject) => void | Promise<void>;
  /** As in CreateOptions. */
  readonly together?: readonly Companion[];
  readonly signal?: AbortSignal;
}

export interface Change {
  readonly type: 'put' | 'delete';
  readonly key: string;
  /** Empty for a deletion. */
  readonly value: Buffer;
  readonly revision: number;
  readonly created: boolean;
}

/** Changes in the order of their revisions; those of one revision are never divided. */
export interface ChangeBatch {
  readonly changes: readonly Change[];
  /** That of the last change. */
  readonly revision: number;
}

export interface WatchOptions {
  readonly afterRevision: number;
  readonly signal: AbortSignal;
  /** The connection broke and is being made again; nothing is lost yet. */
  onBroken?(error: unknown): void;
}

/** What a compactor remembers from one step to the next; `{ version: 0, revision: 0 }` at first. */
export interface CompactionState {
  /** How often the compaction key had been written: the clock that all servers share. */
  readonly version: number;
  /** The store's revision at the last step, up to which the next one may forget. */
  readonly revision: number;
}

/**
 * Failures are StorageErrors, or errors of the medium (`unavailable`, `deadline-exceeded`: for a write it is then not known whether it was
 * carried out). An aborted call throws the reason of its signal.
 */
export interface Storage {
  /** Linearizable. Throws `not-found`. */
  get(key: string, options?: GetOptions): Promise<StoredObject>;
  /** All below `prefix` (which ends in `/`), by the rules of limit, continue, resourceVersion and resourceVersionMatch. */
  list(prefix: string, options?: ListOptions): Promise<StoredList>;
  /** Throws `exists`. */
  create(key: string, value: Buffer, options?: CreateOptions): Promise<StoredObject>;
  /** Repeats `tryUpdate` until nobody else wrote in between. An equal value is not written. Throws `not-found`, `precondition`. */
  update(key: string, tryUpdate: TryUpdate, options?: UpdateOptions): Promise<StoredObject>;
  /** Returns what was deleted, with the revision of the deletion. Throws `not-found`, `precondition`. */
  delete(key: string, options?: DeleteOptions): Promise<StoredObject>;
  /** Every change below `prefix` after a revision, in order, once. Ends only by throwing: `expired` when history is gone, or the signal's reason. */
  watch(prefix: string, options: WatchOptions): AsyncIterable<ChangeBatch>;
  /** The newest revision at some moment after the call: what a consistent read must have seen. */
  currentRevision(signal?: AbortSignal): Promise<number>;
  /**
   * One step of compaction, safe with many servers: only the one that knows how often the key was written compacts, up to what was current
   * at its step before; the others learn. So history lives one to two intervals.
   */
  compactStep(state: CompactionState, signal?: AbortSignal): Promise<CompactionState>;
}
