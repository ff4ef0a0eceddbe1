import type { CacheEntry } from './cache-entry.ts';

/** What a watcher is told of an object. One of these serves all watchers that see the same thing. */
export class ObjectEvent<T extends object> {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly entry: CacheEntry<T>;
  #frames: Map<string, Buffer> | undefined;

  constructor(type: 'ADDED' | 'MODIFIED' | 'DELETED', entry: CacheEntry<T>) {
    this.type = type;
    this.entry = entry;
  }

  /** A whole frame of the watch stream, made once for each media type. */
  frame(mediaType: string, encode: (event: ObjectEvent<T>) => Buffer): Buffer {
    this.#frames ??= new Map();
    let bytes = this.#frames.get(mediaType);
    if (bytes === undefined) {
      bytes = encode(this);
      this.#frames.set(mediaType, bytes);
    }
    return bytes;
  }
}

/** Says that everything up to a revision has been sent; `initialEventsEnd` with the one that ends the initial state. */
export interface Bookmark {
  readonly type: 'BOOKMARK';
  readonly revision: number;
  readonly initialEventsEnd: boolean;
}

export type WatchItem<T extends object> = ObjectEvent<T> | Bookmark;

export type Matches<T> = (object: T) => boolean;

/** A change of one object as the cache saw it: the version before and the version after. */
export class CacheEvent<T extends object> {
  readonly key: string;
  readonly revision: number;
  readonly current: CacheEntry<T> | undefined;
  readonly previous: CacheEntry<T> | undefined;
  #added: ObjectEvent<T> | undefined;
  #modified: ObjectEvent<T> | undefined;
  #deleted: ObjectEvent<T> | undefined;

  constructor(key: string, revision: number, current: CacheEntry<T> | undefined, previous: CacheEntry<T> | undefined) {
    this.key = key;
    this.revision = revision;
    this.current = current;
    this.previous = previous;
  }

  /** Bytes that a watcher which has not sent it yet keeps alive. */
  get bytes(): number {
    return (this.current ?? this.previous)?.value.length ?? 0;
  }

  /** Lets go of what can be made again. The version after the change is another's: the object may still be that. */
  forget(): void {
    this.previous?.forget();
    this.#added = undefined;
    this.#modified = undefined;
    this.#deleted = undefined;
  }

  /**
   * What one who sees only what `matches` is told: an object that begins to match is ADDED, one that no longer does is DELETED, with its last
   * matching content and the revision of this change. Undefined: nothing. Without `matches` nothing is parsed. Throws where the new version cannot be
   * decoded; an old one that cannot was seen by nobody.
   */
  seenBy(matches: Matches<T> | undefined): ObjectEvent<T> | undefined {
    const { current, previous } = this;
    const isSeen = current !== undefined && (matches === undefined || matches(current.object));
    const wasSeen = previous !== undefined && (matches === undefined || matchesReadable(previous, matches));
    if (isSeen && wasSeen) {
      this.#modified ??= new ObjectEvent('MODIFIED', current);
      return this.#modified;
    }
    if (isSeen) {
      this.#added ??= new ObjectEvent('ADDED', current);
      return this.#added;
    }
    if (wasSeen) {
      this.#deleted ??= new ObjectEvent('DELETED', previous.at(this.revision));
      return this.#deleted;
    }
    return undefined;
  }
}

function matchesReadable<T extends object>(entry: CacheEntry<T>, matches: Matches<T>): boolean {
  try {
    return matches(entry.object);
  } catch {
    return false;
  }
}
