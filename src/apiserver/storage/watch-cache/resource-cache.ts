import type { Clock } from '../../../base/clock.ts';
import { TimeSlice } from '../../../base/time-slice.ts';
import { encodeContinue } from '../continue-token.ts';
import { keyNotFound, StorageError, tooLargeRevision, tooOldRevision } from '../errors.ts';
import { parseResourceVersion, planList } from '../list-plan.ts';
import type { Change, ListOptions, Storage, StoredObject } from '../storage.ts';
import { CacheEntry, type Decode } from './cache-entry.ts';
import { CacheEvent, type Matches } from './cache-event.ts';
import { type Beginning, CacheWatcher } from './cache-watcher.ts';
import { EventRing } from './event-ring.ts';
import { SortedEntries } from './sorted-entries.ts';

/** How long a read that asks for a revision waits for it, before 504: upstream's. */
const REVISION_WAIT_MS = 3_000;
/** How long a consistent read waits for the cache before it asks the storage itself. */
const CONSISTENT_WAIT_MS = 100;
/**
 * Watchers are this close behind, or come back to read history, which is rare: only the newest events keep their parsed and encoded forms. Those of
 * all 100,000 that a kind may remember were most of the memory of a server under load.
 */
const WARM_EVENTS = 1_000;

/** What a kind needs of the whole cache. */
export interface CacheView {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly revision: number;
  readonly ready: boolean;
  newestRevision(): Promise<number | undefined>;
  reaches(revision: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean>;
}

export interface CacheList<T extends object> {
  readonly items: readonly CacheEntry<T>[];
  readonly revision: number;
  readonly continue?: string;
  readonly remainingItemCount?: number;
  /** The items are those of the cache: to keep them costs no memory of its own. */
  readonly cached: boolean;
}

export interface CacheListOptions<T extends object> extends Omit<ListOptions, 'matches'> {
  /** The prefix of a namespace, or one key; the whole kind unless given. */
  readonly scope?: string;
  readonly matches?: Matches<T>;
}

export interface CacheWatchOptions<T extends object> {
  /** As in CacheListOptions. */
  readonly scope?: string;
  /** Absent or empty: the present state first, which is consistent; `0`: the state that the cache has; else what came after. */
  readonly resourceVersion?: string;
  /** True: the state first; false: never the state. Wherever it is sent it ends with a bookmark, if those are wanted. */
  readonly sendInitialEvents?: boolean;
  readonly bookmarks?: boolean;
  readonly matches?: Matches<T>;
  /** 0: no end of its own. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  readonly maxQueuedEvents?: number;
  readonly maxQueuedBytes?: number;
}

/** Who keeps something that follows from all objects of a kind: told at once, in order, before any watcher. Must not throw. */
export interface CacheObserver<T extends object> {
  changed(event: CacheEvent<T>): void;
  /** Everything was read anew: what was kept is void. */
  loaded(): void;
}

/** All objects of one kind with their recent history: answers GET, LIST and WATCH without the storage wherever that is right. */
export class ResourceCache<T extends object> {
  /** Ends in `/`. */
  readonly prefix: string;
  readonly #decode: Decode<T>;
  readonly #view: CacheView;
  #entries = new SortedEntries<CacheEntry<T>>();
  #ring = new EventRing<CacheEvent<T>>(0);
  /** By scope, so that a change costs only those who may see it. */
  readonly #watchers = new Map<string, Set<CacheWatcher<T>>>();
  readonly #observers: CacheObserver<T>[] = [];

  constructor(prefix: string, decode: Decode<T>, view: CacheView) {
    this.prefix = prefix;
    this.#decode = decode;
    this.#view = view;
  }

  get size(): number {
    return this.#entries.size;
  }

  get watcherCount(): number {
    let count = 0;
    for (const set of this.#watchers.values()) count += set.size;
    return count;
  }

  /** For as long as the cache lives. */
  observe(observer: CacheObserver<T>): void {
    this.#observers.push(observer);
  }

  /** What the cache has now, however old: a version to begin an update with. */
  peek(key: string): CacheEntry<T> | undefined {
    return this.#entries.get(key);
  }

  /** All that the cache has now: for listers inside the server. */
  snapshot(scope = this.prefix): readonly CacheEntry<T>[] {
    return this.#entries.below(scope);
  }

  /** resourceVersion absent: the newest; `0`: what there is; N: not older. Throws `not-found`, `too-large-revision`. */
  async get(
    key: string,
    options: { readonly resourceVersion?: string; readonly signal?: AbortSignal } = {},
  ): Promise<CacheEntry<T>> {
    const version = options.resourceVersion ?? '';
    const minRevision = parseResourceVersion(version);
    const { signal } = options;
    const fromCache = version === '' ? await this.#consistent(signal) : await this.#notOlder(minRevision, signal);
    if (!fromCache) {
      const get = { minRevision, ...(signal === undefined ? {} : { signal }) };
      return new CacheEntry(await this.#view.storage.get(key, get), this.#decode);
    }
    const entry = this.#entries.get(key);
    if (entry === undefined) throw keyNotFound(key);
    return entry;
  }

  /** By the same rules as Storage.list. States of the past, and later pages, come from the storage. */
  async list(options: CacheListOptions<T> = {}): Promise<CacheList<T>> {
    const scope = options.scope ?? this.prefix;
    const version = options.resourceVersion ?? '';
    const plan = planList(scope, options);
    if (plan.exactRevision !== undefined || plan.continued) return this.#listStorage(scope, options);
    const { signal } = options;
    const fromCache = version === '' ? await this.#consistent(signal) : await this.#notOlder(plan.minRevision, signal);
    if (!fromCache) return this.#listStorage(scope, options);
    // one moment: the copy and its revision
    const all = this.#entries.below(scope);
    const revision = this.#view.revision;
    const limit = version === '0' ? 0 : plan.limit;
    return { ...(await this.#page(scope, all, { revision, limit, matches: options.matches, signal })), cached: true };
  }

  /**
   * Begins a watch. Throws `expired` (`too old resource version`) when history does not go back that far, `too-large-revision` for an initial
   * state of the future. The reader has to close the watcher.
   */
  async watch(options: CacheWatchOptions<T> = {}): Promise<CacheWatcher<T>> {
    const scope = options.scope ?? this.prefix;
    const version = options.resourceVersion ?? '';
    const wanted = parseResourceVersion(version);
    const { signal, sendInitialEvents } = options;
    const withState = sendInitialEvents ?? wanted === 0;
    if (withState) await this.#stateFor(version, wanted, signal);
    else await this.#require(0, signal);
    signal?.throwIfAborted();
    // from here to the registration nothing waits: no change is missed or told twice
    const watcher: CacheWatcher<T> = new CacheWatcher(this.#beginning(scope, wanted, withState, options), {
      clock: this.#view.clock,
      bookmarks: options.bookmarks === true,
      timeoutMs: options.timeoutMs ?? 0,
      ...(options.matches === undefined ? {} : { matches: options.matches }),
      ...(options.maxQueuedEvents === undefined ? {} : { maxQueuedEvents: options.maxQueuedEvents }),
      ...(options.maxQueuedBytes === undefined ? {} : { maxQueuedBytes: options.maxQueuedBytes }),
      revision: () => this.#view.revision,
      onClosed: closed => this.#forget(scope, closed),
    });
    const set = this.#watchers.get(scope) ?? new Set();
    set.add(watcher);
    this.#watchers.set(scope, set);
    return watcher;
  }

  /** Of the whole cache: these are all, as of `revision`; there is no history. `objects` is sorted by key. */
  load(objects: readonly StoredObject[], revision: number): void {
    const same = (object: StoredObject): CacheEntry<T> => {
      const known = this.#entries.get(object.key);
      const isSame = known?.revision === object.revision && known.value.equals(object.value);
      return isSame ? known : new CacheEntry(object, this.#decode);
    };
    this.#entries = new SortedEntries(objects.map(same));
    this.#ring = new EventRing(revision);
    for (const observer of this.#observers) observer.loaded();
  }

  /** Of the whole cache: the next change. */
  apply(change: Change, nowMs: number): void {
    const { key, revision } = change;
    const previous = this.#entries.get(key);
    const current = change.type === 'put' ? new CacheEntry<T>(change, this.#decode) : undefined;
    if (current !== undefined) this.#entries.set(current);
    else this.#entries.delete(key);
    if (current === undefined && previous === undefined) return;
    const event = new CacheEvent(key, revision, current, previous);
    this.#ring.push(event, nowMs);
    this.#ring.before(WARM_EVENTS)?.forget();
    for (const observer of this.#observers) observer.changed(event);
    if (this.#watchers.size === 0) return;
    this.#tell(this.prefix, event);
    const namespaceEnd = key.indexOf('/', this.prefix.length) + 1;
    if (namespaceEnd > 0) this.#tell(key.slice(0, namespaceEnd), event);
    this.#tell(key, event);
  }

  /** Ends every watch with an error. */
  endWatchers(error: StorageError): void {
    for (const set of [...this.#watchers.values()]) for (const watcher of [...set]) watcher.close(error);
  }

  #tell(scope: string, event: CacheEvent<T>): void {
    const watchers = this.#watchers.get(scope);
    if (watchers === undefined) return;
    for (const watcher of watchers) watcher.push(event);
  }

  #forget(scope: string, watcher: CacheWatcher<T>): void {
    const set = this.#watchers.get(scope);
    set?.delete(watcher);
    if (set?.size === 0) this.#watchers.delete(scope);
  }

  #beginning(scope: string, wanted: number, withState: boolean, options: CacheWatchOptions<T>): Beginning<T> {
    const revision = this.#view.revision;
    if (withState) {
      const endBookmark = options.bookmarks === true ? revision : undefined;
      return { past: this.#entries.below(scope), endBookmark, after: revision };
    }
    const after = wanted === 0 ? revision : wanted;
    if (after < this.#ring.completeAfter) throw tooOldRevision(after, this.#ring.completeAfter);
    const history = this.#ring.after(after);
    const within = (key: string): boolean => (scope.endsWith('/') ? key.startsWith(scope) : key === scope);
    const past = scope === this.prefix ? history : history.filter(event => within(event.key));
    return { past, endBookmark: undefined, after: Math.max(after, history.at(-1)?.revision ?? 0) };
  }

  /** Waits for the state that a watch begins with. */
  async #stateFor(version: string, wanted: number, signal: AbortSignal | undefined): Promise<void> {
    if (version !== '') return this.#require(wanted, signal);
    const newest = await withSignal(this.#view.newestRevision(), signal);
    if (newest === undefined) throw initializing();
    return this.#require(newest, signal);
  }

  async #require(revision: number, signal: AbortSignal | undefined): Promise<void> {
    const reached = await this.#view.reaches(revision, REVISION_WAIT_MS, signal);
    if (reached) return;
    if (this.#view.ready) throw tooLargeRevision(revision, this.#view.revision, 1);
    throw initializing();
  }

  /** Whether the cache may answer a consistent read: it knows everything that was acknowledged before the read began. */
  async #consistent(signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.#view.ready) return false;
    const newest = await withSignal(this.#view.newestRevision(), signal);
    // the storage went back, as after a restore: the cache shows what is no more
    if (newest === undefined) return false;
    return this.#view.reaches(newest, CONSISTENT_WAIT_MS, signal);
  }

  /** True when the cache is at `revision` or later; false: there is no cache yet, ask the storage. */
  async #notOlder(revision: number, signal: AbortSignal | undefined): Promise<boolean> {
    if (!this.#view.ready) return false;
    if (await this.#view.reaches(revision, REVISION_WAIT_MS, signal)) return true;
    throw tooLargeRevision(revision, this.#view.revision, 1);
  }

  async #page(
    scope: string,
    all: readonly CacheEntry<T>[],
    how: { revision: number; limit: number; matches: Matches<T> | undefined; signal: AbortSignal | undefined },
  ): Promise<Omit<CacheList<T>, 'cached'>> {
    const { revision, limit, matches, signal } = how;
    const items: CacheEntry<T>[] = matches === undefined ? (limit > 0 ? all.slice(0, limit) : [...all]) : [];
    let looked = items.length;
    if (matches !== undefined) {
      const slice = new TimeSlice(signal);
      for (; looked < all.length && !(limit > 0 && items.length >= limit); looked += 1) {
        if (slice.used) await slice.breathe();
        const entry = all[looked];
        if (entry !== undefined && matches(entry.object)) items.push(entry);
      }
    }
    const last = all[looked - 1];
    if (last === undefined || looked >= all.length) return { items, revision };
    const token = encodeContinue(`${last.key}\0`, scope, revision);
    if (matches !== undefined) return { items, revision, continue: token };
    return { items, revision, continue: token, remainingItemCount: all.length - looked };
  }

  async #listStorage(scope: string, options: CacheListOptions<T>): Promise<CacheList<T>> {
    const { matches, scope: _, ...rest } = options;
    const seen = new Map<StoredObject, CacheEntry<T>>();
    const entryOf = (object: StoredObject): CacheEntry<T> => {
      const known = seen.get(object) ?? new CacheEntry(object, this.#decode);
      seen.set(object, known);
      return known;
    };
    const storageOptions: ListOptions =
      matches === undefined ? rest : { ...rest, matches: object => matches(entryOf(object).object) };
    const list = await this.#view.storage.list(scope, storageOptions);
    return { ...list, items: list.items.map(entryOf), cached: false };
  }
}

const initializing = (): StorageError =>
  new StorageError('too-large-revision', 'storage is (re)initializing', { retryAfterSeconds: 1 });

/** A promise that many share, left by one of them when its signal aborts. */
function withSignal<R>(promise: Promise<R>, signal: AbortSignal | undefined): Promise<R> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const onAbort = (): void => reject(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
