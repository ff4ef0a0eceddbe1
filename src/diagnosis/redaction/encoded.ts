/** What the base64 of PEM and of an object of JSON begins with, wherever in a run of its characters. */
const BEGINNINGS = ['LS0tLS1CRUdJTi', 'eyJ'];
/** Looked at before all of it is decoded. */
const HEAD_CHARACTERS = 64;
/** Control characters that text has none of, and what stands for bytes that are no UTF-8. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const BINARY = /[\u0000-\u0008\u000e-\u001f\ufffd]/;

/** The text that a run of base64 stands for; undefined where it stands for none. Pure. */
export function textIn(run: string): string | undefined {
  for (const candidate of candidates(run)) {
    if (BINARY.test(decoded(candidate.slice(0, HEAD_CHARACTERS)).replace(/\ufffd$/, ''))) continue;
    const text = decoded(candidate);
    if (!BINARY.test(text)) return text;
  }
  return undefined;
}

/**
 * Whether a run of base64 begins as a private key in DER does: a sequence whose first part is the number of its version (PKCS #1, PKCS #8, RFC 5915). Certificates,
 * requests and public keys begin with a sequence. Pure.
 */
export function hasPrivateKey(run: string): boolean {
  if (!run.startsWith('M')) return false;
  const bytes = Buffer.from(run.slice(0, 24), 'base64');
  const lengthByte = bytes[1] ?? 0;
  const at = lengthByte < 0x80 ? 2 : 2 + (lengthByte & 0x7f);
  return bytes[0] === 0x30 && at <= 5 && bytes[at] === 0x02 && bytes[at + 1] === 0x01 && (bytes[at + 2] ?? 255) <= 2;
}

function candidates(run: string): readonly string[] {
  const found = BEGINNINGS.map(beginning => run.indexOf(beginning)).filter(at => at > 0);
  return [run, ...found.map(at => run.slice(at))];
}

function decoded(run: string): string {
  return Buffer.from(run, 'base64').toString('utf8');
}
