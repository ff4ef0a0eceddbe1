import { certificatePem, parseCertificate, selfSignedCertificate, signCertificate } from '../../src/pki/certificate.ts';
import type { ExtendedKeyUsage } from '../../src/pki/extensions.ts';
import { generateKey, privateKeyPem } from '../../src/pki/keys.ts';

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** A certificate with its key, in PEM, under the names that Node's TLS options have for them. */
export interface TestCertificate {
  readonly cert: string;
  readonly key: string;
}

/** From five minutes ago for an hour. */
export function validNow(): Validity {
  return { notBefore: new Date(Date.now() - 300_000), notAfter: new Date(Date.now() + 3_600_000) };
}

/** A CA with what it signs, for one test run. */
export class TestAuthority {
  readonly pem: string;
  readonly #key = generateKey();
  readonly #der: Buffer;

  constructor(commonName = 'kubernetes') {
    this.#der = selfSignedCertificate(
      {
        subject: { commonName, organizations: [] },
        publicKey: this.#key,
        ...validNow(),
        keyUsages: ['keyCertSign', 'digitalSignature'],
        ca: {},
      },
      this.#key,
    );
    this.pem = certificatePem(this.#der);
  }

  /** What signs, in PEM: for who is to sign in its place. */
  get keyPem(): string {
    return privateKeyPem(this.#key);
  }

  issue(
    commonName: string,
    organizations: readonly string[],
    usage: ExtendedKeyUsage,
    validity = validNow(),
  ): TestCertificate {
    const key = generateKey();
    const der = signCertificate(
      {
        subject: { commonName, organizations },
        publicKey: key,
        ...validity,
        keyUsages: ['digitalSignature'],
        extendedKeyUsages: [usage],
        subjectAltNames: { dnsNames: ['localhost', 'kubernetes'], ipAddresses: ['127.0.0.1'] },
      },
      { certificate: parseCertificate(this.#der), key: this.#key },
    );
    return { cert: certificatePem(der), key: privateKeyPem(key) };
  }
}
