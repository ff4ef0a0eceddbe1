import { readlinkSync, writeFileSync } from 'node:fs';
import { issueLeaf, specOfCertificate } from '../../src/bootstrap/certificates/issue.ts';
import {
  authorityOf,
  type ManagedCertificate,
  managedCertificates,
  readManaged,
} from '../../src/bootstrap/certificates/renewal/inventory.ts';
import { renewCertificate } from '../../src/bootstrap/certificates/renewal/renew.ts';
import { type Files, filesBelow } from '../../src/bootstrap/files.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { generateKey, privateKeyPem } from '../../src/pki/keys.ts';

const LIFE_MS = 60_000;
const AGO_MS = 3_600_000;

/**
 * Puts certificates that were over an hour ago in the place of those of a host, signed by the CAs of `authorities`: as they are after it was off for long. Names of those that
 * were there.
 */
export function expireCertificates(host: Host, authorities: Files, which: (name: string) => boolean): string[] {
  // the link names a path of the host
  const current = host.path(readlinkSync(host.path('/var/lib/kubelet/pki/kubelet-client-current.pem')));
  const files = { ...filesBelow(host.path('/')), kubeletClientPem: current };
  return managedCertificates(files)
    .filter(({ name }) => which(name))
    .flatMap(managed => (expire(managed, authorities) ? [managed.name] : []));
}

function expire(managed: ManagedCertificate, authorities: Files): boolean {
  const present = readManaged(managed);
  const issuer = authorityOf(authorities, managed.authority);
  if (present.state !== 'present' || issuer === undefined) return false;
  const now = Date.now() - AGO_MS;
  if (managed.at.form === 'bundle') {
    const key = generateKey();
    const cert = issueLeaf(specOfCertificate(present.pem, key), issuer, now, LIFE_MS);
    writeFileSync(managed.at.path, `${cert}${privateKeyPem(key)}`);
  } else renewCertificate(managed, present.pem, issuer, { now, lifeMs: LIFE_MS });
  return true;
}
