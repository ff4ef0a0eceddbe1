import { readFileSync, realpathSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { failedPrecondition } from '../../../base/errors.ts';
import { writeFileAtomic } from '../../../linux/atomic-file.ts';
import { type Issuer, parseCertificate } from '../../../pki/certificate.ts';
import { generateKeyLike } from '../../../pki/key-algorithms.ts';
import { privateKeyPem, readPrivateKey } from '../../../pki/keys.ts';
import { issueLeaf, specOfCertificate } from '../issue.ts';
import type { ManagedCertificate } from './inventory.ts';

/**
 * Puts a new certificate in the place of `pem`, for the same names and uses, in one step: a reader finds the old or the new, never halves of both. So one with its key in
 * another file keeps that key; where both are in one file the key is new, too, and of the same kind. The new certificate in PEM.
 */
export function renewCertificate(
  managed: ManagedCertificate,
  pem: string,
  issuer: Issuer,
  { now, lifeMs }: { readonly now: number; readonly lifeMs: number },
): string {
  const { at } = managed;
  if (at.form === 'pair') {
    const key = readPrivateKey(readFileSync(at.key, 'utf8'));
    const cert = issueLeaf(specOfCertificate(pem, key), issuer, now, lifeMs);
    writeFileAtomic(at.certificate, cert, { mode: 0o644, durable: true });
    return cert;
  }
  const key = generateKeyLike(parseCertificate(pem).publicKey);
  const cert = issueLeaf(specOfCertificate(pem, key), issuer, now, lifeMs);
  // the link that names the newest stays, and what it names is another
  if (at.form === 'bundle')
    writeFileAtomic(realpathSync(at.path), `${cert}${privateKeyPem(key)}`, { mode: 0o600, durable: true });
  else writeFileAtomic(at.path, withCredentials(at.path, cert, privateKeyPem(key)), { mode: 0o600, durable: true });
  return cert;
}

/** The kubeconfig with another pair; all else in it stays as it is, comments too. */
function withCredentials(path: string, cert: string, key: string): string {
  const document = parseDocument(readFileSync(path, 'utf8'));
  const users = document.get('users') as { items?: readonly unknown[] } | undefined;
  if (users?.items?.length !== 1)
    throw failedPrecondition(
      `${path} has ${users?.items?.length ?? 0} users and not one: whose certificate is to be renewed?`,
    );
  document.setIn(['users', 0, 'user', 'client-certificate-data'], Buffer.from(cert).toString('base64'));
  document.setIn(['users', 0, 'user', 'client-key-data'], Buffer.from(key).toString('base64'));
  return document.toString({ lineWidth: 0 });
}
