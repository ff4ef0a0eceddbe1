import { describe, expect, it } from 'vitest';
import { builtinTable } from '../../../../src/api/schema/builtin.ts';
import { compareObjects } from '../../../../src/apiserver/apply/compare.ts';
import { fieldSetOf, withNamedFields } from '../../../../src/apiserver/apply/field-set.ts';
import { fieldsOf, parseFields } from '../../../../src/apiserver/apply/fields-v1.ts';
import { mergeObjects } from '../../../../src/apiserver/apply/merge.ts';
import { PathSet } from '../../../../src/apiserver/apply/path-set.ts';
import { reconcileSet } from '../../../../src/apiserver/apply/reconcile-set.ts';
import { removeItems } from '../../../../src/apiserver/apply/remove-items.ts';
import { type MapShape, shapeOf } from '../../../../src/apiserver/apply/shape.ts';
import { shapeProblem } from '../../../../src/apiserver/apply/validate.ts';
import { cpuMs } from '../../../harness/cpu-time.ts';

const FEW = 4000;
/** As many as a body may have, nearly. */
const ALL = 90_000;

const count = <T>(length: number, make: (index: number) => T): T[] => Array.from({ length }, (_, index) => make(index));
const shape = (id: string): MapShape => shapeOf(builtinTable.struct(id));

/** Objects with many elements; `from` is where their names begin. */
const SHAPES: readonly (readonly [what: string, shape: MapShape, make: (length: number, from?: number) => object])[] = [
  [
    'a set of texts',
    shape('core/v1.ConfigMap'),
    (length, from = 0) => ({ metadata: { finalizers: count(length, i => `x/${from + i}`) } }),
  ],
  [
    'a map',
    shape('core/v1.ConfigMap'),
    (length, from = 0) => ({ data: Object.fromEntries(count(length, i => [`k${from + i}`, 'v'])) }),
  ],
  [
    'elements by two keys, one of them a default',
    shape('core/v1.Service'),
    (length, from = 0) => ({ spec: { ports: count(length, i => ({ port: from + i })) } }),
  ],
  [
    'elements by their name in elements by their name',
    shape('core/v1.Pod'),
    (length, from = 0) => ({
      spec: { containers: [{ name: 'a', env: count(length, i => ({ name: `E${from + i}`, value: 'v' })) }] },
    }),
  ],
  [
    'conditions',
    shape('core/v1.Pod'),
    (length, from = 0) => ({ status: { conditions: count(length, i => ({ type: `T${from + i}`, status: 'True' })) } }),
  ],
];

/** The same with every list the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed).reverse();
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, reversed(item)]));
}

/** The less of two, for a collection of garbage may fall into any one. */
const less = (run: () => unknown): number => Math.min(...count(2, () => cpuMs(run)));

/** Time that grows with the length is four times as much; with its square, sixteen times. The constant is for what is too short to be measured. */
function expectLinear(run: (length: number) => () => unknown, length = FEW): void {
  const [few, many] = [run(length), run(4 * length)];
  few();
  expect(less(many)).toBeLessThan(9 * less(few) + 100);
}

describe.each(SHAPES)('an object takes as long as its length tells: %s', (_, of, make) => {
  it.each([
    ['equal ones', (length: number) => [make(length), make(length)]],
    ['one with half of the other', (length: number) => [make(length), make(length, length / 2)]],
    ['one in the other order', (length: number) => [make(length), reversed(make(length))]],
  ] as const)('merged and compared with %s', (_what, pair) => {
    expectLinear(length => {
      const [left, right] = pair(length);
      return () => [mergeObjects(of, left, right), compareObjects(of, left, right)];
    });
  });

  it('as a set of paths, joined with others, written and read', () => {
    expectLinear(length => {
      const [left, right] = [make(length), make(length, length / 2)];
      return () => {
        const [mine, theirs] = [fieldSetOf(of, left), withNamedFields(of, fieldSetOf(of, right))];
        const all = reconcileSet(of, mine.union(theirs).difference(mine).union(mine.intersection(theirs)));
        const again = parseFields(JSON.parse(fieldsOf(all).text));
        return [again.equals(all), PathSet.ofPaths(all.paths()), removeItems(of, left, theirs)];
      };
    });
  });

  it('checked by its types', () => {
    expectLinear(length => {
      const object = make(length);
      return () => expect(shapeProblem(of, object, 'refused')).toBeUndefined();
    });
  });
});

describe('lists as long as a body may have them', () => {
  it('are merged in time that their length tells', () => {
    const [, of, make] = SHAPES[0] as (typeof SHAPES)[number];
    expectLinear(length => {
      const [left, right] = [make(length), make(length)];
      return () => mergeObjects(of, left, right);
    }, ALL / 4);
  });
});

describe('an object of which each element is wrong', () => {
  it('is answered with all that is wrong', () => {
    const object = { metadata: { finalizers: count(200_000, i => i) } };
    const lines = shapeProblem(shape('core/v1.ConfigMap'), object, 'refused')?.split('\n');
    expect(lines?.slice(0, 2)).toEqual([
      'errors:',
      expect.stringContaining('.metadata.finalizers[=0]: expected string'),
    ]);
    expect(lines).toHaveLength(200_001);
  });
});
