import { invalidArgument } from '../base/errors.ts';

const VALID = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const DIGIT = /[A-Za-z0-9+/]/;

/**
 * The canonical form of standard base64 with padding: ends of lines are passed over, bits that mean nothing are zero. Throws
 * `invalid-argument` with the text of Go, which names the byte where it gave up.
 */
export function canonicalBase64(text: string): string {
  const plain = /[\r\n]/.test(text) ? text.replace(/[\r\n]/g, '') : text;
  if (!VALID.test(plain)) throw invalidArgument(`illegal base64 data at input byte ${corruptAt(text)}`);
  return plain.endsWith('=') ? Buffer.from(plain, 'base64').toString('base64') : plain;
}

/** Where Go's decoder gives up on a text that is no base64. */
function corruptAt(text: string): number {
  const bytes = Buffer.from(text);
  let digits = 0;
  for (let at = 0; at < bytes.length; at++) {
    const char = String.fromCharCode(bytes[at] ?? 0);
    if (char === '\r' || char === '\n') continue;
    if (DIGIT.test(char)) {
      digits = (digits + 1) % 4;
      continue;
    }
    if (char !== '=' || digits < 2) return at;
    const second = skipLineEnds(bytes, at + 1);
    if (digits === 3) return second;
    if (second === bytes.length) return second;
    return bytes[second] === 0x3d ? skipLineEnds(bytes, second + 1) : second - 1;
  }
  return bytes.length - digits;
}

function skipLineEnds(bytes: Buffer, from: number): number {
  let at = from;
  while (bytes[at] === 0x0d || bytes[at] === 0x0a) at += 1;
  return at;
}
