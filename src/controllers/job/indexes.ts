/** Sets of completion indexes, as statuses tell them: `0-3,5,7`. Pure. */

interface Interval {
  readonly first: number;
  readonly last: number;
}

export class Indexes {
  /** In order, never touching each other. */
  readonly #intervals: readonly Interval[];

  private constructor(intervals: readonly Interval[]) {
    this.#intervals = intervals;
  }

  static readonly NONE = new Indexes([]);

  static of(indexes: Iterable<number>): Indexes {
    return new Indexes([]).with(indexes);
  }

  /** What lies below `completions`; parts that are no numbers are left out. */
  static parse(text: string, completions: number): Indexes {
    const intervals = text.split(',').flatMap(part => {
      const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
      const interval = { first: Number(first), last: Math.min(Number(last), completions - 1) };
      return first === '' || interval.first >= completions ? [] : [interval];
    });
    return new Indexes(joined(intervals));
  }

  get size(): number {
    return this.#intervals.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  has(index: number): boolean {
    return this.#intervals.some(({ first, last }) => first <= index && index <= last);
  }

  with(indexes: Iterable<number>): Indexes {
    return new Indexes(joined([...this.#intervals, ...[...indexes].map(index => ({ first: index, last: index }))]));
  }

  and(other: Indexes): Indexes {
    return new Indexes(joined([...this.#intervals, ...other.#intervals]));
  }

  /** How many are in both. */
  common(other: Indexes): number {
    let count = 0;
    for (const a of this.#intervals)
      for (const b of other.#intervals) count += Math.max(0, Math.min(a.last, b.last) - Math.max(a.first, b.first) + 1);
    return count;
  }

  /** The first of those below `completions` that are not here, at most `count`. */
  missing(count: number, completions: number): number[] {
    const found: number[] = [];
    let next = 0;
    for (const { first, last } of [...this.#intervals, { first: completions, last: completions }]) {
      for (; next < first && next < completions && found.length < count; next += 1) found.push(next);
      next = Math.max(next, last + 1);
    }
    return found;
  }

  /** Two neighbours are `3,4`, more are `3-5`. */
  toString(): string {
    return this.#intervals
      .map(({ first, last }) => (first === last ? `${first}` : `${first}${last === first + 1 ? ',' : '-'}${last}`))
      .join(',');
  }
}

function joined(intervals: readonly Interval[]): Interval[] {
  const result: Interval[] = [];
  for (const each of [...intervals].sort((a, b) => a.first - b.first)) {
    const before = result.at(-1);
    if (before === undefined || each.first > before.last + 1) result.push(each);
    else if (each.last > before.last) result[result.length - 1] = { first: before.first, last: each.last };
  }
  return result;
}
