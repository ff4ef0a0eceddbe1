import { describe, expect, it } from 'vitest';
import { applyMergePatch } from '../../../../src/apiserver/patch/merge-patch.ts';

describe('a JSON merge patch', () => {
  it.each([
    ['sets and removes members', { a: 1, b: 2 }, { b: null, c: 3 }, { a: 1, c: 3 }],
    ['goes down into objects', { a: { b: 1, c: 2 } }, { a: { c: null } }, { a: { b: 1 } }],
    ['replaces lists', { a: [1, 2] }, { a: [3] }, { a: [3] }],
    ['replaces what is no object', { a: 1 }, { a: { b: 1 } }, { a: { b: 1 } }],
    ['adds no null', {}, { a: { b: null, c: [{ d: null, e: 1 }, null] } }, { a: { c: [{ e: 1 }, null] } }],
  ])('%s', (_, object, patch, expected) => {
    const before = JSON.stringify([object, patch]);
    expect(applyMergePatch(object, patch)).toEqual(expected);
    expect(JSON.stringify([object, patch])).toBe(before);
  });

  it('keeps __proto__ a name like any other', () => {
    const result = applyMergePatch({}, JSON.parse('{"__proto__":{"x":1}}'));
    expect([JSON.stringify(result), Object.getPrototypeOf(result)]).toEqual([
      '{"__proto__":{"x":1}}',
      Object.prototype,
    ]);
  });

  it('must be an object', () => {
    expect(() => applyMergePatch({}, [])).toThrow(
      'json: cannot unmarshal array into Go value of type map[string]interface {}',
    );
  });
});
