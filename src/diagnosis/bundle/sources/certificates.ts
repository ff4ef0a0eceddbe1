import type { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  AUTHORITIES,
  type AuthorityName,
  hasOurEtcd,
  managedCertificates,
} from '../../../bootstrap/certificates/renewal/inventory.ts';
import type { Files } from '../../../bootstrap/files.ts';
import { parseCertificate } from '../../../pki/certificate.ts';
import { authorityAt, type CertificateHere, certificateAt } from '../../reach/certificates.ts';
import type { Reach } from '../../reach/reach.ts';
import type { BundleSource } from '../item.ts';

/** What everybody may know of the certificates of this machine: subjects, names, dates. No key is read. */
export function certificates(files: Files, reach: Reach): BundleSource {
  return {
    what: 'the public facts of certificates',
    timeoutMs: 10_000,
    async *items() {
      const isOurEtcd = reach.silenceAt(files.marker) === undefined && hasOurEtcd(files);
      const managed = managedCertificates(files, isOurEtcd).map(each => ({
        name: each.name,
        ...factsOf(certificateAt(each, reach)),
      }));
      const authorities = (Object.keys(AUTHORITIES) as AuthorityName[]).map(name => ({
        name,
        ...factsOf(authorityAt(files, name, reach)),
      }));
      const serving = { name: 'kubelet-serving', ...servingFacts(`${files.kubeletDir}/pki/kubelet.crt`, reach) };
      yield { path: 'certificates.json', document: { certificates: [...managed, serving], authorities } };
    },
  };
}

function factsOf(found: CertificateHere): object {
  if (found.state === 'missing') return { state: 'missing' };
  if (found.state !== 'present') return { state: found.state, because: found.because };
  return { state: 'present', ...publicFacts(parseCertificate(found.pem)) };
}

function servingFacts(path: string, reach: Reach): object {
  const because = reach.silenceAt(path);
  if (because !== undefined) return { state: 'unanswered', because };
  try {
    return { state: 'present', ...publicFacts(parseCertificate(readFileSync(path))) };
  } catch {
    return { state: 'missing' };
  }
}

function publicFacts(certificate: X509Certificate): object {
  const { subject, issuer, subjectAltName, validFrom, validTo, serialNumber, fingerprint256, ca } = certificate;
  return {
    subject: subject.split('\n').join(', '),
    issuer: issuer.split('\n').join(', '),
    subjectAltNames: subjectAltName?.split(', ') ?? [],
    notBefore: new Date(validFrom).toISOString(),
    notAfter: new Date(validTo).toISOString(),
    serialNumber,
    fingerprintSha256: fingerprint256,
    isAuthority: ca,
  };
}
