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
