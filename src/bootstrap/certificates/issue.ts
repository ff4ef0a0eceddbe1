import type { KeyObject } from 'node:crypto';
import {
  certificateIdentity,
  certificatePem,
  type Issuer,
  parseCertificate,
  signCertificate,
} from '../../pki/certificate.ts';
import type { DistinguishedName } from '../../pki/distinguished-name.ts';
import { EXTENDED_KEY_USAGE, type ExtendedKeyUsage, type SubjectAltNames } from '../../pki/extensions.ts';
import { generateKeyOf, type KeyAlgorithm } from '../../pki/key-algorithms.ts';
import { privateKeyPem } from '../../pki/keys.ts';

/** kubeadm's: a clock that is a little behind takes the certificate too. */
const BACKDATE_MS = 5 * 60_000;

export interface LeafSpec {
  readonly subject: DistinguishedName;
  /** A private key stands for its public half. */
  readonly publicKey: KeyObject;
  readonly usages: readonly ExtendedKeyUsage[];
  readonly names?: SubjectAltNames;
}

/** How long something holds from `now` on, in ms since the epoch and ms. It begins five minutes before, as kubeadm's do; a short life a tenth of it, lest it be over before it begins. */
export function validity(now: number, lifeMs: number): { readonly notBefore: Date; readonly notAfter: Date } {
  const start = now - Math.min(BACKDATE_MS, lifeMs / 10);
  return { notBefore: new Date(start), notAfter: new Date(start + lifeMs) };
}

/** A certificate in PEM that is no CA. It does not outlive its issuer: who checks one would find it over all the same. */
export function issueLeaf(spec: LeafSpec, issuer: Issuer, now: number, lifeMs: number): string {
  const { notBefore, notAfter } = validity(now, lifeMs);
  const end = Math.min(notAfter.getTime(), Date.parse(issuer.certificate.validTo));
  const der = signCertificate(
    {
      subject: spec.subject,
      publicKey: spec.publicKey,
      notBefore,
      notAfter: new Date(end),
      keyUsages: ['digitalSignature', 'keyEncipherment'],
      extendedKeyUsages: spec.usages,
      ...(spec.names === undefined ? {} : { subjectAltNames: spec.names }),
    },
    issuer,
  );
  return certificatePem(der);
}

/** A pair for a client of the API server, as in kubeconfigs. */
export function issueClientPair(
  issuer: Issuer,
  subject: DistinguishedName,
  now: number,
  lifeMs: number,
  algorithm?: KeyAlgorithm,
): { readonly cert: string; readonly key: string } {
  const key = generateKeyOf(algorithm);
  const cert = issueLeaf({ subject, publicKey: key, usages: ['clientAuth'] }, issuer, now, lifeMs);
  return { cert, key: privateKeyPem(key) };
}

/** What a certificate says, for another key or another time: subject, names and usages as they are. Usages that are not known are left out. */
export function specOfCertificate(pem: string, publicKey: KeyObject): LeafSpec {
  const { extensions, commonName, organizations } = certificateIdentity(parseCertificate(pem).raw);
  const usages = (Object.keys(EXTENDED_KEY_USAGE) as ExtendedKeyUsage[]).filter(usage =>
    extensions.extendedKeyUsages.includes(EXTENDED_KEY_USAGE[usage]),
  );
  return { subject: { commonName, organizations }, publicKey, usages, names: extensions.subjectAltNames };
}
