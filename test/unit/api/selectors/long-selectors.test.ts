import { describe, expect, it } from 'vitest';
import { parseFieldSelector } from '../../../../src/api/selectors/field-selector.ts';
import { parseLabelSelector } from '../../../../src/api/selectors/label-selector.ts';

/** As much as the line of a request holds. */
const BYTES = 100_000;
const OBJECTS = Array.from({ length: 5000 }, (_, index) => ({ a: 'x', n: '5', [`k${index}`]: 'y' }));

function repeated(make: (index: number) => string): string {
  const parts: string[] = [];
  for (let length = 0; length < BYTES; length += (parts.at(-1)?.length ?? 0) + 1) parts.push(make(parts.length));
  return parts.join(',');
}

const LABELS: readonly (readonly [what: string, text: string, found: number])[] = [
  ['one key is none of many values', repeated(i => `a!=v${i}`), 5000],
  ['one key is one of many values', `a in (${repeated(i => `v${i}`)},x)`, 5000],
  ['one key is in many sets', repeated(i => `a in (x,v${i})`), 5000],
  ['very many keys are not there', repeated(i => `!m${i}`), 5000],
  ['very many keys have other values', repeated(i => `k${i}!=z`), 5000],
  ['very many keys are there', repeated(i => `k${i}`), 0],
  ['a number is above many', repeated(i => `n>${i % 5}`), 5000],
  ['a number is below and above many', `${repeated(i => `n<${i + 6}`)},n>4`, 5000],
];

const FIELDS: readonly (readonly [what: string, text: string, found: number])[] = [
  ['one field is none of many values', repeated(i => `a!=v${i}`), 5000],
  ['one field is the same many times', repeated(() => 'a=x'), 5000],
];

describe('a selector as long as a request, over 5,000 objects', () => {
  it.each(LABELS)('of labels, where %s', (_, text, found) => {
    const before = process.cpuUsage();
    const selector = parseLabelSelector(text);
    expect(OBJECTS.filter(labels => selector.matches(labels))).toHaveLength(found);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(500);
  });

  it.each(FIELDS)('of fields, where %s', (_, text, found) => {
    const before = process.cpuUsage();
    const selector = parseFieldSelector(text);
    const values = OBJECTS.map(object => new Map(Object.entries(object)));
    expect(values.filter(object => selector.matches(field => object.get(field)))).toHaveLength(found);
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1000).toBeLessThan(500);
  });
});

describe('requirements about one key', () => {
  const LABELED = { a: 'x', n: '5', empty: '', word: 'w' };
  it.each([
    ['a=x,a!=y', true],
    ['a=x,a=y', false],
    ['a in (x,y),a in (y,z)', false],
    ['a in (x,y),a in (x,z)', true],
    ['a in (x,y),a notin (x)', false],
    ['a,!a', false],
    ['!b,b!=x', true],
    ['!b,b=x', false],
    ['b notin (x),b', false],
    ['n>4,n>3,n<6', true],
    ['n>4,n>5', false],
    ['n<9,n<5', false],
    ['word>1', false],
    ['b>1', false],
    ['empty=', true],
    ['b=', false],
    ['b!=', true],
    ['constructor', false],
    ['!constructor,toString!=x', true],
  ])('%s is %s', (text, expected) => {
    expect(parseLabelSelector(text).matches(LABELED)).toBe(expected);
  });

  it.each([
    ['a=x,a!=y', true],
    ['a=x,a=y', false],
    ['b=', true],
    ['b!=', false],
    ['a!=x,a=x', false],
  ])('of fields %s is %s', (text, expected) => {
    expect(parseFieldSelector(text).matches(field => ({ a: 'x' })[field])).toBe(expected);
  });
});
