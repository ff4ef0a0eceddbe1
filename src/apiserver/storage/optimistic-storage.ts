import { TimeSlice } from '../../base/time-slice.ts';
import { encodeContinue } from './continue-token.ts';
import {
  CompanionConflict,
  continueExpired,
  keyExists,
  keyNotFound,
  listExpired,
  preconditionFailed,
  tooLargeRevision,
  watchExpired,
} from './errors.ts';
import { planList } from './list-plan.ts';
import { readUid } from './object-metadata.ts';
import { endOf, HistoryError, type RangeRead, type RevisionedStore } from './revisioned-store.ts';
import type {
  ChangeBatch,
  CompactionState,
  CreateOptions,
  DeleteOptions,
  GetOptions,
  ListOptions,
  Preconditions,
  Storage,
  StoredList,
  StoredObject,
  TryUpdate,
  Updated,
  UpdateOptions,
  WatchOptions,
} from './storage.ts';

/** Objects per read where the caller wants all: keeps every step of a list short, whatever its length. */
const CHUNK = 500;
/** Pages with a selector double up to this, as upstream's; and no client has more read in one go, whatever its limit. */
const MAX_CHUNK = 10_000;

/** The rules of Kubernetes over any store with revisions: conflicts, lists in pages, expired history. */
export class OptimisticStorage implements Storage {
  readonly #store: RevisionedStore;

  constructor(store: RevisionedStore) {
    this.#store = store;
  }

  async get(key: string, options: GetOptions = {}): Promise<StoredObject> {
    const { object, revision } = await this.#store.read(key, options.signal);
    requireRevision(options.minRevision ?? 0, revision);
    if (object === undefined) throw keyNotFound(key);
    return object;
  }

  async list(prefix: string, options: ListOptions = {}): Promise<StoredList> {
    const plan = planList(prefix, options);
    const items: StoredObject[] = [];
    const { limit } = plan;
    const slice = new TimeSlice(options.signal);
    let from = plan.startKey;
    let revision = plan.exactRevision;
    let chunk = limit > 0 ? Math.min(limit, MAX_CHUNK) : CHUNK;
    for (;;) {
      const read = await this.#range(from, prefix, { chunk, revision, continued: plan.continued, options });
      if (revision === undefined) {
        requireRevision(plan.minRevision, read.revision);
        revision = read.revision;
      }
      let taken = 0;
      for (const object of read.objects) {
        if (limit > 0 && items.length >= limit) break;
        taken += 1;
        if (slice.used) await slice.breathe();
        if (options.matches === undefined || options.matches(object)) items.push(object);
      }
      const last = read.objects[taken - 1];
      const remaining = read.count - taken;
      if (last === undefined || remaining <= 0) return { items, revision };
      from = `${last.key}\0`;
      if (limit > 0 && items.length >= limit) {
        const token = encodeContinue(from, prefix, revision);
        if (options.matches !== undefined) return { items, revision, continue: token };
        return { items, revision, continue: token, remainingItemCount: remaining };
      }
      if (limit > 0) chunk = Math.min(chunk * 2, MAX_CHUNK);
    }
  }

  async create(key: string, value: Buffer, options: CreateOptions = {}): Promise<StoredObject> {
    const { ttlSeconds = 0, together = [], signal } = options;
    const written = await this.#store.write(key, value, 0, { ttlSeconds, together, signal });
    if (!written.done)
      throw written.current === undefined ? new CompanionConflict(key, written.companions) : keyExists(key);
    return { key, value, revision: written.revision };
  }

  async update(key: string, tryUpdate: TryUpdate, options: UpdateOptions = {}): Promise<StoredObject> {
    const { preconditions, signal } = options;
    const missingIsFine = options.createIfMissing === true;
    const check = (found: StoredObject | undefined): StoredObject | undefined => {
      if (found === undefined && !missingIsFine) throw keyNotFound(key);
      return found;
    };
    const attempt = async (from: StoredObject | undefined): Promise<Updated> => {
      checkPreconditions(key, from, preconditions);
      return tryUpdate(from);
    };
    let current = options.origin ?? check(await this.#read(key, signal));
    let isNewest = options.origin === undefined;
    for (;;) {
      signal?.throwIfAborted();
      const updated = await this.#onNewest(key, current, isNewest, attempt, check, signal);
      current = updated.from;
      isNewest ||= updated.isNewest;
      const { value, ttlSeconds = 0, together = [] } = updated.result;
      if (together.length === 0 && current?.value.equals(value)) {
        if (isNewest) return current;
        // nothing to write, if what the cache had is still what is stored
        const newest = check(await this.#read(key, signal));
        isNewest = true;
        if (newest?.value.equals(value)) return newest;
        current = newest;
        continue;
      }
      const expected = current?.revision ?? 0;
      const written = await this.#store.write(key, value, expected, { ttlSeconds, together, signal });
      if (written.done) return { key, value, revision: written.revision };
      if (written.current?.revision === current?.revision) throw new CompanionConflict(key, written.companions);
      current = check(written.current);
      isNewest = true;
    }
  }

  async delete(key: string, options: DeleteOptions = {}): Promise<StoredObject> {
    const { preconditions, validate, together = [], signal } = options;
    const check = (found: StoredObject | undefined): StoredObject => {
      if (found === undefined) throw keyNotFound(key);
      return found;
    };
    const attempt = async (from: StoredObject): Promise<void> => {
      checkPreconditions(key, from, preconditions);
      await validate?.(from);
    };
    let current = options.origin ?? check(await this.#read(key, signal));
    let isNewest = options.origin === undefined;
    for (;;) {
      signal?.throwIfAborted();
      const allowed = await this.#onNewest(key, current, isNewest, attempt, check, signal);
      const removed = await this.#store.remove(key, allowed.from.revision, { together, signal });
      if (removed.done) return { key, value: allowed.from.value, revision: removed.revision };
      if (removed.current?.revision === allowed.from.revision) throw new CompanionConflict(key, removed.companions);
      current = check(removed.current);
      isNewest = true;
    }
  }

  async *watch(prefix: string, options: WatchOptions): AsyncGenerator<ChangeBatch> {
    try {
      yield* this.#store.watch(prefix, options);
    } catch (error) {
      throw error instanceof HistoryError ? watchExpired(error) : error;
    }
  }

  currentRevision(signal?: AbortSignal): Promise<number> {
    return this.#store.currentRevision(signal);
  }

  compactStep(state: CompactionState, signal?: AbortSignal): Promise<CompactionState> {
    return this.#store.compactStep(state, signal);
  }

  async #read(key: string, signal: AbortSignal | undefined): Promise<StoredObject | undefined> {
    return (await this.#store.read(key, signal)).object;
  }

  /**
   * Runs `attempt` on a version that may be stale; when it fails there, on the newest, unless that is the same one: a refusal counts only
   * when it was made on the truth.
   */
  async #onNewest<V extends StoredObject | undefined, R>(
    key: string,
    from: V,
    isNewest: boolean,
    attempt: (from: V) => Promise<R>,
    check: (found: StoredObject | undefined) => V,
    signal: AbortSignal | undefined,
  ): Promise<{ from: V; result: R; isNewest: boolean }> {
    try {
      return { from, result: await attempt(from), isNewest };
    } catch (error) {
      if (isNewest) throw error;
      const newest = check(await this.#read(key, signal));
      if (newest?.revision === from?.revision) throw error;
      return { from: newest, result: await attempt(newest), isNewest: true };
    }
  }

  async #range(
    from: string,
    prefix: string,
    how: { chunk: number; revision: number | undefined; continued: boolean; options: ListOptions },
  ): Promise<RangeRead> {
    const { revision, options } = how;
    try {
      return await this.#store.range(from, endOf(prefix), { limit: how.chunk, revision, signal: options.signal });
    } catch (error) {
      if (!(error instanceof HistoryError)) throw error;
      if (error.fault === 'future') throw tooLargeRevision(revision ?? 0, await this.#store.currentRevision(), 0);
      throw how.continued ? continueExpired(encodeContinue(from, prefix, undefined), error) : listExpired(error);
    }
  }
}

function requireRevision(wanted: number, current: number): void {
  if (wanted > current) throw tooLargeRevision(wanted, current, 0);
}

function checkPreconditions(key: string, object: StoredObject | undefined, wanted: Preconditions | undefined): void {
  if (wanted === undefined) return;
  if (wanted.uid !== undefined) {
    const uid = object === undefined ? '' : readUid(object.value);
    if (uid !== wanted.uid) throw preconditionFailed(key, 'UID', wanted.uid, uid);
  }
  if (wanted.resourceVersion !== undefined) {
    const version = object === undefined ? '' : String(object.revision);
    if (version !== wanted.resourceVersion)
      throw preconditionFailed(key, 'ResourceVersion', wanted.resourceVersion, version);
  }
}
