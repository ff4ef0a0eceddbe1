import { describe, expect, it } from 'vitest';
import { holdsOthers } from '../../../../src/bootstrap/reset/holds-others.ts';

describe('what is told of a directory that stays', () => {
  it.each([
    [[], undefined],
    [['a'], 'it holds what Gantry has not made: a'],
    [['a', 'b', 'c'], 'it holds what Gantry has not made: a, b, c'],
    [['a', 'b', 'c', 'd'], 'it holds what Gantry has not made: a, b, c and 1 more'],
    [Array.from({ length: 5000 }, (_, i) => `${i}`), 'it holds what Gantry has not made: 0, 1, 2 and 4997 more'],
  ])('names three of those that others have there at most (%#)', (names, because) => {
    expect(holdsOthers(names)).toBe(because);
  });
});
