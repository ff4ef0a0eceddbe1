import { describe, expect, it } from 'vitest';
import { toleratesTaint, untoleratedTaint } from '../../../src/api/tolerations.ts';
import type { Taint, Toleration } from '../../../src/api/types/gen/core-v1.ts';

const taint = (key: string, value: string, effect: string): Taint => ({ key, value, effect }) as Taint;
const DEDICATED = taint('dedicated', 'db', 'NoSchedule');

describe('a toleration', () => {
  it.each([
    ['key, value and effect', { key: 'dedicated', operator: 'Equal', value: 'db', effect: 'NoSchedule' }, true],
    ['without an operator means equal', { key: 'dedicated', value: 'db', effect: 'NoSchedule' }, true],
    ['of another value', { key: 'dedicated', value: 'web', effect: 'NoSchedule' }, false],
    ['of another effect', { key: 'dedicated', value: 'db', effect: 'NoExecute' }, false],
    ['of every effect', { key: 'dedicated', value: 'db' }, true],
    ['of any value', { key: 'dedicated', operator: 'Exists' }, true],
    ['of another key', { key: 'other', operator: 'Exists' }, false],
    ['of everything', { operator: 'Exists' }, true],
    ['by a number, whose gate is off', { key: 'dedicated', operator: 'Gt', value: '1' }, false],
  ] as const)('%s', (_, toleration, expected) => {
    expect(toleratesTaint(toleration as Toleration, DEDICATED)).toBe(expected);
  });
});

describe('the taint that nothing covers', () => {
  const taints = [DEDICATED, taint('soft', '', 'PreferNoSchedule'), taint('gone', '', 'NoExecute')];

  it('is the first of the effects asked about', () => {
    expect(untoleratedTaint(taints, undefined, ['NoSchedule', 'NoExecute'])).toBe(DEDICATED);
    expect(untoleratedTaint(taints, undefined, ['PreferNoSchedule'])?.key).toBe('soft');
  });

  it('is none where all are covered, or none is there', () => {
    expect(untoleratedTaint(taints, [{ operator: 'Exists' }], ['NoSchedule', 'NoExecute'])).toBeUndefined();
    expect(untoleratedTaint(undefined, undefined, ['NoSchedule'])).toBeUndefined();
  });

  it('has an effect that was asked about', () => {
    const tolerations: readonly Toleration[] = [{ key: 'dedicated', operator: 'Exists' }];
    expect(untoleratedTaint(taints, tolerations, ['NoSchedule'])).toBeUndefined();
    expect(untoleratedTaint(taints, tolerations, ['NoSchedule', 'NoExecute'])?.key).toBe('gone');
  });
});
