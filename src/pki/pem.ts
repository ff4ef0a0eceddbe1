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
  const block = new RegExp(`-----BEGIN ${label}-----\\s+([A-Za-z0-9+/=\\s]*?)-----END ${label}-----`, 'g');
  return [...text.matchAll(block)].map(match => Buffer.from(match[1] ?? '', 'base64'));
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

/** Every block whatever its label, in order; text around and between the blocks, and what is no whole block, is passed over. */
export function pemBlocks(text: string): PemBlock[] {
  const block = /-----BEGIN ([^\n-]+)-----\s+((?:[^\n:-]+:[^\n]*\n)*)([A-Za-z0-9+/=\s]*?)-----END \1-----/g;
  return [...text.matchAll(block)].map(([, label = '', headers = '', content = '']) => ({
    label,
    hasHeaders: headers !== '',
    content: Buffer.from(content, 'base64'),
  }));
}
