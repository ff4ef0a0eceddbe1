/** A small seeded generator (mulberry32): the same seed gives the same numbers, so a failing run can be had again. */
export interface Random {
  readonly seed: number;
  /** 0 <= x < 1. */
  next(): number;
  below(limit: number): number;
  pick<T>(values: readonly [T, ...T[]]): T;
}

/** GANTRY_SEED repeats a run; otherwise the seed is new. Say it in the test's name or output. */
export function seededRandom(seed = Number(process.env['GANTRY_SEED'] ?? Date.now() % 1_000_000)): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 0x100000000;
  };
  const below = (limit: number): number => Math.floor(next() * limit);
  return { seed, next, below, pick: values => values[below(values.length)] ?? values[0] };
}
