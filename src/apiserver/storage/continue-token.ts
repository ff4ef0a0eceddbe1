import { parseJson } from '../../api/decode/json/decode-json.ts';
import { errorMessage } from '../../base/errors.ts';
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
  const parsed = parse(decoded(token));
  if (parsed.v !== VERSION)
    throw bad(`continue key is not valid: server does not recognize this encoded version ${String(parsed.v ?? '')}`);
  const { rv = 0, start = '' } = parsed;
  if (!Number.isSafeInteger(rv)) throw wrongType(rv, 'rv', 'int64');
  if (typeof start !== 'string') throw wrongType(start, 'start', 'string');
  if (rv === 0)
    throw bad('continue key is not valid: incorrect encoded start resourceVersion (version meta.k8s.io/v1)');
  if (start === '') throw bad('continue key is not valid: encoded start key empty (version meta.k8s.io/v1)');
  const path = start.startsWith('/') ? start.slice(1) : start;
  if (path.split('/').some(part => part === '' || part === '.' || part === '..'))
    throw bad(`continue key is not valid: ${start}`);
  return { startKey: prefix + path, revision: Number(rv) > 0 ? Number(rv) : undefined };
}

function decoded(token: string): Buffer {
  const wrong = token.search(/[^A-Za-z0-9_-]/);
  const at = wrong < 0 && token.length % 4 === 1 ? token.length - 1 : wrong;
  if (at >= 0) throw bad(`continue key is not valid: illegal base64 data at input byte ${at}`);
  return Buffer.from(token, 'base64url');
}

function parse(bytes: Buffer): { v?: unknown; rv?: unknown; start?: unknown } {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString()) ?? {};
  } catch {
    // Go names the byte that it does not like.
    throw bad(`continue key is not valid: ${reasonAgainst(bytes.toString('latin1'))}`);
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value;
  throw bad(
    `continue key is not valid: json: cannot unmarshal ${goKind(value)} into Go value of type storage.continueToken`,
  );
}

function reasonAgainst(text: string): string {
  try {
    parseJson(text);
    return 'invalid UTF-8';
  } catch (error) {
    return errorMessage(error);
  }
}

function wrongType(value: unknown, field: string, type: string): StorageError {
  return bad(
    `continue key is not valid: json: cannot unmarshal ${goKind(value)} into Go struct field continueToken.${field} of type ${type}`,
  );
}

function goKind(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

const bad = (why: string): StorageError => new StorageError('invalid', `invalid continue token: ${why}`);
