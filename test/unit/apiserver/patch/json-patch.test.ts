import { describe, expect, it } from 'vitest';
import { applyJsonPatch } from '../../../../src/apiserver/patch/json-patch.ts';

const document = () => ({ a: { b: [1, 2, 3], 'x/y': 1, 'm~n': 2 }, s: 'text' });

describe('a JSON patch', () => {
  it.each([
    ['adds a member', [{ op: 'add', path: '/n', value: 1 }], { ...document(), n: 1 }],
    [
      'puts an element in front',
      [{ op: 'add', path: '/a/b/0', value: 0 }],
      { ...document(), a: { ...document().a, b: [0, 1, 2, 3] } },
    ],
    [
      'puts one behind the last',
      [{ op: 'add', path: '/a/b/-', value: 4 }],
      { ...document(), a: { ...document().a, b: [1, 2, 3, 4] } },
    ],
    ['counts from the end', [{ op: 'remove', path: '/a/b/-1' }], { ...document(), a: { ...document().a, b: [1, 2] } }],
    [
      'removes and replaces',
      [
        { op: 'remove', path: '/a' },
        { op: 'replace', path: '/s', value: null },
      ],
      { s: null },
    ],
    ['moves', [{ op: 'move', from: '/a/b', path: '/s' }], { a: { 'x/y': 1, 'm~n': 2 }, s: [1, 2, 3] }],
    ['copies', [{ op: 'copy', from: '/a/b/1', path: '/s' }], { ...document(), s: 2 }],
    [
      'tests, the order of members apart',
      [{ op: 'test', path: '/a', value: { 'm~n': 2, 'x/y': 1, b: [1, 2, 3] } }],
      document(),
    ],
    ['tests for absence with null', [{ op: 'test', path: '/z', value: null }], document()],
    [
      'reads escapes',
      [
        { op: 'remove', path: '/a/x~1y' },
        { op: 'remove', path: '/a/m~0n' },
      ],
      { a: { b: [1, 2, 3] }, s: 'text' },
    ],
    [
      'replaces what is not there, as upstream does',
      [{ op: 'replace', path: '/q', value: 1 }],
      { ...document(), q: 1 },
    ],
    ['replaces all', [{ op: 'replace', path: '', value: { z: 1 } }], { z: 1 }],
  ])('%s', (_, patch, expected) => {
    const given = document();
    expect(applyJsonPatch(given, patch)).toEqual(expected);
    expect(given).toEqual(document());
  });

  it.each([
    [
      'no list',
      {},
      'error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp',
      'invalid-argument',
    ],
    [
      'a path that is no text',
      [{ op: 'add', path: 1 }],
      'error decoding patch: json: cannot unmarshal number into Go struct field jsonPatchOp.path of type string',
      'invalid-argument',
    ],
    ['an unknown operation', [{ op: 'x', path: '/a' }], 'Unexpected kind: x', 'failed-precondition'],
    ['no path', [{ op: 'add' }], 'add operation failed to decode path: missing value', 'failed-precondition'],
    [
      'no path to replace',
      [{ op: 'replace', value: 1 }],
      'replace operation failed to decode path: operation missing path field: missing value',
      'failed-precondition',
    ],
    [
      'an index that no number holds',
      [{ op: 'remove', path: '/a/b/99999999999999999999' }],
      'error in remove for path: \'/a/b/99999999999999999999\': strconv.Atoi: parsing "99999999999999999999": value out of range',
      'failed-precondition',
    ],
    [
      'a way that breaks off',
      [{ op: 'add', path: '/q/w', value: 1 }],
      'add operation does not apply: doc is missing path: "/q/w": missing value',
      'failed-precondition',
    ],
    [
      'a member that is not there',
      [{ op: 'remove', path: '/q' }],
      "error in remove for path: '/q': Unable to remove nonexistent key: q: missing value",
      'failed-precondition',
    ],
    [
      'a member that every object has by nature',
      [{ op: 'remove', path: '/constructor' }],
      'Unable to remove nonexistent key: constructor',
      'failed-precondition',
    ],
    [
      'an index that is none',
      [{ op: 'add', path: '/a/b/x', value: 1 }],
      `error in add for path: '/a/b/x': value was not a proper array index: 'x': strconv.Atoi: parsing "x": invalid syntax`,
      'failed-precondition',
    ],
    [
      'an index beyond the end',
      [{ op: 'add', path: '/a/b/9', value: 1 }],
      "error in add for path: '/a/b/9': Unable to access invalid index: 9: invalid index referenced",
      'failed-precondition',
    ],
    [
      'a test that fails',
      [{ op: 'test', path: '/s', value: 'other' }],
      'testing value /s failed: test failed',
      'failed-precondition',
    ],
  ])('is refused with %s', (_, patch, message, code) => {
    expect(() => applyJsonPatch(document(), patch)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(message) }),
    );
  });

  it.each([
    ['op', [{ op: 1, path: '/s' }], 'Unexpected kind: unknown'],
    ['path', [{ op: 'add', path: 1, value: 1 }], 'add operation failed to decode path: missing value'],
  ])('whose %s is no text has none, where fields are not validated', (_, patch, message) => {
    expect(() => applyJsonPatch(document(), patch, 'Ignore')).toThrow(
      expect.objectContaining({ code: 'failed-precondition', message }),
    );
  });

  it('has at most 10,000 operations', () => {
    const patch = Array.from({ length: 10_001 }, () => ({ op: 'add', path: '/n', value: 1 }));
    expect(applyJsonPatch(document(), patch.slice(1))).toMatchObject({ n: 1 });
    expect(() => applyJsonPatch(document(), patch)).toThrow(
      'The allowed maximum operations in a JSON patch is 10000, got 10001',
    );
  });

  it('may not grow by more than 3 MiB through copies', () => {
    const big = { s: 'x'.repeat(1024 * 1024) };
    const patch = ['/a', '/b', '/c'].map(path => ({ op: 'copy', from: '/s', path }));
    expect(() => applyJsonPatch(big, patch)).toThrow(
      'Unable to complete the copy, the accumulated size increase of copy is 3145734, exceeding the limit 3145728',
    );
  });

  it('sets no prototype', () => {
    const result = applyJsonPatch({}, [{ op: 'add', path: '/__proto__', value: { polluted: true } }]);
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype);
    expect(JSON.stringify(result)).toBe('{"__proto__":{"polluted":true}}');
  });
});
