/** Upstream's bounds of the history of one kind. */
const MIN_CAPACITY = 100;
const MAX_CAPACITY = 102_400;
/** History that a client comes back for after a bookmark: one minute, and 15 s to do so. */
const FRESH_MS = 75_000;

interface Item<E> {
  readonly event: E;
  readonly atMs: number;
}

/**
 * The newest events of one kind. Doubles while it is full of events younger than 75 s, halves when three quarters of it are older; events that
 * fall out at the old end are forgotten.
 */
export class EventRing<E extends { readonly revision: number }> {
  #items: (Item<E> | undefined)[] = new Array(MIN_CAPACITY);
  #start = 0;
  #size = 0;
  /** All events after this revision are here. */
  #completeAfter: number;

  constructor(completeAfter: number) {
    this.#completeAfter = completeAfter;
  }

  get capacity(): number {
    return this.#items.length;
  }

  /** Who has seen this revision or a later one can go on from here. */
  get completeAfter(): number {
    return this.#completeAfter;
  }

  /** `event` is newer than all before. */
  push(event: E, nowMs: number): void {
    if (this.#size === this.capacity) this.#resize(nowMs);
    if (this.#size === this.capacity) {
      this.#completeAfter = this.#at(0).event.revision;
      this.#start = (this.#start + 1) % this.capacity;
      this.#size -= 1;
    }
    this.#items[(this.#start + this.#size) % this.capacity] = { event, atMs: nowMs };
    this.#size += 1;
  }

  /** The events after a revision, oldest first, which must not be below `completeAfter`. */
  after(revision: number): E[] {
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle).event.revision <= revision) low = middle + 1;
      else high = middle;
    }
    return Array.from({ length: this.#size - low }, (_, i) => this.#at(low + i).event);
  }

  #resize(nowMs: number): void {
    const fresh = (index: number): boolean => nowMs - this.#at(index).atMs < FRESH_MS;
    if (fresh(0)) this.#moveTo(Math.min(this.capacity * 2, MAX_CAPACITY));
    else if (!fresh(this.#size - Math.floor(this.#size / 4)))
      this.#moveTo(Math.max(Math.floor(this.capacity / 2), MIN_CAPACITY));
  }

  #moveTo(capacity: number): void {
    if (capacity === this.capacity) return;
    const drop = Math.max(0, this.#size - capacity);
    if (drop > 0) this.#completeAfter = this.#at(drop - 1).event.revision;
    const kept = Array.from({ length: this.#size - drop }, (_, i) => this.#at(drop + i));
    this.#items = new Array(capacity);
    for (const [i, item] of kept.entries()) this.#items[i] = item;
    this.#start = 0;
    this.#size = kept.length;
  }

  #at(index: number): Item<E> {
    const item = this.#items[(this.#start + index) % this.capacity];
    if (item === undefined) throw new RangeError(`the ring has no event ${index}`);
    return item;
  }
}
