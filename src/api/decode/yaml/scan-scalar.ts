import { type Cursor, isBlank, isBlankOrEnd, isBreak, isBreakOrEnd, isDigit } from './cursor.ts';

/** A plain scalar, and whether line breaks were passed behind its last word. */
export interface PlainScalar {
  readonly value: string;
  readonly endsOnOtherLine: boolean;
}

/** `inFlow`: within brackets. `indent`: columns that further lines have at least. */
export function scanPlain(cursor: Cursor, inFlow: boolean, indent: number): PlainScalar {
  const { text } = cursor;
  let value = '';
  let joint = '';
  let passedBreak = false;
  while (!cursor.atDocumentMark && cursor.peek() !== 0x23) {
    const start = cursor.at;
    while (!endsWord(cursor, inFlow)) cursor.at++;
    if (cursor.at > start) {
      value += joint + text.slice(start, cursor.at);
      joint = '';
      passedBreak = false;
    }
    if (!isBlank(cursor.peek()) && !isBreak(cursor.peek())) break;
    const gap = scanGap(cursor, indent);
    joint = gap.joint;
    passedBreak = gap.passedBreak;
    if (!inFlow && cursor.column < indent) break;
  }
  return { value, endsOnOtherLine: passedBreak };
}

function endsWord(cursor: Cursor, inFlow: boolean): boolean {
  const code = cursor.peek();
  if (isBlankOrEnd(code)) return true;
  switch (code) {
    case 0x3a: // :
      return isBlankOrEnd(cursor.peek(1));
    case 0x2c: // , ? [ ] { }
    case 0x3f:
    case 0x5b:
    case 0x5d:
    case 0x7b:
    case 0x7d:
      return inFlow;
    default:
      return false;
  }
}

interface Gap {
  /** What joins the words before and behind. */
  readonly joint: string;
  readonly passedBreak: boolean;
}

/** Passes blanks and line breaks between words. A tab may not stand before the column `tabsFrom` of a further line. */
function scanGap(cursor: Cursor, tabsFrom: number, escapedBreak = false): Gap {
  const start = cursor.at;
  const line = cursor.line;
  cursor.skipBlanks();
  if (!escapedBreak && !isBreak(cursor.peek()))
    return { joint: cursor.text.slice(start, cursor.at), passedBreak: false };
  const first = escapedBreak ? '' : cursor.takeBreak();
  const further: string[] = [];
  for (;;) {
    const code = cursor.peek();
    if (code === 0x09 && cursor.column < tabsFrom) cursor.fail('found a tab character that violates indentation', line);
    if (isBlank(code)) cursor.at++;
    else if (isBreak(code)) further.push(cursor.takeBreak());
    else break;
  }
  return { joint: folded(first, further.join('')), passedBreak: true };
}

/** One line break is a blank, more are one less. */
function folded(first: string, further: string): string {
  if (first !== '\n') return first + further;
  return further === '' ? ' ' : further;
}

/** A scalar in quotes, of which the first is here. */
export function scanQuoted(cursor: Cursor): string {
  const { text, line } = cursor;
  const quote = cursor.peek();
  const isSingle = quote === 0x27;
  cursor.at++;
  const pieces: string[] = [];
  for (;;) {
    if (cursor.atDocumentMark) cursor.fail('found unexpected document indicator', line);
    if (cursor.atEnd) cursor.fail('found unexpected end of stream', line);
    let escapedBreak = false;
    let start = cursor.at;
    for (let code = cursor.peek(); !isBlankOrEnd(code); code = cursor.peek()) {
      if (code === quote) {
        if (!isSingle || cursor.peek(1) !== quote) break;
        pieces.push(text.slice(start, cursor.at + 1));
        cursor.at += 2;
        start = cursor.at;
      } else if (code === 0x5c && !isSingle) {
        pieces.push(text.slice(start, cursor.at));
        escapedBreak = isBreak(cursor.peek(1));
        if (escapedBreak) {
          cursor.at++;
          cursor.takeBreak();
        } else pieces.push(scanEscape(cursor, line));
        start = cursor.at;
        if (escapedBreak) break;
      } else cursor.at++;
    }
    pieces.push(text.slice(start, cursor.at));
    if (cursor.peek() === quote) break;
    // Behind an escaped line break blanks are nothing, and further line breaks stand for themselves.
    if (escapedBreak || isBlank(cursor.peek()) || isBreak(cursor.peek()))
      pieces.push(scanGap(cursor, 0, escapedBreak).joint);
  }
  cursor.at++;
  return pieces.join('');
}

const ESCAPES: ReadonlyMap<number, string> = new Map(
  Object.entries({
    '0': '\0',
    a: '\x07',
    b: '\b',
    t: '\t',
    '\t': '\t',
    n: '\n',
    v: '\v',
    f: '\f',
    r: '\r',
    e: '\x1b',
    ' ': ' ',
    '"': '"',
    "'": "'",
    '\\': '\\',
    N: '\x85',
    _: '\xa0',
    L: '\u2028',
    P: '\u2029',
  }).map(([name, value]) => [name.charCodeAt(0), value]),
);

/** Digits behind `\x`, `\u` and `\U`. */
const CODE_LENGTHS: ReadonlyMap<number, number> = new Map([
  [0x78, 2],
  [0x75, 4],
  [0x55, 8],
]);

function scanEscape(cursor: Cursor, line: number): string {
  const letter = cursor.peek(1);
  const value = ESCAPES.get(letter);
  if (value !== undefined) {
    cursor.at += 2;
    return value;
  }
  const length = CODE_LENGTHS.get(letter);
  if (length === undefined) return cursor.fail('found unknown escape character', line);
  cursor.at += 2;
  const digits = cursor.text.slice(cursor.at, cursor.at + length);
  if (digits.length < length || !/^[0-9a-fA-F]+$/.test(digits))
    cursor.fail('did not find expected hexdecimal number', line);
  const code = Number.parseInt(digits, 16);
  if ((code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
    cursor.fail('found invalid Unicode character escape code', line);
  cursor.at += length;
  return String.fromCodePoint(code);
}

/** A literal or folded scalar, whose `|` or `>` is here. `parentIndent`: the column of what holds it, -1 for a document. */
export function scanBlock(cursor: Cursor, parentIndent: number): string {
  const { text, line } = cursor;
  const isLiteral = cursor.peek() === 0x7c;
  cursor.at++;
  const { chomping, increment } = scanBlockHeader(cursor, line);
  const wanted = increment === 0 ? 0 : Math.max(parentIndent, 0) + increment;
  let { breaks, indent } = scanBlockBreaks(cursor, wanted, parentIndent, line);
  const pieces: string[] = [];
  let lastBreak = '';
  let wasBlank = false;
  while (cursor.column === indent && !cursor.atEnd) {
    const blank = isBlank(cursor.peek());
    if (!isLiteral && !wasBlank && !blank && lastBreak === '\n') pieces.push(breaks === '' ? ' ' : '');
    else pieces.push(lastBreak);
    pieces.push(breaks);
    wasBlank = blank;
    const start = cursor.at;
    while (!isBreakOrEnd(cursor.peek())) cursor.at++;
    pieces.push(text.slice(start, cursor.at));
    lastBreak = cursor.atEnd ? '' : cursor.takeBreak();
    ({ breaks, indent } = scanBlockBreaks(cursor, indent, parentIndent, line));
  }
  if (chomping !== '-') pieces.push(lastBreak);
  if (chomping === '+') pieces.push(breaks);
  return pieces.join('');
}

/** The chomping and the indentation indicator, in any order, up to the next line. An increment of 0 is none. */
function scanBlockHeader(cursor: Cursor, line: number): { readonly chomping: string; readonly increment: number } {
  let chomping = '';
  let increment = 0;
  const scanChomping = (): void => {
    const code = cursor.peek();
    if (code !== 0x2b && code !== 0x2d) return;
    chomping = String.fromCharCode(code);
    cursor.at++;
  };
  scanChomping();
  if (isDigit(cursor.peek())) {
    if (cursor.peek() === 0x30) cursor.fail('found an indentation indicator equal to 0', line);
    increment = cursor.peek() - 0x30;
    cursor.at++;
    if (chomping === '') scanChomping();
  }
  cursor.skipBlanks();
  cursor.skipComment();
  if (!isBreakOrEnd(cursor.peek())) cursor.fail('did not find expected comment or line break', line);
  if (!cursor.atEnd) cursor.takeBreak();
  return { chomping, increment };
}

/** Passes empty lines and the indentation of the next one. Where `wanted` is 0, the most indented of them tells the indentation. */
function scanBlockBreaks(
  cursor: Cursor,
  wanted: number,
  parentIndent: number,
  line: number,
): { readonly breaks: string; readonly indent: number } {
  const breaks: string[] = [];
  let deepest = 0;
  for (;;) {
    while ((wanted === 0 || cursor.column < wanted) && cursor.peek() === 0x20) cursor.at++;
    deepest = Math.max(deepest, cursor.column);
    if ((wanted === 0 || cursor.column < wanted) && cursor.peek() === 0x09)
      cursor.fail('found a tab character where an indentation space is expected', line);
    if (!isBreak(cursor.peek())) break;
    breaks.push(cursor.takeBreak());
  }
  return { breaks: breaks.join(''), indent: wanted === 0 ? Math.max(deepest, parentIndent + 1, 1) : wanted };
}
