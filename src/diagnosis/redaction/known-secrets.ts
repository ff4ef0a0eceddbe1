import { LEFT_OUT, REDACTED } from './redacted.ts';

/** What is shorter stands in too many places by chance. */
const SHORTEST = 8;
const SHORTEST_LINE = 16;

/**
 * The pieces by which known secrets are found again, however a text has them: each line of a key of several lines, and base64 of what has one. Longest first, so that no part of one is left over. Pure.
 */
export function knownPieces(secrets: readonly string[]): readonly string[] {
  const pieces = new Set<string>();
  for (const secret of secrets) {
    const lines = secret.split(/\r?\n/).map(line => line.trim());
    const shortest = lines.length > 1 ? SHORTEST_LINE : SHORTEST;
    for (const line of lines) if (line.length >= shortest && !line.startsWith('-----')) pieces.add(line);
    if (secret.length >= SHORTEST) for (const encoded of encodings(secret)) pieces.add(encoded);
  }
  return [...pieces].sort((a, b) => b.length - a.length);
}

/** The base64 of a secret, and what of it stands in that of a longer text, which may have it at any of three places within its groups: `user:KNOWN`. */
function encodings(secret: string): readonly string[] {
  const bytes = Buffer.from(secret);
  const within = [0, 1, 2].map(before =>
    Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6)),
  );
  return [bytes.toString('base64').replace(/=+$/, ''), ...within];
}

/** A document without any of these pieces in its names and texts: in JSON or YAML their quotes, backslashes and letters may be escaped. Pure. */
export function removeKnownIn(value: unknown, pieces: readonly string[]): unknown {
  if (typeof value === 'string') return removeKnown(value, pieces);
  if (Array.isArray(value)) return value.map(item => removeKnownIn(item, pieces));
  if (typeof value !== 'object' || value === null) return value;
  // bytes, which YAML may hold: no piece is found in them
  if (ArrayBuffer.isView(value)) return LEFT_OUT;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [removeKnown(key, pieces), removeKnownIn(inner, pieces)]),
  );
}

/** A text without any of these pieces. Pure. */
export function removeKnown(text: string, pieces: readonly string[]): string {
  return pieces.reduce((left, piece) => (left.includes(piece) ? left.replaceAll(piece, REDACTED) : left), text);
}
