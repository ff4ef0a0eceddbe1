import type { KeyUsage as ApiUsage } from '../../api/types/gen/certificates-v1.ts';
import { failedPrecondition, invalidArgument } from '../../base/errors.ts';
import type { CertificateSpec } from '../../pki/certificate.ts';
import type { CertificateRequest } from '../../pki/certificate-request.ts';
import type { ExtendedKeyUsage, KeyUsage } from '../../pki/extensions.ts';

/** Upstream's: clocks may be five minutes apart; a life under eight hours is not shortened for it; nobody gets less than ten minutes. */
const BACKDATE_MS = 300_000;
const SHORT_MS = 8 * 3_600_000;
const MIN_MS = 600_000;

const KEY_USAGES: Readonly<Partial<Record<ApiUsage, KeyUsage>>> = {
  signing: 'digitalSignature',
  'digital signature': 'digitalSignature',
  'content commitment': 'contentCommitment',
  'key encipherment': 'keyEncipherment',
  'key agreement': 'keyAgreement',
  'data encipherment': 'dataEncipherment',
  'cert sign': 'keyCertSign',
  'crl sign': 'crlSign',
  'encipher only': 'encipherOnly',
  'decipher only': 'decipherOnly',
};

/** In the order in which upstream writes them. */
const EXTENDED_USAGES: Readonly<Partial<Record<ApiUsage, ExtendedKeyUsage>>> = {
  any: 'any',
  'server auth': 'serverAuth',
  'client auth': 'clientAuth',
  'code signing': 'codeSigning',
  'email protection': 'emailProtection',
  's/mime': 'emailProtection',
  'ipsec end system': 'ipsecEndSystem',
  'ipsec tunnel': 'ipsecTunnel',
  'ipsec user': 'ipsecUser',
  timestamping: 'timeStamping',
  'ocsp signing': 'ocspSigning',
  'microsoft sgc': 'microsoftServerGatedCrypto',
  'netscape sgc': 'netscapeServerGatedCrypto',
};

export interface CertificateTerms {
  readonly usages: readonly ApiUsage[];
  /** What the request wishes, if anything. */
  readonly expirationSeconds: number | undefined;
  /** The longest life, and that of who wishes nothing. */
  readonly maxMs: number;
  /** Ms since the epoch. */
  readonly now: number;
  readonly caNotAfter: number;
}

/**
 * The certificate that a request gets: its subject, names and key, none of its other extensions, never a CA. Throws `failed-precondition` when the CA has
 * run out, `invalid-argument` on usages that there are not.
 */
export function certificateOfRequest(asked: CertificateRequest, terms: CertificateTerms): CertificateSpec {
  const { usages, now, caNotAfter } = terms;
  const other = usages.find(usage => KEY_USAGES[usage] === undefined && EXTENDED_USAGES[usage] === undefined);
  if (other !== undefined) throw invalidArgument(`unrecognized usage values: ${JSON.stringify(other)}`);
  if (now >= caNotAfter)
    throw failedPrecondition(`the certificate of the signer has expired: ${new Date(caNotAfter).toISOString()}`);
  const lifeMs = lifeOf(terms);
  const end = now + (lifeMs < SHORT_MS ? lifeMs : lifeMs - BACKDATE_MS);
  return {
    subject: asked.subject,
    publicKey: asked.publicKey,
    subjectAltNames: asked.subjectAltNames,
    notBefore: new Date(now - BACKDATE_MS),
    notAfter: new Date(Math.min(end, caNotAfter)),
    keyUsages: chosen(KEY_USAGES, usages),
    extendedKeyUsages: chosen(EXTENDED_USAGES, usages),
  };
}

function lifeOf({ expirationSeconds, maxMs }: CertificateTerms): number {
  if (expirationSeconds === undefined || expirationSeconds * 1000 > maxMs) return maxMs;
  return Math.max(MIN_MS, expirationSeconds * 1000);
}

function chosen<U extends string>(table: Readonly<Partial<Record<ApiUsage, U>>>, usages: readonly ApiUsage[]): U[] {
  const found = (Object.keys(table) as ApiUsage[]).filter(usage => usages.includes(usage));
  return [...new Set(found.map(usage => table[usage]).filter(usage => usage !== undefined))];
}
