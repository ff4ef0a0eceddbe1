/** A list or an object of more characters is taken to the end of the line that it reaches by then. */
const MOST_IN_BRACKETS = 1 << 16;
/** Backslashes before a quote are heeded so far: strings of JSON in strings of JSON. */
const MOST_ESCAPES = 64;
const CLOSING: Readonly<Record<string, string>> = { '[': ']', '{': '}', '(': ')' };

/** A quote with the backslashes before it. */
export interface Quote {
  readonly text: string;
}

/** The quote that begins or ends here; undefined where there is none. Pure. */
export function quoteAt(text: string, at: number, where: 'begins' | 'ends'): Quote | undefined {
  let from = at;
  let to = at;
  if (where === 'begins') while (text[to] === '\\' && to - from < MOST_ESCAPES) to += 1;
  else while (text[from - 1] === '\\' && to - from < MOST_ESCAPES) from -= 1;
  return text[to] === '"' || text[to] === "'" ? { text: text.slice(from, to + 1) } : undefined;
}

/**
 * The end of what this quote has opened before `from`, behind the quote that closes it: one with as many backslashes, or with pairs of them more. Two in a row are a quote itself, as in YAML, and three
 * open a text of several lines, as in TOML. Where nothing closes it, the end of its line. Pure.
 */
export function quotedEnd(
  text: string,
  from: number,
  quote: Quote,
): { readonly end: number; readonly isClosed: boolean } {
  const sign = quote.text.at(-1) ?? '';
  const escapes = quote.text.length - 1;
  let at = from;
  if (escapes === 0 && text.startsWith(sign.repeat(2), from)) {
    const closed = text.slice(from + 2, from + MOST_IN_BRACKETS).indexOf(sign.repeat(3));
    if (closed >= 0) return { end: from + 2 + closed + 3, isClosed: true };
  }
  for (let backslashes = 0; at < text.length && text[at] !== '\n'; at += 1) {
    const character = text[at];
    if (character === sign && backslashes % (2 * (escapes + 1)) === escapes) {
      if (escapes > 0 || text[at + 1] !== sign) return { end: at + 1, isClosed: true };
      at += 1;
    }
    backslashes = character === '\\' ? backslashes + 1 : 0;
  }
  return { end: at, isClosed: false };
}

/**
 * The end of the list or object that is opened here, behind its bracket; quotes hide brackets. A line that ends within it ends it unless its last character or the first of the next one says that it goes
 * on there. Where nothing closes it, the end of a line. Pure.
 */
export function bracketsEnd(text: string, from: number): number {
  const open: string[] = [];
  let at = from;
  let last = '';
  while (at < text.length && at - from < MOST_IN_BRACKETS) {
    const character = text[at] ?? '';
    const quote = /["'\\]/.test(character) ? quoteAt(text, at, 'begins') : undefined;
    if (quote !== undefined) {
      const { end, isClosed } = quotedEnd(text, at + quote.text.length, quote);
      if (!isClosed) return end;
      at = end;
      last = '"';
      continue;
    }
    if (character === '\n' && !/[[{(,:]/.test(last) && !/^\s{0,64}[\]})]/.test(text.slice(at, at + 80))) return at;
    const closing = CLOSING[character];
    if (closing !== undefined) open.push(closing);
    else if (character === open.at(-1)) open.pop();
    if (!/\s/.test(character)) last = character;
    at += 1;
    if (open.length === 0) return at;
  }
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end;
}
