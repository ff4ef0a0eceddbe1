import { type Cursor, isBlank, isBlankOrEnd, isBreakOrEnd, isDigit, isWord } from './cursor.ts';

/** A tag as it is written: `!!str` is the suffix `str` behind the handle `!!`. */
export interface WrittenTag {
  readonly handle: string;
  readonly suffix: string;
}

export type Directive =
  | { readonly kind: 'version'; readonly version: string }
  | { readonly kind: 'tag'; readonly handle: string; readonly prefix: string };

/** The name of an anchor or alias, whose `&` or `*` is here. */
export function scanAnchor(cursor: Cursor): string {
  const { line } = cursor;
  cursor.at++;
  const name = scanWord(cursor);
  const code = cursor.peek();
  if (name === '' || !(isBlankOrEnd(code) || '?:,]}%@`'.includes(String.fromCharCode(code))))
    cursor.fail('did not find expected alphabetic or numeric character', line);
  return name;
}

/** A tag, whose `!` is here. */
export function scanTag(cursor: Cursor): WrittenTag {
  const { line } = cursor;
  const tag = cursor.peek(1) === 0x3c ? scanVerbatim(cursor, line) : scanShorthand(cursor, line);
  if (!isBlankOrEnd(cursor.peek())) cursor.fail('did not find expected whitespace or line break', line);
  return tag;
}

/** `!<tag:example.com,2000:x>` */
function scanVerbatim(cursor: Cursor, line: number): WrittenTag {
  cursor.at += 2;
  const suffix = scanUri(cursor, '', line);
  if (cursor.peek() !== 0x3e) cursor.fail("did not find the expected '>'", line);
  cursor.at++;
  return { handle: '', suffix };
}

function scanShorthand(cursor: Cursor, line: number): WrittenTag {
  const handle = scanHandle(cursor, false, line);
  if (handle.length > 1 && handle.endsWith('!')) return { handle, suffix: scanUri(cursor, '', line) };
  const suffix = scanUri(cursor, handle, line);
  return suffix === '' ? { handle: '', suffix: '!' } : { handle: '!', suffix };
}

function scanHandle(cursor: Cursor, inDirective: boolean, line: number): string {
  const start = cursor.at;
  if (cursor.peek() !== 0x21) cursor.fail("did not find expected '!'", line);
  cursor.at++;
  scanWord(cursor);
  if (cursor.peek() === 0x21) cursor.at++;
  else if (inDirective && cursor.at > start + 1) cursor.fail("did not find expected '!'", line);
  return cursor.text.slice(start, cursor.at);
}

const URI_CHARACTERS = new Set(";/?:@&=+$,.!~*'()[]%");

/** `head` is what a handle turned out to be that is none; its `!` does not belong to the suffix. */
function scanUri(cursor: Cursor, head: string, line: number): string {
  const pieces = [head.slice(1)];
  const start = cursor.at;
  for (let code = cursor.peek(); isWord(code) || URI_CHARACTERS.has(String.fromCharCode(code)); code = cursor.peek())
    if (code === 0x25) pieces.push(scanUriEscapes(cursor, line));
    else {
      pieces.push(String.fromCharCode(code));
      cursor.at++;
    }
  if (head === '' && cursor.at === start) cursor.fail('did not find expected tag URI', line);
  return pieces.join('');
}

/** The octets of one character: `%C3%A4`. */
function scanUriEscapes(cursor: Cursor, line: number): string {
  const octets: number[] = [];
  for (let left = 1; left > 0; left--) {
    const digits = /^%([0-9a-fA-F]{2})/.exec(cursor.text.slice(cursor.at, cursor.at + 3))?.[1];
    if (digits === undefined) return cursor.fail('did not find URI escaped octet', line);
    const octet = Number.parseInt(digits, 16);
    if (octets.length === 0) {
      left = octetsOf(octet);
      if (left === 0) cursor.fail('found an incorrect leading UTF-8 octet', line);
    } else if ((octet & 0xc0) !== 0x80) cursor.fail('found an incorrect trailing UTF-8 octet', line);
    octets.push(octet);
    cursor.at += 3;
  }
  return Buffer.from(octets).toString();
}

/** How many octets a character has that begins with this one; 0 where none does. */
function octetsOf(octet: number): number {
  if ((octet & 0x80) === 0) return 1;
  if ((octet & 0xe0) === 0xc0) return 2;
  if ((octet & 0xf0) === 0xe0) return 3;
  return (octet & 0xf8) === 0xf0 ? 4 : 0;
}

function scanWord(cursor: Cursor): string {
  const start = cursor.at;
  while (isWord(cursor.peek())) cursor.at++;
  return cursor.text.slice(start, cursor.at);
}

/** A directive, whose `%` is here, with its line. */
export function scanDirective(cursor: Cursor): Directive {
  const { line } = cursor;
  cursor.at++;
  const name = scanWord(cursor);
  if (name === '') cursor.fail('could not find expected directive name', line);
  if (!isBlankOrEnd(cursor.peek())) cursor.fail('found unexpected non-alphabetical character', line);
  const directive = scanDirectiveValue(cursor, name, line);
  cursor.skipBlanks();
  cursor.skipComment();
  if (!isBreakOrEnd(cursor.peek())) cursor.fail('did not find expected comment or line break', line);
  if (!cursor.atEnd) cursor.takeBreak();
  return directive;
}

function scanDirectiveValue(cursor: Cursor, name: string, line: number): Directive {
  cursor.skipBlanks();
  switch (name) {
    case 'YAML': {
      const major = scanVersionNumber(cursor, line);
      if (cursor.peek() !== 0x2e) cursor.fail("did not find expected digit or '.' character", line);
      cursor.at++;
      return { kind: 'version', version: `${major}.${scanVersionNumber(cursor, line)}` };
    }
    case 'TAG': {
      const handle = scanHandle(cursor, true, line);
      if (!isBlank(cursor.peek())) cursor.fail('did not find expected whitespace', line);
      cursor.skipBlanks();
      const prefix = scanUri(cursor, '', line);
      if (!isBlankOrEnd(cursor.peek())) cursor.fail('did not find expected whitespace or line break', line);
      return { kind: 'tag', handle, prefix };
    }
    default:
      return cursor.fail('found unknown directive name', line);
  }
}

const MAX_VERSION_DIGITS = 2;

function scanVersionNumber(cursor: Cursor, line: number): number {
  const start = cursor.at;
  for (; isDigit(cursor.peek()); cursor.at++)
    if (cursor.at - start >= MAX_VERSION_DIGITS) cursor.fail('found extremely long version number', line);
  if (cursor.at === start) cursor.fail('did not find expected version number', line);
  return Number(cursor.text.slice(start, cursor.at));
}
