import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { invalidArgument } from '../base/errors.ts';
import { DerReader, TAG } from './der.ts';

/** A new ECDSA P-256 key: 1 ms, where RSA-2048 takes a tenth of a second and more. */
export function generateKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

/** PKCS #8 text of a private key, for a file with mode 0600. */
export function privateKeyPem(key: KeyObject): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** SubjectPublicKeyInfo text; of a private key its public half. */
export function publicKeyPem(key: KeyObject): string {
  return publicHalf(key).export({ type: 'spki', format: 'pem' }).toString();
}

/** Reads PKCS #8, PKCS #1 or SEC 1 text. Throws `invalid-argument` on anything else and on keys that are neither EC nor RSA. */
export function readPrivateKey(pem: string): KeyObject {
  return usable(() => createPrivateKey(pem), 'private key');
}

/** Reads SubjectPublicKeyInfo or PKCS #1 text, a certificate, or a private key, whose public half it gives. */
export function readPublicKey(pem: string): KeyObject {
  return usable(() => createPublicKey(pem), 'public key');
}

/** Every public key of a file that may hold several PEM blocks (`sa.pub` during a rotation). */
export function readPublicKeys(text: string): KeyObject[] {
  const blocks = text.match(/-----BEGIN ([A-Z0-9 ]+)-----[\s\S]*?-----END \1-----/g) ?? [];
  const keys = blocks.filter(block => !block.startsWith('-----BEGIN EC PARAMETERS')).map(readPublicKey);
  if (keys.length === 0) throw invalidArgument('there is no PEM key in the text');
  return keys;
}

function usable(read: () => KeyObject, what: string): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch (cause) {
    // OpenSSL's own words name routines, not what is wrong with the file.
    throw invalidArgument(`the text holds no ${what} in PEM form`, { cause });
  }
  if (key.asymmetricKeyType !== 'ec' && key.asymmetricKeyType !== 'rsa')
    throw invalidArgument(`a ${what} of type ${key.asymmetricKeyType ?? 'unknown'} is not supported; use ECDSA or RSA`);
  return key;
}

/** The public half of either half. */
export function publicHalf(key: KeyObject): KeyObject {
  return key.type === 'private' ? createPublicKey(key) : key;
}

/** SubjectPublicKeyInfo, DER. */
export function spkiDer(key: KeyObject): Buffer {
  return publicHalf(key).export({ type: 'spki', format: 'der' });
}

/** `sha256:<hex>` of the SubjectPublicKeyInfo, the form of `--discovery-token-ca-cert-hash`. */
export function spkiPin(key: KeyObject): string {
  return `sha256:${createHash('sha256').update(spkiDer(key)).digest('hex')}`;
}

/** The `kid` that upstream gives a key in tokens and in the JWKS: SHA-256 of the SubjectPublicKeyInfo, base64url. */
export function keyId(key: KeyObject): string {
  return createHash('sha256').update(spkiDer(key)).digest('base64url');
}

/** RFC 5280 4.2.1.2 method 1: SHA-1 of the key bits, without the algorithm. */
export function subjectKeyIdentifier(spki: Uint8Array): Buffer {
  const info = new DerReader(spki).enter(TAG.sequence, 'SubjectPublicKeyInfo');
  info.next(TAG.sequence, 'the algorithm of a key');
  const bits = info.next(TAG.bitString, 'the bits of a key').content.subarray(1);
  return createHash('sha1').update(bits).digest();
}
