/** What one pass over a JSON text tells that JSON.parse does not. */
export interface JsonFacts {
  /** Names in all objects, repeated ones counted again. */
  readonly names: number;
  /** The deepest nesting of lists and objects. */
  readonly depth: number;
  /** True where a number is written with a fraction or an exponent, which Go takes for no integer. */
  readonly fractions: boolean;
}

/** Looks over a text that JSON.parse has taken, or will take; of other text the result says nothing. */
export function scanJson(text: string): JsonFacts {
  let names = 0;
  let depth = 0;
  let deepest = 0;
  let fractions = false;
  for (let at = 0; at < text.length; at++) {
    switch (text.charCodeAt(at)) {
      case 0x22: // "
        at = endOfString(text, at);
        break;
      case 0x3a: // :
        names++;
        break;
      case 0x5b: // [
      case 0x7b: // {
        if (++depth > deepest) deepest = depth;
        break;
      case 0x5d: // ]
      case 0x7d: // }
        depth--;
        break;
      case 0x2e: // .
      case 0x45: // E
        fractions = true;
        break;
      case 0x65: // e of an exponent; that of true and false stands behind a letter
        if (text.charCodeAt(at - 1) < 0x3a) fractions = true;
        break;
    }
  }
  return { names, depth: deepest, fractions };
}

/** The bracket or brace that first opens the level `depth` of a text; empty where none does. */
export function openerAt(text: string, depth: number): string {
  let level = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') at = endOfString(text, at);
    else if (character === ']' || character === '}') level--;
    else if ((character === '[' || character === '{') && ++level === depth) return character;
  }
  return '';
}

/** The offset of the quote that closes the string that opens at `start`; the end of the text where none does. */
export function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; ) {
    const end = text.indexOf('"', at);
    if (end < 0) return text.length;
    let slashes = 0;
    while (text.charCodeAt(end - 1 - slashes) === 0x5c) slashes++;
    if (slashes % 2 === 0) return end;
    at = end + 1;
  }
}
