import { readFileSync } from 'node:fs';
import { parseDocument } from 'yaml';
import { errnoName, failedPrecondition } from '../../../base/errors.ts';
import { replaceFileAtomic } from '../../../linux/replace-file.ts';
import { type Issuer, parseCertificate } from '../../../pki/certificate.ts';
import { generateKeyLike } from '../../../pki/key-algorithms.ts';
import { privateKeyPem, readPrivateKey } from '../../../pki/keys.ts';
import { issueLeaf, specOfCertificate } from '../issue.ts';
import type { ManagedCertificate } from './inventory.ts';

/**
 * Puts a new certificate in the place of `pem`, for the same names and uses, in one step: a reader finds the old or the new, never halves of both. So one with its key in
 * another file keeps that key; where both are in one file the key is new, too, and of the same kind. Whose file it is and who may read it stays as it was. The new certificate in PEM.
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
    replace(at.certificate, cert);
    return cert;
  }
  const key = generateKeyLike(parseCertificate(pem).publicKey);
  const cert = issueLeaf(specOfCertificate(pem, key), issuer, now, lifeMs);
  const keyPem = privateKeyPem(key);
  replace(at.path, at.form === 'bundle' ? `${cert}${keyPem}` : withCredentials(at.path, cert, keyPem));
  return cert;
}

/** A link stays, as that of the kubelet to its newest, and what it leads to is another. That may be where the unit of the control plane may not write. */
function replace(path: string, text: string): void {
  try {
    replaceFileAtomic(path, text);
  } catch (error) {
    if (errnoName(error) !== 'EROFS') throw error;
    throw failedPrecondition(
      `${path} leads to a file system that is read-only for this process: run "gantry certs renew", or let the unit gantry-control-plane write there (ReadWritePaths=)`,
      { cause: error },
    );
  }
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
