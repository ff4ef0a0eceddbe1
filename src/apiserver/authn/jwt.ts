import { type KeyObject, sign, verify } from 'node:crypto';
import { keyId } from '../../pki/keys.ts';

/** Compact JSON Web Signatures (RFC 7515) with the two algorithms that API servers use: RS256 and ES256. Nothing else is read, `none` least of all. */

export type JwtClaims = Readonly<Record<string, unknown>>;

/** A token that was taken apart; nothing in it is to be trusted before `verifyJwt` said so. */
export interface UnverifiedJwt {
  readonly header: { readonly alg: string; readonly kid: string };
  readonly claims: JwtClaims;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** Signs the claims; the algorithm follows from the key. */
export function signJwt(claims: JwtClaims, key: KeyObject, kid: string = keyId(key)): string {
  const header = { alg: algorithmOf(key), kid };
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature = sign('sha256', Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
  return `${signed}.${signature.toString('base64url')}`;
}

/** Undefined for everything that is not three parts of base64url with a JSON object in the first two. */
export function parseJwt(token: string): UnverifiedJwt | undefined {
  const parts = token.split('.');
  const [header = '', claims = '', signature = ''] = parts;
  if (parts.length !== 3 || !parts.every(part => /^[A-Za-z0-9_-]+$/.test(part))) return undefined;
  const readHeader = decode(header);
  const readClaims = decode(claims);
  if (readHeader === undefined || readClaims === undefined || typeof readHeader['alg'] !== 'string') return undefined;
  // An extension that must be understood is not understood here.
  if (readHeader['crit'] !== undefined) return undefined;
  const kid = typeof readHeader['kid'] === 'string' ? readHeader['kid'] : '';
  return {
    header: { alg: readHeader['alg'], kid },
    claims: readClaims,
    signed: Buffer.from(`${header}.${claims}`),
    signature: Buffer.from(signature, 'base64url'),
  };
}

/** True when the key signed the token. The key says which algorithm there may be, the token does not. */
export function verifyJwt(token: UnverifiedJwt, publicKey: KeyObject): boolean {
  if (token.header.alg !== algorithmOf(publicKey)) return false;
  return verify('sha256', token.signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, token.signature);
}

function algorithmOf(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return 'RS256';
  return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? 'ES256' : 'unsupported';
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function decode(part: string): JwtClaims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JwtClaims) : undefined;
  } catch {
    return undefined;
  }
}
