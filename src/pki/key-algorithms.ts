import { generateKeyPairSync, type KeyObject } from 'node:crypto';

/** What new keys can be, by kubeadm's names. */
export const KEY_ALGORITHMS = ['ECDSA-P256', 'ECDSA-P384', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
export type KeyAlgorithm = (typeof KEY_ALGORITHMS)[number];

/** A new private key; ECDSA P-256 unless said otherwise: 1 ms, where RSA-2048 takes a tenth of a second and more. */
export function generateKeyOf(algorithm: KeyAlgorithm = 'ECDSA-P256'): KeyObject {
  const [, size = ''] = algorithm.split('-');
  if (algorithm.startsWith('RSA')) return generateKeyPairSync('rsa', { modulusLength: Number(size) }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: algorithm === 'ECDSA-P384' ? 'P-384' : 'P-256' }).privateKey;
}
