import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../../../base/clock.ts';
import { TimeSlice } from '../../../base/time-slice.ts';
import { type StorageError, unreadableObject } from '../errors.ts';
import type { CacheEntry } from './cache-entry.ts';
import { type CacheEvent, type Matches, ObjectEvent, type WatchItem } from './cache-event.ts';

/** How much a watcher may leave unread before it is cut off: its connection is slower than the changes. */
const MAX_QUEUED_EVENTS = 10_000;
const MAX_QUEUED_BYTES = 16 << 20;

/** Past events that are looked at in one go: fewer where a selector has to decode them, which takes its time. */
const CHUNK = 500;

const BOOKMARK_MS = 60_000;
const BOOKMARK_BEFORE_END_MS = 2_000;

export interface CacheWatcherOptions<T extends object> {
  readonly matches?: Matches<T>;
  readonly bookmarks: boolean;
  /** 0: no end of its own. */
  readonly timeoutMs: number;
  readonly maxQueuedEvents?: number;
  readonly maxQueuedBytes?: number;
  readonly clock: Clock;
  /** Of the whole cache, now. */
  revision(): number;
  onClosed(watcher: CacheWatcher<T>): void;
}

/** What a watcher is told before it follows: objects of the initial state, or events from history, and perhaps a bookmark that ends them. */
export interface Beginning<T extends object> {
  readonly past: readonly (CacheEntry<T> | CacheEvent<T>)[];
  /** The revision of the bookmark that ends the initial state; undefined: none is sent. */
  readonly endBookmark: number | undefined;
  /** Events up to this one are no news. */
  readonly after: number;
}

/** One watch of one client. The reader takes what there is, in order; while it does not, what comes is queued within bounds. */
export class CacheWatcher<T extends object> {
  readonly #options: CacheWatcherOptions<T>;
  readonly #after: number;
  #past: Beginning<T>['past'];
  #pastAt = 0;
  #endBookmark: number | undefined;
  #queue: WatchItem<T>[] = [];
  #queuedBytes = 0;
  #wake: (() => void) | undefined;
  #closed = false;
  #error: StorageError | undefined;
  #cutOff = false;
  readonly #timers = new Set<() => void>();

  constructor(beginning: Beginning<T>, options: CacheWatcherOptions<T>) {
    this.#options = options;
    this.#past = beginning.past;
    this.#endBookmark = beginning.endBookmark;
    this.#after = beginning.after;
    const { bookmarks, timeoutMs } = options;
    if (timeoutMs > 0) this.#later(timeoutMs, () => this.close());
    if (!bookmarks) return;
    if (timeoutMs > BOOKMARK_BEFORE_END_MS) this.#later(timeoutMs - BOOKMARK_BEFORE_END_MS, () => this.#bookmark());
    this.#everyMinute();
  }

  /** True when it was ended because its reader was too slow. */
  get cutOff(): boolean {
    return this.#cutOff;
  }

  /**
   * The next items, at least one; undefined when the watch has ended (by time, by `close`, or cut off because the reader was too slow). Throws
   * a StorageError (`expired`) when the cache lost the thread. Leaving with the signal does not close it.
   */
  async next(signal?: AbortSignal): Promise<readonly WatchItem<T>[] | undefined> {
    for (;;) {
      signal?.throwIfAborted();
      if (this.#pastAt < this.#past.length && !this.#closed) {
        const items = this.#takePast();
        if (items.length > 0) return items;
        await setImmediate();
        continue;
      }
      if (this.#endBookmark !== undefined && !this.#closed) {
        const revision = this.#endBookmark;
        this.#endBookmark = undefined;
        return [{ type: 'BOOKMARK', revision, initialEventsEnd: true }];
      }
      if (this.#queue.length > 0) {
        const items = this.#queue;
        this.#queue = [];
        this.#queuedBytes = 0;
        return items;
      }
      if (this.#error !== undefined) throw this.#error;
      if (this.#closed) return undefined;
      await this.#news(signal);
    }
  }

  /** Of the cache: something happened within the scope of this watch. Never throws: an object that cannot be read ends this watch alone. */
  push(event: CacheEvent<T>): void {
    if (this.#closed || event.revision <= this.#after) return;
    let item: ObjectEvent<T> | undefined;
    try {
      item = event.seenBy(this.#options.matches);
    } catch (error) {
      this.close(unreadableObject(event.key, error));
      return;
    }
    if (item !== undefined) this.#enqueue(item, event.bytes);
  }

  /**
   * Ends the watch after what is queued; with an error, which the reader gets last. Where the past has not been read to its end, what is queued behind
   * it is dropped too: a reader comes back from the last revision that it saw, so there may be no gap before that. Safe to repeat.
   */
  close(error?: StorageError): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#error = error;
    if (this.#pastAt < this.#past.length) {
      this.#past = [];
      this.#pastAt = 0;
      this.#queue = [];
      this.#queuedBytes = 0;
    }
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    this.#options.onClosed(this);
    this.#wakeReader();
  }

  #takePast(): WatchItem<T>[] {
    const items: WatchItem<T>[] = [];
    const { matches } = this.#options;
    const until = Math.min(this.#pastAt + CHUNK, this.#past.length);
    const slice = new TimeSlice();
    for (; this.#pastAt < until && !slice.used; this.#pastAt += 1) {
      const one = this.#past[this.#pastAt];
      if (one === undefined) continue;
      try {
        if ('seenBy' in one) {
          const item = one.seenBy(matches);
          if (item !== undefined) items.push(item);
        } else if (matches === undefined || matches(one.object)) items.push(new ObjectEvent('ADDED', one));
      } catch (error) {
        this.close(unreadableObject(one.key, error));
        return items;
      }
    }
    if (this.#pastAt >= this.#past.length) {
      this.#past = [];
      this.#pastAt = 0;
    }
    return items;
  }

  #enqueue(item: WatchItem<T>, bytes: number): void {
    this.#queue.push(item);
    this.#queuedBytes += bytes;
    const { maxQueuedEvents = MAX_QUEUED_EVENTS, maxQueuedBytes = MAX_QUEUED_BYTES } = this.#options;
    if (this.#queue.length > maxQueuedEvents || this.#queuedBytes > maxQueuedBytes) {
      this.#queue = [];
      this.#past = [];
      this.#pastAt = 0;
      this.#cutOff = true;
      this.close();
      return;
    }
    this.#wakeReader();
  }

  #bookmark(): void {
    // before the initial state has been read its own bookmark is the first that may be told
    if (this.#pastAt < this.#past.length || this.#endBookmark !== undefined) return;
    const revision = Math.max(this.#options.revision(), this.#after);
    this.#enqueue({ type: 'BOOKMARK', revision, initialEventsEnd: false }, 0);
  }

  #everyMinute(): void {
    this.#later(BOOKMARK_MS, () => {
      this.#bookmark();
      if (!this.#closed) this.#everyMinute();
    });
  }

  #later(ms: number, run: () => void): void {
    const cancel = this.#options.clock.after(ms, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  #news(signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#wake = undefined;
        reject(signal?.reason);
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#wake = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
    });
  }

  #wakeReader(): void {
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }
}
