import { describe, expect, it } from 'vitest';
import type { Refusal } from '../../../src/scheduler/filter/filter.ts';
import { fitErrorText } from '../../../src/scheduler/fit-error.ts';

const refusal = (...reasons: string[]): Refusal => ({ plugin: 'p', isFinal: false, reasons });
const nodes = (...each: Refusal[]): ReadonlyMap<string, Refusal> => new Map(each.map((one, i) => [`n${i}`, one]));
const TAINTED = refusal('node(s) had untolerated taint(s)');
const CPU = refusal('Insufficient cpu');

describe('why a pod fits nowhere', () => {
  it.each([
    [
      'counts the nodes of each reason',
      { total: 3, byNode: nodes(CPU, TAINTED, CPU) },
      '',
      '0/3 nodes are available: 1 node(s) had untolerated taint(s), 2 Insufficient cpu.',
    ],
    [
      'counts every reason of a node',
      { total: 1, byNode: nodes(refusal('Insufficient cpu', 'Insufficient memory')) },
      '',
      '0/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory.',
    ],
    [
      'is ordered as texts are',
      { total: 12, byNode: nodes(TAINTED, TAINTED, ...Array.from({ length: 10 }, () => CPU)) },
      '',
      '0/12 nodes are available: 10 Insufficient cpu, 2 node(s) had untolerated taint(s).',
    ],
    [
      'says what holds for the nodes that were not asked about',
      { total: 3, byNode: nodes(CPU), elsewhere: 'elsewhere' },
      '',
      '0/3 nodes are available: 1 Insufficient cpu, 2 elsewhere.',
    ],
    [
      'says once what holds everywhere',
      { total: 3, byNode: nodes(), everywhere: refusal('pod affinity terms conflict') },
      '',
      '0/3 nodes are available: pod affinity terms conflict.',
    ],
    [
      'ends with what preemption found',
      { total: 1, byNode: nodes(CPU) },
      'preemption: x.',
      '0/1 nodes are available: 1 Insufficient cpu. preemption: x.',
    ],
  ])('%s', (_, diagnosis, preemption, expected) => {
    expect(fitErrorText(diagnosis, preemption)).toBe(expected);
  });
});
