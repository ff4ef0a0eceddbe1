import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignSlots, classId, stickyIds } from '../../../../src/proxy/compile/slots.ts';

describe('assignSlots', () => {
  it.each([
    ['the first', [], ['a', 'b'], ['a', 'b']],
    ['one more goes to the end', ['a', 'b'], ['a', 'b', 'c'], ['a', 'b', 'c']],
    ['the last one moves into a hole', ['a', 'b', 'c'], ['b', 'c'], ['c', 'b']],
    ['the last one goes', ['a', 'b', 'c'], ['a', 'b'], ['a', 'b']],
    ['a new one fills a hole', ['a', 'b', 'c'], ['a', 'c', 'd'], ['a', 'd', 'c']],
    ['all go', ['a', 'b'], [], []],
    ['all are others', ['a', 'b'], ['c', 'd', 'e'], ['c', 'd', 'e']],
  ])('%s', (_, before, wanted, expected) => {
    expect(assignSlots(before, wanted)).toEqual(expected);
  });

  it('holds exactly what is wanted, and changes few places', () => {
    const names = fc.uniqueArray(fc.integer({ min: 0, max: 30 }).map(String), { maxLength: 20 });
    fc.assert(
      fc.property(names, names, (before, wanted) => {
        const after = assignSlots(before, wanted);
        expect(after.toSorted()).toEqual(wanted.toSorted());
        const moved = after.filter((key, slot) => slot < before.length && before[slot] !== key).length;
        const gone = before.filter(key => !wanted.includes(key)).length;
        expect(moved).toBeLessThanOrEqual(gone);
      }),
      { seed: 7 },
    );
  });
});

describe('stickyIds', () => {
  it('are the same whatever the order, and never twice or 0', () => {
    const keys = Array.from({ length: 2000 }, (_, i) => `10.0.${i >> 8}.${i & 255} . 8080`);
    const ids = stickyIds(keys);
    expect(new Set(ids.values()).size).toBe(2000);
    expect(Math.min(...ids.values())).toBeGreaterThan(0);
    expect(stickyIds(keys.toReversed())).toEqual(ids);
  });

  it('are written in two halves', () => {
    expect([0, 10, 0x12ab0002].map(classId)).toEqual(['0:0', '0:a', '12ab:2']);
  });
});
