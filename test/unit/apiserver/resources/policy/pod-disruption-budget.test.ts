import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const budgets = new Judge('policy', 'poddisruptionbudgets', { spec: { minAvailable: 1, selector: {} } });
const PERCENT =
  "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')";

describe('a disruption budget', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['is taken', {}, []],
    ['may be empty', { spec: {} }, []],
    ['may be a percentage', { 'spec.minAvailable': '100%' }, []],
    [
      'has one bound, a policy that is known and a selector that can be read',
      {
        spec: {
          minAvailable: '101%',
          maxUnavailable: '1.5%',
          unhealthyPodEvictionPolicy: 'Any',
          selector: { matchExpressions: [{ key: 'a', operator: 'In' }] },
        },
      },
      [
        'spec: Invalid value: {"minAvailable":"101%","maxUnavailable":"1.5%","unhealthyPodEvictionPolicy":"Any","selector":{"matchExpressions":[{"key":"a","operator":"In"}]}}: minAvailable and maxUnavailable cannot be both set',
        'spec.minAvailable: Invalid value: "101%": must not be greater than 100%',
        `spec.maxUnavailable: Invalid value: "1.5%": ${PERCENT}`,
        "spec.selector.matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'",
        'spec.unhealthyPodEvictionPolicy: Unsupported value: "Any": supported values: "AlwaysAllow", "IfHealthyBudget"',
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(budgets.created(changes)).toEqual(errors);
  });

  it('has complete conditions and counters in its status', () => {
    const good = { type: 'DisruptionAllowed', status: 'True', reason: 'Enough', message: '' };
    const time = { lastTransitionTime: '2026-01-01T00:00:00Z' };
    const told = (conditions: readonly object[]): string[] =>
      budgets.changed({ 'status.conditions': conditions }, {}, 'status');
    expect(told([{ ...good, ...time }])).toEqual([]);
    expect(told([{ ...good, ...time }, good])).toEqual([
      'status.conditions[1].type: Duplicate value: "DisruptionAllowed"',
      'status.conditions[1].lastTransitionTime: Required value',
    ]);
    expect(
      told([
        {
          ...time,
          type: 'A',
          status: 'Maybe',
          observedGeneration: -1,
          reason: 'not a reason',
          message: 'x'.repeat(32769),
        },
      ]),
    ).toEqual([
      'status.conditions[0].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"',
      'status.conditions[0].observedGeneration: Invalid value: -1: must be greater than or equal to zero',
      expect.stringContaining(
        'status.conditions[0].reason: Invalid value: "not a reason": a condition reason must start',
      ),
      'status.conditions[0].message: Too long: may not be more than 32768 bytes',
    ]);
    expect(budgets.changed({ 'status.expectedPods': -1 }, {}, 'status')).toEqual([
      'status.expectedPods: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });

  it('keeps values in its selector that no label has', () => {
    const before = { 'spec.selector': { matchExpressions: [{ key: 'a', operator: 'In', values: ['-'] }] } };
    expect(budgets.created(before)).toHaveLength(1);
    expect(budgets.changed({ 'spec.minAvailable': 2 }, before)).toEqual([]);
  });
});
