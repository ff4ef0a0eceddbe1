import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { yamlText } from '../../../../src/api/encode/yaml-text.ts';

const ROWS: [what: string, value: unknown, text: string][] = [
  ['names in order', { b: 1, a: 'x' }, 'a: x\nb: 1\n'],
  ['objects inside', { a: { b: { c: true } } }, 'a:\n  b:\n    c: true\n'],
  ['lists at the depth of their name', { a: [1, 'b'] }, 'a:\n- 1\n- b\n'],
  ['objects in lists', [{ b: 2, a: [{ c: 3 }] }, {}], '- a:\n  - c: 3\n  b: 2\n- {}\n'],
  ['lists in lists', [[1, [2]], []], '- - 1\n  - - 2\n- []\n'],
  ['what is empty', { a: [], b: {}, c: '', d: null }, 'a: []\nb: {}\nc: ""\nd: null\n'],
  ['what is not there', { a: undefined, b: { c: undefined } }, 'b: {}\n'],
  [
    'images and sentences',
    ['registry.k8s.io/a:v1@x', 'it is done, twice'],
    '- registry.k8s.io/a:v1@x\n- it is done, twice\n',
  ],
  ['several lines', { a: 'x\ny' }, 'a: "x\\ny"\n'],
  ['a single text', 'a', 'a\n'],
];

describe('YAML', () => {
  it.each(ROWS)('of %s', (_, value, text) => {
    expect(yamlText(value)).toBe(text);
  });

  // what a reader of YAML 1.1 takes for something else: upstream's is one
  it.each([
    'yes',
    'No',
    'on',
    'y',
    'true',
    'null',
    '~',
    '',
    '1',
    '1.5',
    '1e3',
    '0x10',
    '010',
    '12:30:45',
    '2030-01-01',
    '2030-01-01T00:00:00Z',
    '.inf',
    '- a',
    'a: b',
    'a:',
    '# a',
    '=',
    '<<',
    ' a',
    'a ',
  ])('quotes the text %j', text => {
    expect(yamlText(text)).toBe(`${JSON.stringify(text)}\n`);
  });

  it.each(['\u0085', '\u2028', '\ufeff', '\x7f'])('escapes %j, which may end a line', text => {
    expect(yamlText(`a${text}b`)).toMatch(/^"a\\u[0-9a-f]{4}b"\n$/);
  });

  it.each(['1.1', '1.2'] as const)('is read back as it was by YAML %s, whatever it is', version => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...' :-#,[]{}\n\ty1eonx"\'|>%@`!&*?~.=') }),
    );
    const { tree } = fc.letrec(tie => ({
      tree: fc.oneof(
        { depthSize: 'small' },
        text,
        fc.integer(),
        fc.boolean(),
        fc.constant(null),
        fc.double({ noNaN: true, noDefaultInfinity: true }).map(n => (Object.is(n, -0) ? 0 : n)),
        fc.array(tie('tree')),
        fc.dictionary(
          text.filter(name => name !== '__proto__'),
          tie('tree'),
        ),
      ),
    }));
    fc.assert(
      fc.property(tree, value => {
        expect(parse(yamlText(value), { version, maxAliasCount: -1 })).toEqual(JSON.parse(JSON.stringify(value)));
      }),
      { seed: 11, numRuns: 500 },
    );
  });
});
