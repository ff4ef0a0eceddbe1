import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const classes = new Judge('scheduling.k8s.io', 'priorityclasses', { value: 5 });
const system = (name: string, changes: Changes = {}): Changes => ({ 'metadata.name': name, ...changes });
const RESERVED =
  "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for system use only. error: ";

describe('a priority class', () => {
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['is taken', {}, []],
    ['may be below zero', { value: -2147483648 }, []],
    [
      'is not above those of the system',
      { value: 1_000_000_001 },
      ['value: Forbidden: maximum allowed value of a user defined priority is 1000000000'],
    ],
    ['of the system is taken', system('system-node-critical', { value: 2_000_001_000 }), []],
    [
      'of the system has its value',
      system('system-node-critical'),
      [`${RESERVED}value of system-node-critical PriorityClass must be 2000001000`],
    ],
    [
      'of the system is not the default',
      system('system-node-critical', { value: 2_000_001_000, globalDefault: true }),
      [`${RESERVED}globalDefault of system-node-critical PriorityClass must be false`],
    ],
    ['of the system is known', system('system-x'), [`${RESERVED}system-x is not a known system priority class`]],
    ['preempts in some way', { preemptionPolicy: '' }, ['preemptionPolicy: Required value']],
    [
      'preempts in a known way',
      { preemptionPolicy: 'Any' },
      ['preemptionPolicy: Unsupported value: "Any": supported values: "PreemptLowerPriority", "Never"'],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(classes.created(changes)).toEqual(errors);
  });

  it('may be the default, and keeps its value', () => {
    expect(classes.changed({ globalDefault: true })).toEqual([]);
    expect(classes.changed({ value: 6, preemptionPolicy: 'Never' })).toEqual([
      'value: Forbidden: may not be changed in an update.',
      'preemptionPolicy: Invalid value: "Never": field is immutable',
    ]);
  });
});
