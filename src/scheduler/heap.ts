/** What comes first of things with keys: any of them can be looked up and taken out. Logarithmic in their number. */
export class Heap<T> {
  readonly #keyOf: (item: T) => string;
  readonly #isBefore: (a: T, b: T) => boolean;
  readonly #items: T[] = [];
  readonly #places = new Map<string, number>();

  constructor(keyOf: (item: T) => string, isBefore: (a: T, b: T) => boolean) {
    this.#keyOf = keyOf;
    this.#isBefore = isBefore;
  }

  get size(): number {
    return this.#items.length;
  }

  /** Without taking it. */
  first(): T | undefined {
    return this.#items[0];
  }

  has(key: string): boolean {
    return this.#places.has(key);
  }

  /** One of the same key is replaced. */
  add(item: T): void {
    this.remove(this.#keyOf(item));
    const place = this.#items.length;
    this.#put(item, place);
    this.#rise(place);
  }

  take(): T | undefined {
    const first = this.#items[0];
    return first === undefined ? undefined : this.remove(this.#keyOf(first));
  }

  remove(key: string): T | undefined {
    const place = this.#places.get(key);
    if (place === undefined) return undefined;
    const item = this.#items[place];
    const last = this.#items.pop();
    this.#places.delete(key);
    if (last !== undefined && place < this.#items.length) {
      this.#put(last, place);
      this.#rise(place);
      this.#sink(place);
    }
    return item;
  }

  #put(item: T, place: number): void {
    this.#items[place] = item;
    this.#places.set(this.#keyOf(item), place);
  }

  #rise(from: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!this.#swapIf(parent, place)) return;
      place = parent;
    }
  }

  #sink(from: number): void {
    let place = from;
    for (;;) {
      const left = 2 * place + 1;
      const child = this.#isLess(left + 1, left) ? left + 1 : left;
      if (!this.#swapIf(place, child)) return;
      place = child;
    }
  }

  /** Swaps the two where the lower one comes first. */
  #swapIf(upper: number, lower: number): boolean {
    const [a, b] = [this.#items[upper], this.#items[lower]];
    if (a === undefined || b === undefined || !this.#isBefore(b, a)) return false;
    this.#put(b, upper);
    this.#put(a, lower);
    return true;
  }

  #isLess(a: number, b: number): boolean {
    const [left, right] = [this.#items[a], this.#items[b]];
    return left !== undefined && right !== undefined && this.#isBefore(left, right);
  }
}
