import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { planLogRotation } from '../../../../src/kubelet/decide/plan-log-rotation.ts';

const A = '0.log.20260101-000000';
const B = '0.log.20260101-000010';
const C = '0.log.20260101-000020';
const D = '0.log.20260101-000030';

describe('planLogRotation', () => {
  it.each([
    ['does nothing where there is none', ['0.log'], 5, { remove: [], compress: [] }],
    ['compresses what was rotated before', ['0.log', A], 5, { remove: [], compress: [A] }],
    ['removes the oldest', ['0.log', `${A}.gz`, `${B}.gz`, `${C}.gz`, D], 5, { remove: [`${A}.gz`], compress: [D] }],
    ['has none beside the two newest where two are allowed', ['0.log', A, B], 2, { remove: [A, B], compress: [] }],
    [
      'clears up after an interrupted compression',
      ['0.log', A, `${A}.tmp`],
      5,
      { remove: [`${A}.tmp`], compress: [A] },
    ],
    ['removes what was compressed but not removed', ['0.log', A, `${A}.gz`], 5, { remove: [A], compress: [] }],
    [
      "leaves conmon's next log and other containers' alone",
      ['0.log', '0.log.tmp', '1.log', `1${A.slice(1)}`, '.0.log.kept'],
      2,
      { remove: [], compress: [] },
    ],
  ] as const)('%s', (_sentence, names, maxFiles, plan) => {
    expect(planLogRotation('0.log', names, maxFiles)).toEqual(plan);
  });

  it('never plans a file twice, and leaves at most what is allowed', () => {
    const name = fc.tuple(fc.constantFrom(A, B, C, D), fc.constantFrom('', '.gz', '.tmp')).map(parts => parts.join(''));
    fc.assert(
      fc.property(fc.uniqueArray(name), fc.integer({ min: 2, max: 6 }), (names, maxFiles) => {
        const { remove, compress } = planLogRotation('0.log', names, maxFiles);
        expect(new Set([...remove, ...compress]).size).toBe(remove.length + compress.length);
        expect(names.length - remove.length).toBeLessThanOrEqual(maxFiles - 2);
      }),
      { seed: 6 },
    );
  });
});
