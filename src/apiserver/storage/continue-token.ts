import { StorageError } from './errors.ts';

/** Where a list goes on: base64url of `{"v":"meta.k8s.io/v1","rv":<revision>,"start":<first key after the prefix>}`. */
export interface ContinueToken {
  /** The whole key. */
  readonly startKey: string;
  /** Of the list that it continues; undefined: the newest state (rv -1, given after the wished one had expired). */
  readonly revision: number | undefined;
}

const VERSION = 'meta.k8s.io/v1';

/** `startKey` must lie below `prefix`. `revision` undefined makes the token that goes on with the newest state. */
export function encodeContinue(startKey: string, prefix: string, revision: number | undefined): string {
  if (!startKey.startsWith(prefix)) throw new StorageError('invalid', 'the key and key prefix do not match');
  const token = { v: VERSION, rv: revision ?? -1, start: startKey.slice(prefix.length) };
  return Buffer.from(JSON.stringify(token)).toString('base64url');
}

/** Throws `invalid`, for a 400, on anything that this or an upstream server did not make. The key cannot leave the prefix. */
export function decodeContinue(token: string, prefix: string): ContinueToken {
  if (!/^[A-Za-z0-9_-]*$/.test(token) || token.length % 4 === 1) throw bad('continue key is not valid');
  const parsed = parse(Buffer.from(token, 'base64url').toString());
  if (parsed.v !== VERSION)
    throw bad(`continue key is not valid: server does not recognize this encoded version ${String(parsed.v ?? '')}`);
  const { rv = 0, start = '' } = parsed;
  if (!Number.isSafeInteger(rv) || typeof start !== 'string') throw bad('continue key is not valid');
  if (rv === 0)
    throw bad('continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (start === '') throw bad('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)');
  const path = start.startsWith('/') ? start.slice(1) : start;
  if (path.split('/').some(part => part === '' || part === '.' || part === '..'))
    throw bad(`continue key is not valid: ${start}`);
  return { startKey: prefix + path, revision: Number(rv) > 0 ? Number(rv) : undefined };
}

function parse(text: string): { v?: unknown; rv?: unknown; start?: unknown } {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // said below
  }
  throw bad('continue key is not valid');
}

const bad = (why: string): StorageError => new StorageError('invalid', `invalid continue token: ${why}`);
