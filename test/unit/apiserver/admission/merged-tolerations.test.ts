import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Toleration } from '../../../../src/api/types/gen/core-v1.ts';
import { mergedTolerations } from '../../../../src/apiserver/admission/merged-tolerations.ts';
import { cpuMs } from '../../../harness/cpu-time.ts';

const equal = (a: Toleration, b: Toleration): boolean => {
  const text = ({ key, operator, value, effect, tolerationSeconds }: Toleration): string =>
    JSON.stringify([key || '', operator || '', value || '', effect || '', tolerationSeconds]);
  return text(a) === text(b);
};

/** Whether one covers another, said as plainly as can be. */
function covers(wide: Toleration, narrow: Toleration): boolean {
  if (equal(wide, narrow)) return true;
  const { key = '', value = '' } = wide;
  const [operator, effect]: readonly string[] = [wide.operator ?? '', wide.effect ?? ''];
  if ((narrow.key ?? '') !== key && !(key === '' && operator === 'Exists')) return false;
  if (effect !== '' && effect !== narrow.effect) return false;
  const most = wide.tolerationSeconds;
  if (effect === 'NoExecute' && most !== undefined && (narrow.tolerationSeconds ?? Number.POSITIVE_INFINITY) > most)
    return false;
  if (operator === 'Exists') return true;
  return (operator === 'Equal' || operator === '') && narrow.operator === 'Equal' && (narrow.value ?? '') === value;
}

/** Each compared with each. */
function compared(all: readonly Toleration[]): readonly Toleration[] {
  const merged: Toleration[] = [];
  for (const [index, each] of all.entries()) {
    const later = all.slice(index + 1).filter(other => !equal(other, each));
    if (![...merged, ...later].some(other => covers(other, each))) merged.push(each);
  }
  return merged;
}

const toleration = fc.record(
  {
    key: fc.constantFrom('', 'a', 'b'),
    operator: fc.constantFrom('', 'Equal', 'Exists', 'Lt'),
    value: fc.constantFrom('', 'x'),
    effect: fc.constantFrom('', 'NoSchedule', 'NoExecute'),
    tolerationSeconds: fc.constantFrom(0, 1, 2),
  },
  { requiredKeys: [] },
);

describe('the tolerations of a pod and those of its runtime class', () => {
  it('are merged as if each were compared with each', () => {
    fc.assert(
      fc.property(fc.array(toleration, { maxLength: 8 }), sent => {
        const all = sent as readonly Toleration[];
        expect(mergedTolerations(all)).toEqual(compared(all));
      }),
      { seed: 20_301_128, numRuns: 3000 },
    );
  });

  it.each([
    ['all the same', () => ({ key: 'a', operator: 'Exists' })],
    ['all others', (index: number) => ({ key: `k${index}`, operator: 'Equal', value: 'x' })],
    ['for ever longer', (index: number) => ({ key: 'a', effect: 'NoExecute', tolerationSeconds: index })],
  ])('are merged at once where there are very many: %s', (_, make) => {
    const all = Array.from({ length: 100_000 }, (_element, index) => make(index) as Toleration);
    expect(cpuMs(() => mergedTolerations(all))).toBeLessThan(3000);
  });
});
