import { type Clock, systemClock } from '../../../base/clock.ts';
import { errorMessage } from '../../../base/errors.ts';
import { sleep } from '../../../base/signals.ts';
import { TimeSlice } from '../../../base/time-slice.ts';
import { storageFault, watchExpired } from '../errors.ts';
import { ROOT } from '../keys.ts';
import { endOf } from '../revisioned-store.ts';
import type { Change, Storage, StoredObject } from '../storage.ts';
import type { Decode } from './cache-entry.ts';
import { NewestRevision } from './newest-revision.ts';
import { type CacheView, ResourceCache } from './resource-cache.ts';
import { RevisionWaiters } from './revision-waiters.ts';
import { lowerBound, SortedEntries } from './sorted-entries.ts';

/** Objects per page while everything is read at the start: the loop is never away for long. */
const LOAD_PAGE = 500;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 1_000;

export interface WatchCacheLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface WatchCacheOptions {
  readonly clock?: Clock;
  readonly log?: WatchCacheLog;
  /** Everything below is read and watched. `/registry/` unless given. */
  readonly root?: string;
}

/**
 * Everything that is stored, in memory, kept up to date by one watch on the whole prefix: so all kinds change in one order, and there is one
 * revision up to which all of them are known. Each kind is a ResourceCache.
 */
export class WatchCache implements CacheView {
  readonly storage: Storage;
  readonly clock: Clock;
  readonly #log: WatchCacheLog;
  readonly #root: string;
  readonly #resources = new Map<string, ResourceCache<object>>();
  /** What no resource has claimed; a resource that comes later takes its objects from here. */
  #unclaimed = new SortedEntries<StoredObject>();
  readonly #waiters: RevisionWaiters;
  readonly #newest: NewestRevision;
  #revision = 0;
  #startRevision = 0;
  #ready = false;
  /** Ends the watch that is followed; while everything is read there is none, and nothing that could be read anew. */
  #following = new AbortController();

  constructor(storage: Storage, options: WatchCacheOptions = {}) {
    this.storage = storage;
    this.clock = options.clock ?? systemClock;
    this.#log = options.log ?? { info() {}, warn() {} };
    this.#root = options.root ?? ROOT;
    this.#waiters = new RevisionWaiters(this.clock);
    this.#newest = new NewestRevision(() => this.storage.currentRevision());
  }

  /** Up to here everything is known. */
  get revision(): number {
    return this.#revision;
  }

  /** True once everything has been read; it stays true while the storage is away, when answers may be old. */
  get ready(): boolean {
    return this.#ready;
  }

  /** The cache of one kind: all below `prefix`, which ends in `/`. The same one for the same prefix, whose `decode` stays. */
  resource<T extends object>(prefix: string, decode: Decode<T>): ResourceCache<T> {
    const known = this.#resources.get(prefix);
    if (known !== undefined) return known as unknown as ResourceCache<T>;
    const resource = new ResourceCache<T>(prefix, decode, this);
    const objects = this.#unclaimed.below(prefix);
    for (const object of objects) this.#unclaimed.delete(object.key);
    // what happened before it was known is no history of its own
    resource.load(objects, this.#revision);
    this.#resources.set(prefix, resource as unknown as ResourceCache<object>);
    return resource;
  }

  /**
   * Reads everything, calls `onReady`, then follows until the signal aborts. A watch that lost history reads everything anew: watchers
   * end with `expired`, for they may have missed something. Nothing else ends it.
   */
  async run(signal: AbortSignal, onReady: () => void = () => {}): Promise<void> {
    for (let failures = 0; !signal.aborted; ) {
      let following: AbortController | undefined;
      try {
        await this.#load(signal);
        failures = 0;
        onReady();
        following = this.#following = new AbortController();
        await this.#follow(AbortSignal.any([signal, following.signal]));
      } catch (error) {
        if (signal.aborted) return;
        const lost = storageFault(error) === 'expired' || following?.signal.aborted === true;
        this.#log.warn({ err: error }, `the watch cache reads everything anew: ${errorMessage(error)}`);
        if (lost) continue;
        failures += 1;
        const pause = Math.min(FIRST_PAUSE_MS * 2 ** Math.min(failures, 10), MAX_PAUSE_MS);
        await sleep(pause, signal, this.clock).catch(() => undefined);
      }
    }
  }

  /**
   * A revision that the storage had at some moment after the call: who has seen it has seen all that was acknowledged before. Undefined when
   * the storage has gone back behind what the cache had seen, as after a restore; then everything is read anew.
   */
  async newestRevision(): Promise<number | undefined> {
    const seen = this.#revision;
    const newest = await this.#newest.read();
    if (newest >= seen) return newest;
    // read anew while the question was under way: the next one is put to what is there now
    if (this.#revision < seen) return undefined;
    this.#following.abort(new Error(`the storage went back from revision ${seen} to ${newest}: was it restored?`));
    return undefined;
  }

  /** Whether everything up to `revision` is known within `timeoutMs`. Throws the reason of the signal. */
  reaches(revision: number, timeoutMs: number, signal?: AbortSignal): Promise<boolean> {
    if (this.#ready && this.#revision >= revision) return Promise.resolve(true);
    return this.#waiters.wait(revision, timeoutMs, signal);
  }

  async #load(signal: AbortSignal): Promise<void> {
    const objects: StoredObject[] = [];
    const first = await this.storage.list(this.#root, { limit: LOAD_PAGE, signal });
    objects.push(...first.items);
    let token = first.continue;
    while (token !== undefined) {
      const page = await this.storage.list(this.#root, { limit: LOAD_PAGE, continue: token, signal });
      objects.push(...page.items);
      token = page.continue;
    }
    const revision = first.revision;
    this.#startRevision = revision;
    // from here to the end nothing waits: nobody sees one kind anew and another old
    const claimed: (readonly [from: number, to: number])[] = [];
    for (const resource of this.#resources.values()) {
      const from = lowerBound(objects, resource.prefix, keyOf);
      const to = lowerBound(objects, endOf(resource.prefix), keyOf);
      claimed.push([from, to]);
      if (this.#ready) resource.endWatchers(watchExpired());
      resource.load(objects.slice(from, to), revision);
    }
    this.#unclaimed = new SortedEntries(outside(objects, claimed));
    this.#ready = true;
    this.#advance(revision);
    this.#log.info({ objects: objects.length, revision }, 'the watch cache has read everything');
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const watch = this.storage.watch(this.#root, {
      afterRevision: this.#startRevision,
      signal,
      onBroken: error => {
        this.#log.warn({ err: error }, `the watch broke: ${errorMessage(error)}`);
        // who comes back may be another: one that was restored waits for revisions that mean something else by then
        this.newestRevision().catch(() => undefined);
      },
    });
    const slice = new TimeSlice(signal);
    for await (const batch of watch) {
      const now = this.clock.monotonic();
      for (const [index, change] of batch.changes.entries()) {
        this.#apply(change, now);
        // a watch that was away comes back with thousands of changes; those of one revision are seen at once
        if (!slice.used || batch.changes[index + 1]?.revision === change.revision) continue;
        this.#advance(change.revision);
        await slice.breathe();
      }
      this.#advance(batch.revision);
    }
  }

  #apply(change: Change, nowMs: number): void {
    const resource = this.#resourceOf(change.key);
    if (resource !== undefined) resource.apply(change, nowMs);
    else if (change.type === 'delete') this.#unclaimed.delete(change.key);
    else this.#unclaimed.set(change);
  }

  #advance(revision: number): void {
    this.#revision = revision;
    this.#waiters.reached(revision);
  }

  /** Prefixes have one or two segments after the root: `pods/`, `services/specs/`, `<group>/<plural>/`. */
  #resourceOf(key: string): ResourceCache<object> | undefined {
    const first = key.indexOf('/', this.#root.length) + 1;
    if (first === 0) return undefined;
    const one = this.#resources.get(key.slice(0, first));
    if (one !== undefined) return one;
    const second = key.indexOf('/', first) + 1;
    return second === 0 ? undefined : this.#resources.get(key.slice(0, second));
  }
}

const keyOf = (object: StoredObject): string => object.key;

/** What lies in none of the ranges, which do not overlap. */
function outside<T>(items: readonly T[], ranges: readonly (readonly [from: number, to: number])[]): T[] {
  const left: T[] = [];
  let at = 0;
  for (const [from, to] of [...ranges].sort((a, b) => a[0] - b[0] || a[1] - b[1])) {
    for (; at < from; at += 1) left.push(items[at] as T);
    at = Math.max(at, to);
  }
  return left.concat(items.slice(at));
}
