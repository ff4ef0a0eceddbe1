import { describe, expect, it } from 'vitest';
import { aggregateMessage, goQuote, goQuoteChar, goQuoteList } from '../../../src/api/go-quote.ts';

/** Text and what Go's %q makes of it. */
const QUOTED: readonly (readonly [text: string, quoted: string])[] = [
  ['plain', '"plain"'],
  ['a"b\\c', '"a\\"b\\\\c"'],
  ['tab\tnew\nbell\u0007', '"tab\\tnew\\nbell\\a"'],
  ['\u00e9 \u00fc \u4e16', '"\u00e9 \u00fc \u4e16"'],
  ['\u00a0\u200b', '"\\u00a0\\u200b"'],
  ['<a&b>', '"<a&b>"'],
  ['\u0000\u007f', '"\\x00\\x7f"'],
  ['\ud83d\ude00', '"\ud83d\ude00"'],
  ['\ue000', '"\\ue000"'],
];

describe('quoting', () => {
  it.each(QUOTED)('quotes %j', (text, quoted) => {
    expect(goQuote(text)).toBe(quoted);
  });

  it('quotes a list', () => {
    expect(goQuoteList(['a', 'b "c"'])).toBe('["a" "b \\"c\\""]');
  });

  it('joins errors, each once', () => {
    expect(aggregateMessage(['a'])).toBe('a');
    expect(aggregateMessage(['a', 'a'])).toBe('a');
    expect(aggregateMessage(['a', 'b', 'a'])).toBe('[a, b]');
  });
});

describe('characters', () => {
  it.each([
    ['x', "'x'"],
    ["'", "'\\''"],
    ['"', "'\"'"],
    ['\u0081', "'\\u0081'"],
    ['\n', "'\\n'"],
  ])('%j is named as Go’s JSON reader names it', (char, expected) => {
    expect(goQuoteChar(char)).toBe(expected);
  });
});
