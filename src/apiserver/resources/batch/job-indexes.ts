/** A list of indexes of a job that cannot be read. The message is upstream's. */
export class JobIndexError extends Error {}

interface Interval {
  readonly first: number;
  readonly last: number;
}

/** How many indexes a list like `1,3-5` names; each is below `completions` and above the one before. Throws JobIndexError. */
export function countIndexes(text: string, completions: number): number {
  if (text === '') return 0;
  let total = 0;
  let before: number | undefined;
  for (const part of text.split(',')) {
    const { first, last } = parseInterval(part, completions);
    if (before !== undefined && before >= first)
      throw new JobIndexError(`non-increasing order, previous: ${before}, current: ${first}`);
    total += last - first + 1;
    before = last;
  }
  return total;
}

/** The first index that both lists name. What cannot be read is passed over: it has an error of its own. */
export function sharedIndex(completed: string, failed: string, completions: number): number | undefined {
  const done = readable(completed, completions);
  const lost = readable(failed, completions);
  let [i, j] = [0, 0];
  for (;;) {
    const [a, b] = [done[i], lost[j]];
    if (a === undefined || b === undefined) return undefined;
    if (a.first <= b.last && b.first <= a.last) return Math.max(a.first, b.first);
    if (a.first <= b.first) i += 1;
    else j += 1;
  }
}

function readable(text: string, completions: number): Interval[] {
  return text.split(',').flatMap(part => {
    try {
      return [parseInterval(part, completions)];
    } catch (error) {
      if (error instanceof JobIndexError) return [];
      throw error;
    }
  });
}

function parseInterval(text: string, completions: number): Interval {
  const [from = '', to, ...others] = text.split('-');
  if (others.length > 0)
    throw new JobIndexError(
      `the fragment ${JSON.stringify(text)} violates the requirement that an index interval can have at most two parts separated by '-'`,
    );
  const first = parseIndex(from, completions);
  if (to === undefined) return { first, last: first };
  const last = parseIndex(to, completions);
  if (first >= last) throw new JobIndexError(`non-increasing order, previous: ${first}, current: ${last}`);
  return { first, last };
}

function parseIndex(text: string, completions: number): number {
  if (!/^\+?[0-9]+$/.test(text) || BigInt(text.replace('+', '')) >= 2n ** 63n)
    throw new JobIndexError(`cannot convert string to integer for index: ${JSON.stringify(text)}`);
  if (Number(text) >= completions) throw new JobIndexError(`too large index: ${JSON.stringify(text)}`);
  return Number(text);
}
