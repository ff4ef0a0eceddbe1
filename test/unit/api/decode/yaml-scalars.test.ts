import { describe, expect, it } from 'vitest';
import { resolvePlain } from '../../../../src/api/decode/yaml-scalars.ts';

describe('plain YAML scalars as upstream reads them', () => {
  it.each([
    ['yes is true', 'yes', true],
    ['so is on', 'On', true],
    ['a single n is false', 'n', false],
    ['mixed case is text', 'tRue', 'tRue'],
    ['nothing is null', '', null],
    ['a tilde is null', '~', null],
    ['a date is text', '2001-01-01', '2001-01-01'],
    ['a time of day is text', '12:30:45', '12:30:45'],
    ['a version is text', '1.2.3', '1.2.3'],
    ['too large a float is text', '1e400', '1e400'],
    ['a word is text', 'nginx', 'nginx'],
  ])('%s', (_, text, value) => {
    expect(resolvePlain(text)).toBe(value);
  });

  it.each([
    ['a leading zero is octal', '017', 15],
    ['a leading 0o is octal', '0o17', 15],
    ['what cannot be octal is decimal', '08', 8],
    ['hexadecimal', '0x1F', 31],
    ['binary', '-0b101', -5],
    ['underscores are dropped', '1_000', 1000],
    ['an exponent needs no dot', '1e3', 1000],
    ['a dot may come first', '.5', 0.5],
  ])('%s', (_, text, value) => {
    expect(resolvePlain(text)).toMatchObject({ value });
  });

  it('keeps the digits of what a double cannot hold', () => {
    expect(resolvePlain('9223372036854775807')).toMatchObject({ source: '9223372036854775807' });
  });
});
