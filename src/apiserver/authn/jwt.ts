import { type KeyObject, sign, verify } from 'node:crypto';
import { invalidArgument } from '../../base/errors.ts';
import { keyId } from '../../pki/keys.ts';

/** Compact JSON Web Signatures (RFC 7515) with the algorithms that API servers use: RS256, and ES256, ES384 and ES512. Nothing else is read, `none` least of all. */

export type JwtClaims = Readonly<Record<string, unknown>>;

/** A token that was taken apart; nothing in it is to be trusted before `verifyJwt` said so. */
export interface UnverifiedJwt {
  readonly header: { readonly alg: string; readonly kid: string };
  readonly claims: JwtClaims;
  readonly signed: Buffer;
  readonly signature: Buffer;
}

/** What a key signs with: the name in the header, and the digest. */
export interface JwtAlgorithm {
  readonly alg: 'RS256' | 'ES256' | 'ES384' | 'ES512';
  readonly digest: 'sha256' | 'sha384' | 'sha512';
}

/** By curve, OpenSSL's names (RFC 7518, 3.4). */
const OF_CURVES: Readonly<Record<string, JwtAlgorithm>> = {
  prime256v1: { alg: 'ES256', digest: 'sha256' },
  secp384r1: { alg: 'ES384', digest: 'sha384' },
  secp521r1: { alg: 'ES512', digest: 'sha512' },
};

/** The key says which algorithm there may be. Throws `invalid-argument` for a curve by which no token is signed. */
export function jwtAlgorithm(key: KeyObject): JwtAlgorithm {
  if (key.asymmetricKeyType === 'rsa') return { alg: 'RS256', digest: 'sha256' };
  const curve = key.asymmetricKeyDetails?.namedCurve ?? '';
  const algorithm = OF_CURVES[curve];
  if (algorithm === undefined)
    throw invalidArgument(
      `tokens cannot be signed by a key of the curve "${curve}": use RSA, or ECDSA with P-256, P-384 or P-521`,
    );
  return algorithm;
}

/** Signs the claims; the algorithm follows from the key. */
export function signJwt(claims: JwtClaims, key: KeyObject, kid: string = keyId(key)): string {
  const { alg, digest } = jwtAlgorithm(key);
  const signed = `${encode({ alg, kid })}.${encode(claims)}`;
  const signature = sign(digest, Buffer.from(signed), { key, dsaEncoding: 'ieee-p1363' });
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
  const { alg, digest } = jwtAlgorithm(publicKey);
  if (token.header.alg !== alg) return false;
  return verify(digest, token.signed, { key: publicKey, dsaEncoding: 'ieee-p1363' }, token.signature);
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
