import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { writeFileAtomic } from '../../linux/atomic-file.ts';
import { certificatePem, parseCertificate, selfSignedCertificate, signCertificate } from '../../pki/certificate.ts';
import { generateKey, privateKeyPem, publicHalf, publicKeyPem, readPrivateKey } from '../../pki/keys.ts';

const YEAR_MS = 365 * 24 * 3_600_000;
const DAY_MS = 24 * 3_600_000;

/**
 * The certificate that the kubelet serves with where none is given: made once, signed by a CA that is thrown away, and kept as `kubelet.crt` and `kubelet.key`. Nobody
 * can check it, and the API server does not by default. One that is over, or that is for other names, is made anew.
 */
export function servingCertificate(
  directory: string,
  node: { readonly name: string; readonly ips: readonly string[] },
  now: number,
): { readonly cert: string; readonly key: string } {
  const certFile = `${directory}/kubelet.crt`;
  const keyFile = `${directory}/kubelet.key`;
  if (existsSync(certFile) && existsSync(keyFile)) {
    const kept = { cert: readFileSync(certFile, 'utf8'), key: readFileSync(keyFile, 'utf8') };
    if (isGood(kept, node, now)) return kept;
  }
  const made = make(node, now);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileAtomic(keyFile, made.key, { mode: 0o600 });
  writeFileAtomic(certFile, made.cert, { mode: 0o644 });
  return made;
}

function isGood(
  kept: { readonly cert: string; readonly key: string },
  node: { readonly name: string; readonly ips: readonly string[] },
  now: number,
): boolean {
  try {
    const certificate = parseCertificate(kept.cert);
    return (
      Date.parse(certificate.validTo) > now + DAY_MS &&
      // a kill between the two files leaves a pair that does not belong together
      certificate.publicKey.export({ type: 'spki', format: 'pem' }) ===
        publicKeyPem(publicHalf(readPrivateKey(kept.key))) &&
      certificate.checkHost(node.name) !== undefined &&
      node.ips.every(ip => certificate.checkIP(ip) !== undefined)
    );
  } catch {
    return false;
  }
}

function make(
  { name, ips }: { readonly name: string; readonly ips: readonly string[] },
  now: number,
): { readonly cert: string; readonly key: string } {
  const stamp = `${name}@${Math.floor(now / 1000)}`;
  const dates = { notBefore: new Date(now - 3_600_000), notAfter: new Date(now + YEAR_MS) };
  const caKey = generateKey();
  const ca = selfSignedCertificate(
    {
      subject: { commonName: `${name}-ca@${Math.floor(now / 1000)}`, organizations: [] },
      publicKey: caKey,
      ...dates,
      keyUsages: ['keyCertSign', 'digitalSignature'],
      ca: {},
    },
    caKey,
  );
  const key = generateKey();
  const cert = signCertificate(
    {
      subject: { commonName: stamp, organizations: [] },
      publicKey: key,
      ...dates,
      keyUsages: ['digitalSignature'],
      extendedKeyUsages: ['serverAuth'],
      subjectAltNames: { dnsNames: [name], ipAddresses: ips.filter(ip => isIP(ip) !== 0) },
    },
    { certificate: parseCertificate(ca), key: caKey },
  );
  return { cert: certificatePem(cert) + certificatePem(ca), key: privateKeyPem(key) };
}
