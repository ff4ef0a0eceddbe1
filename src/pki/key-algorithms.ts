import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { invalidArgument } from '../base/errors.ts';

/** What new keys can be, by kubeadm's names. */
export const KEY_ALGORITHMS = ['ECDSA-P256', 'ECDSA-P384', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

/** A new private key; ECDSA P-256 unless said otherwise: 1 ms, where RSA-2048 takes a tenth of a second and more. */
export function generateKeyOf(algorithm: KeyAlgorithm = 'ECDSA-P256'): KeyObject {
  const [, size = ''] = algorithm.split('-');
  if (algorithm.startsWith('RSA')) return generateKeyPairSync('rsa', { modulusLength: Number(size) }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: algorithm === 'ECDSA-P384' ? 'P-384' : 'P-256' }).privateKey;
}

/** A new private key of the kind of another, whose either half is given: who has chosen RSA gets RSA again. Throws `invalid-argument` for a kind that is not made here. */
export function generateKeyLike(other: KeyObject): KeyObject {
  const { asymmetricKeyType, asymmetricKeyDetails: { modulusLength, namedCurve } = {} } = other;
  if (asymmetricKeyType === 'rsa' && modulusLength !== undefined)
    return generateKeyPairSync('rsa', { modulusLength }).privateKey;
  if (asymmetricKeyType === 'ec' && namedCurve !== undefined)
    return generateKeyPairSync('ec', { namedCurve }).privateKey;
  throw invalidArgument(`a key of type ${asymmetricKeyType ?? 'unknown'} is not supported; use ECDSA or RSA`);
}
