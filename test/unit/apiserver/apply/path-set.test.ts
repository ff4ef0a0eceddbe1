import { describe, expect, it } from 'vitest';
import { fieldsOf, parseFields } from '../../../../src/apiserver/apply/fields-v1.ts';
import {
  compareTexts,
  fieldElement,
  keyElement,
  type PathElement,
  pathText,
  valueElement,
} from '../../../../src/apiserver/apply/path-element.ts';
import { PathSet } from '../../../../src/apiserver/apply/path-set.ts';

const path = (text: string): PathElement[] => text.split('.').map(fieldElement);
const set = (...paths: string[]): PathSet => PathSet.ofPaths(paths.map(path));
const text = (fields: unknown): string => JSON.stringify(fieldsOf(parseFields(fields)));

describe('FieldsV1', () => {
  it.each([
    ['fields in order', { 'f:b': {}, 'f:a': {} }, '{"f:a":{},"f:b":{}}'],
    ['a field with what lies below it', { 'f:a': { 'f:b': {} } }, '{"f:a":{"f:b":{}}}'],
    ['a field that is itself a member', { 'f:a': { 'f:b': {}, '.': {} } }, '{"f:a":{".":{},"f:b":{}}}'],
    ['a member alone', { 'f:a': { '.': {} } }, '{"f:a":{}}'],
    ['null as nothing below', { 'f:a': null }, '{"f:a":{}}'],
    [
      'fields before keys, keys before values, values before places',
      { 'i:0': {}, 'v:"x"': {}, 'k:{"name":"x"}': {}, 'f:z': {} },
      '{"f:z":{},"k:{\\"name\\":\\"x\\"}":{},"v:\\"x\\"":{},"i:0":{}}',
    ],
    [
      'keys by their names, and the elements by their keys',
      { 'k:{"protocol":"TCP","port":443}': {}, 'k:{"port":80,"protocol":"TCP"}': {} },
      '{"k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}":{},"k:{\\"port\\":443,\\"protocol\\":\\"TCP\\"}":{}}',
    ],
    [
      'numbers before texts, and texts before booleans',
      { 'v:true': {}, 'v:"1"': {}, 'v:10': {}, 'v:9': {} },
      '{"v:9":{},"v:10":{},"v:\\"1\\"":{},"v:true":{}}',
    ],
    ['what is marked up in HTML escaped', { 'v:"<a&b>"': {} }, '{"v:\\"\\\\u003ca\\\\u0026b\\\\u003e\\"":{}}'],
    ['names of fields as they are', { 'f:a"<b': {} }, '{"f:a\\"<b":{}}'],
    ['without steps of kinds that a later version may know', { 'x:1': {}, 'f:a': {} }, '{"f:a":{}}'],
  ])('write %s', (_, fields, expected) => {
    expect(text(fields)).toBe(expected);
  });

  it.each([
    ['a name without a kind', { a: {} }, 'key must be 2 characters long:'],
    ['a name without a colon', { field: {} }, 'missing colon: field'],
    ['a key that is no JSON', { 'k:{': {} }, 'no JSON: {'],
    ['a key that is no object', { 'k:1': {} }, 'no keys of a list: k:1'],
    ['a place that is no number', { 'i:x': {} }, 'strconv.Atoi: parsing "x": invalid syntax'],
    ['a text in the place of a tree', { 'f:a': 'x' }, 'fieldsV1 is no tree of fields'],
    ['a list in the place of a tree', [], 'fieldsV1 is no tree of fields'],
  ])('are refused for %s', (_, fields, message) => {
    expect(() => parseFields(fields)).toThrow(message);
  });
});

describe('sets of paths', () => {
  it.each([
    ['union', set('a', 'b.c').union(set('b', 'b.d')), set('a', 'b', 'b.c', 'b.d')],
    ['intersection', set('a', 'b', 'b.c', 'd.e').intersection(set('a', 'b.c', 'd')), set('a', 'b.c')],
    ['difference: what lies below stays', set('a', 'b', 'b.c').difference(set('a', 'b')), set('b.c')],
    ['difference: what stands above stays', set('b', 'b.c').difference(set('b.c')), set('b')],
    ['recursive difference', set('a', 'b', 'b.c', 'd.e').recursiveDifference(set('b', 'd.e')), set('a')],
    ['recursive difference: what stands above stays', set('b', 'b.c').recursiveDifference(set('b.c')), set('b')],
  ])('%s', (_, found, expected) => {
    expect(fieldsOf(found)).toEqual(fieldsOf(expected));
  });

  it('are the same again where an operation changes nothing', () => {
    const whole = set('a', 'b.c');
    expect([
      whole.union(set('a')) === whole,
      whole.intersection(set('a', 'b.c', 'd')) === whole,
      whole.difference(set('b', 'd')) === whole,
      whole.recursiveDifference(set('b.d')) === whole,
    ]).toEqual([true, true, true, true]);
  });

  it('say whether a path is in them', () => {
    const some = set('a.b');
    expect([some.has(path('a.b')), some.has(path('a')), some.has(path('a.b.c')), some.has([])]).toEqual([
      true,
      false,
      false,
      false,
    ]);
  });

  it('give at each step the paths that end there before those that go on', () => {
    expect([...set('b', 'b.c', 'a.z', 'a').paths()].map(pathText)).toEqual(['.a', '.b', '.a.z', '.b.c']);
  });
});

it('paths are shown as upstream shows them', () => {
  const key = keyElement([
    { name: 'protocol', value: 'TCP' },
    { name: 'containerPort', value: 80 },
  ]);
  expect(pathText([...path('spec.ports'), key, valueElement('a"b'), fieldElement('x')])).toBe(
    '.spec.ports[containerPort=80,protocol="TCP"][="a\\"b"].x',
  );
});

it('texts are ordered by their bytes, not by their UTF-16', () => {
  expect(['\u{1f600}', '\uffff', 'b', 'a', 'ab', '\u00e9'].sort(compareTexts)).toEqual([
    'a',
    'ab',
    'b',
    '\u00e9',
    '\uffff',
    '\u{1f600}',
  ]);
});
