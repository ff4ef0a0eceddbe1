import { corruptObject } from './errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;

/** The first place from `at` on that is not white space. */
export function skipSpace(json: Buffer, at: number): number {
  let i = at;
  while (json[i] === 0x20 || json[i] === 0x0a || json[i] === 0x0d || json[i] === 0x09) i += 1;
  return i;
}

/** Where the value of a member begins, of the object whose brace is at `open`. What stands before it is passed over, not parsed. Names with escapes never match. */
export function findMember(json: Buffer, open: number, name: string): number | undefined {
  let i = skipSpace(json, open + 1);
  while (json[i] === QUOTE) {
    const nameEnd = skipString(json, i);
    const colon = skipSpace(json, nameEnd);
    if (json[colon] !== COLON) throw corruptObject(`a colon is missing at byte ${colon}`);
    const start = skipSpace(json, colon + 1);
    if (nameEnd - i - 2 === name.length && json.toString('latin1', i + 1, nameEnd - 1) === name) return start;
    i = skipSpace(json, skipValue(json, start));
    if (json[i] !== COMMA) break;
    i = skipSpace(json, i + 1);
  }
  if (json[i] !== 0x7d) throw corruptObject(`the object does not end at byte ${i}`);
  return undefined;
}

/** The string whose first quote is at `at`. */
export function jsonString(json: Buffer, at: number): string {
  const value: unknown = JSON.parse(json.toString('utf8', at, skipValue(json, at)));
  return typeof value === 'string' ? value : '';
}

/** The place after the string whose first quote is at `at`. */
function skipString(json: Buffer, at: number): number {
  for (let i = at + 1; i < json.length; i += 1) {
    const byte = json[i];
    if (byte === BACKSLASH) i += 1;
    else if (byte === QUOTE) return i + 1;
  }
  throw corruptObject('a string does not end');
}

/** The place after the value at `at`. */
export function skipValue(json: Buffer, at: number): number {
  let depth = 0;
  for (let i = at; i < json.length; i += 1) {
    const byte = json[i];
    if (byte === QUOTE) {
      i = skipString(json, i) - 1;
      if (depth === 0) return i + 1;
    } else if (byte === 0x7b || byte === 0x5b) depth += 1;
    else if (byte === 0x7d || byte === 0x5d) {
      // the end of the object around a number or a word
      if (depth === 0) return i;
      depth -= 1;
      if (depth === 0) return i + 1;
    } else if (depth === 0 && (byte === COMMA || byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09))
      return i;
  }
  throw corruptObject('a value does not end');
}
