import { certificatePem, selfSignedCertificate } from '../pki/certificate.ts';
import { generateKey, privateKeyPem } from '../pki/keys.ts';

/** Longer than any process lives. */
const YEARS = 10;

/**
 * A certificate with its key, PEM, for what is served on loopback alone and told to who does not ask whose it is: upstream's components make themselves
 * one, too, where they are given none.
 */
export function selfSignedForLoopback(
  commonName: string,
  now: number,
): { readonly cert: string; readonly key: string } {
  const key = generateKey();
  const notAfter = new Date(now);
  notAfter.setUTCFullYear(notAfter.getUTCFullYear() + YEARS);
  const certificate = selfSignedCertificate(
    {
      subject: { commonName, organizations: [] },
      publicKey: key,
      notBefore: new Date(now - 3_600_000),
      notAfter,
      keyUsages: ['digitalSignature'],
      extendedKeyUsages: ['serverAuth'],
      subjectAltNames: { dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] },
    },
    key,
  );
  return { cert: certificatePem(certificate), key: privateKeyPem(key) };
}
