/** What opens an element of XML or HTML, escaped or not, before its name; a prefix of a namespace may stand between. */
const OPENS = /(?:<|\\u003c|&lt;)(?:[\w.-]{1,40}:)?$/i;
const LONGEST_OPENING = 50;
/** Behind its name: attributes, and what ends the tag. One that is empty has no text. */
const TAG_REST = /(?:\s[^<>\n&]{0,256}?)?(?:>|\\{1,16}u003e|&gt;)/iy;
/** What ends its text. */
const TEXT_END = /(?:<|\\{1,16}u003c|&lt;)(\\{0,16}\/)?/gi;
/** The text of one that is not closed. */
const UNCLOSED = /\w[^\s"'<\\&]*/y;

/** The text of the element of XML whose name stands from `index` to `at`; undefined where it is no such name, or only the word for something in a usage text: `<token>`. Pure. */
export function elementText(
  text: string,
  index: number,
  at: number,
): { readonly begin: number; readonly end: number } | undefined {
  // the escape may be part of what looks like the name
  const isEscaped = text[index - 1] === '\\' && /^u003c/i.test(text.slice(index, index + 5));
  if (!isEscaped && !OPENS.test(text.slice(Math.max(0, index - LONGEST_OPENING), index))) return undefined;
  TAG_REST.lastIndex = at;
  const rest = TAG_REST.exec(text)?.[0];
  if (rest === undefined || /\/(?:>|\\|&gt;)/.test(rest)) return undefined;
  const begin = at + rest.length;
  TEXT_END.lastIndex = begin;
  const next = TEXT_END.exec(text);
  if (next?.[1] !== undefined) return { begin, end: next.index };
  UNCLOSED.lastIndex = begin;
  const word = UNCLOSED.exec(text)?.[0];
  return word === undefined ? undefined : { begin, end: begin + word.length };
}
