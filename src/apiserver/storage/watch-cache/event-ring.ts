/** Upstream's bounds of the history of one kind. */
const MIN_CAPACITY = 100;
const MAX_CAPACITY = 102_400;
/** History that a client comes back for after a bookmark: one minute, and 15 s to do so. */
const FRESH_MS = 75_000;
/** Of the objects in the history of one kind: ours alone. Upstream keeps 75 s of objects of a megabyte, however many a second are written. */
const MAX_BYTES = 256 * 1024 * 1024;

interface Item<E> {
  readonly event: E;
  readonly atMs: number;
}

/**
 * The newest events of one kind. Doubles while it is full of events younger than 75 s, halves when three quarters of it are older; events that
 * fall out at the old end are forgotten. `bytes` of an event: what it keeps alive; beyond 256 MiB the oldest go, all but the newest hundred.
 */
export class EventRing<E extends { readonly revision: number; readonly bytes?: number }> {
  #items: (Item<E> | undefined)[] = new Array(MIN_CAPACITY);
  #start = 0;
  #size = 0;
  #bytes = 0;
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
    if (this.#size === this.capacity) this.#dropOldest();
    this.#bytes += event.bytes ?? 0;
    while (this.#bytes > MAX_BYTES && this.#size >= MIN_CAPACITY) this.#dropOldest();
    this.#items[(this.#start + this.#size) % this.capacity] = { event, atMs: nowMs };
    this.#size += 1;
  }

  /** The event that `count` others came after. */
  before(count: number): E | undefined {
    return count < this.#size ? this.#at(this.#size - 1 - count).event : undefined;
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

  #dropOldest(): void {
    const { event } = this.#at(0);
    this.#completeAfter = event.revision;
    this.#bytes -= event.bytes ?? 0;
    this.#items[this.#start] = undefined;
    this.#start = (this.#start + 1) % this.capacity;
    this.#size -= 1;
  }

  #moveTo(capacity: number): void {
    if (capacity === this.capacity) return;
    while (this.#size > capacity) this.#dropOldest();
    const kept = Array.from({ length: this.#size }, (_, i) => this.#at(i));
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
