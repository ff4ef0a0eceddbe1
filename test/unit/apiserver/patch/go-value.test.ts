import { describe, expect, it } from 'vitest';
import { goValueText } from '../../../../src/apiserver/patch/go-value.ts';

describe('a JSON value as Go prints it', () => {
  it.each([
    ['null', null, '<nil>'],
    ['text as it is', 'a "b"', 'a "b"'],
    ['a list', [1, true, 'x', [null]], '[1 true x [<nil>]]'],
    ['an object in the order of its names', { b: { d: 1 }, a: [] }, 'map[a:[] b:map[d:1]]'],
    ['a fraction', 1.5, '1.5'],
    ['a small fraction with its exponent', 0.000012, '1.2e-05'],
  ])('%s', (_, value, text) => {
    expect(goValueText(value)).toBe(text);
  });
});
