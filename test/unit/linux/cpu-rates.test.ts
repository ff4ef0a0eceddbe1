import { expect, it } from 'vitest';
import { CpuRates } from '../../../src/linux/cpu-rates.ts';

const S = 1_000_000_000n;

it.each([
  ['the first reading has none', [[0n, 0n]], [undefined]],
  [
    'half a core over ten seconds',
    [
      [0n, 0n],
      [5n * S, 10n * S],
    ],
    [undefined, S / 2n],
  ],
  [
    'a reading too soon repeats what was known, and the next counts from the one before it',
    [
      [0n, 0n],
      [2n * S, 2n * S],
      [3n * S, 2n * S + S / 2n],
      [3n * S, 4n * S],
    ],
    [undefined, S, S, S / 2n],
  ],
  [
    'a counter that began anew has none',
    [
      [5n * S, 0n],
      [S, 10n * S],
      [2n * S, 12n * S],
    ],
    [undefined, undefined, S / 2n],
  ],
  [
    'a clock that went back has none',
    [
      [0n, 10n * S],
      [S, 5n * S],
      [2n * S, 6n * S],
    ],
    [undefined, undefined, S],
  ],
])('the rate of a counter: %s', (_sentence, readings, expected) => {
  const rates = new CpuRates();
  expect(readings.map(([used = 0n, at = 0n]) => rates.take('a', { used, at }))).toEqual(expected);
});

it('counters that are not kept are forgotten, and each has its own', () => {
  const rates = new CpuRates();
  for (const key of ['a', 'b']) rates.take(key, { used: 0n, at: 0n });
  rates.keep(new Set(['a']));
  expect(['a', 'b'].map(key => rates.take(key, { used: S, at: S }))).toEqual([S, undefined]);
});
