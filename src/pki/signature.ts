import { type KeyObject, sign, verify } from 'node:crypto';
import { invalidArgument } from '../base/errors.ts';
import { DerReader, derBitString, derNull, derOid, derSequence, readOid, TAG } from './der.ts';
import { OID } from './oids.ts';

/** AlgorithmIdentifier of what `signDer` makes with this key: ECDSA or RSA PKCS #1 v1.5, both over SHA-256. */
export function signatureAlgorithm(key: KeyObject): Buffer {
  return key.asymmetricKeyType === 'rsa'
    ? derSequence(derOid(OID.sha256WithRsa), derNull())
    : derSequence(derOid(OID.ecdsaWithSha256));
}

/** What certificates and requests have in common: content, algorithm and signature in one sequence. */
export function signDer(content: Uint8Array, key: KeyObject): Buffer {
  return derSequence(content, signatureAlgorithm(key), derBitString(sign('sha256', content, key)));
}

/** The three parts of something signed, not verified. */
export interface SignedDer {
  readonly content: Buffer;
  readonly algorithm: string;
  readonly signature: Buffer;
}

export function readSignedDer(der: Uint8Array, what: string): SignedDer {
  const outer = new DerReader(der);
  const reader = outer.enter(TAG.sequence, what);
  outer.end(what);
  const content = reader.next(TAG.sequence, `the content of ${what}`).raw;
  const algorithm = readOid(
    reader.enter(TAG.sequence, `the algorithm of ${what}`).next(TAG.oid, 'an algorithm').content,
  );
  const signature = reader.next(TAG.bitString, `the signature of ${what}`).content.subarray(1);
  reader.end(what);
  return { content, algorithm, signature };
}

const HASHES: Readonly<Record<string, readonly [keyType: string, hash: string | undefined]>> = {
  // Ed25519 has its hash inside.
  '1.3.101.112': ['ed25519', undefined],
  '1.2.840.10045.4.3.2': ['ec', 'sha256'],
  '1.2.840.10045.4.3.3': ['ec', 'sha384'],
  '1.2.840.10045.4.3.4': ['ec', 'sha512'],
  '1.2.840.113549.1.1.11': ['rsa', 'sha256'],
  '1.2.840.113549.1.1.12': ['rsa', 'sha384'],
  '1.2.840.113549.1.1.13': ['rsa', 'sha512'],
};

/** True when the signature is this key's. Throws `invalid-argument` for an algorithm that is unknown or no longer safe (SHA-1, MD5). */
export function verifySignedDer(signed: SignedDer, key: KeyObject): boolean {
  const known = HASHES[signed.algorithm];
  if (known === undefined) throw invalidArgument(`the signature algorithm ${signed.algorithm} is not supported`);
  const [keyType, hash] = known;
  return key.asymmetricKeyType === keyType && verify(hash, signed.content, key, signed.signature);
}
