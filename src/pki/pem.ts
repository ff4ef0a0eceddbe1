import { invalidArgument } from '../base/errors.ts';

/** RFC 7468 text with lines of 64 characters. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The contents of every block with this label, in order; text around and between the blocks is passed over. */
export function decodePem(label: string, text: string): Buffer[] {
  return pemBlocks(text)
    .filter(block => block.label === label && !block.hasHeaders)
    .map(block => block.content);
}

/** The first block with this label. Throws `invalid-argument` when there is none. */
export function decodeOnePem(label: string, text: string): Buffer {
  const [first] = decodePem(label, text);
  if (first === undefined) throw invalidArgument(`there is no PEM block "${label}" in the text`);
  return first;
}

/** One block of PEM text. */
export interface PemBlock {
  readonly label: string;
  /** Lines of `name: value` before the content, which only old forms have. */
  readonly hasHeaders: boolean;
  readonly content: Buffer;
}

const BEGIN = '-----BEGIN ';
const DASHES = '-----';

/**
 * Every block whatever its label, in order; text around and between the blocks, and what is no whole block, is passed over. By hand, for clients send such
 * texts by the megabyte: one pattern for a whole block takes quadratic time on a text that begins many and ends none.
 */
export function pemBlocks(text: string): PemBlock[] {
  const blocks: PemBlock[] = [];
  for (let start = text.indexOf(BEGIN); start >= 0; ) {
    const from = start + BEGIN.length;
    const labelEnd = text.indexOf(DASHES, from);
    const end = labelEnd < 0 ? -1 : text.indexOf(DASHES, labelEnd + DASHES.length);
    if (end < 0) break;
    const label = text.slice(from, labelEnd);
    const last = `-----END ${label}-----`;
    const isWhole = /^[^\n-]+$/.test(label) && text.startsWith(last, end);
    const block = isWhole ? blockOf(label, text.slice(labelEnd + DASHES.length, end)) : undefined;
    if (block !== undefined) blocks.push(block);
    start = text.indexOf(BEGIN, block === undefined ? from : end + last.length);
  }
  return blocks;
}

/** Undefined where the text between the two lines is no content of a block. */
function blockOf(label: string, text: string): PemBlock | undefined {
  if (!/^\s/.test(text)) return undefined;
  let rest = text.trimStart();
  let hasHeaders = false;
  const header = /[^\n:-]+:[^\n]*\n/y;
  let at = 0;
  while (header.test(rest)) {
    hasHeaders = true;
    at = header.lastIndex;
  }
  rest = rest.slice(at);
  return /^[A-Za-z0-9+/=\s]*$/.test(rest) ? { label, hasHeaders, content: Buffer.from(rest, 'base64') } : undefined;
}
