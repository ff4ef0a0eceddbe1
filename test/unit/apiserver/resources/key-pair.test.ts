import { describe, expect, it } from 'vitest';
import { keyPairFault } from '../../../../src/apiserver/resources/core/key-pair.ts';
import { certificatePem, selfSignedCertificate } from '../../../../src/pki/certificate.ts';
import { generateKey, privateKeyPem } from '../../../../src/pki/keys.ts';

const key = generateKey();
const certificate = certificatePem(
  selfSignedCertificate(
    {
      subject: { commonName: 'anything', organizations: [] },
      publicKey: key,
      notBefore: new Date(0),
      notAfter: new Date(60_000),
      keyUsages: ['digitalSignature'],
    },
    key,
  ),
);
const pem = privateKeyPem(key);
const OTHER = '-----BEGIN OTHER-----\neA==\n-----END OTHER-----\n';

describe('a certificate and its key', () => {
  it.each([
    ['fit', certificate, pem, undefined],
    ['fit with a chain behind the certificate', `${certificate}${certificate}`, `${OTHER}${pem}`, undefined],
    ['without certificate', '', pem, 'tls: failed to find any PEM data in certificate input'],
    [
      'the wrong way round',
      pem,
      certificate,
      'tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched',
    ],
    [
      'with something else for a certificate',
      OTHER,
      pem,
      'tls: failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the following types: [OTHER]',
    ],
    ['without key', certificate, '', 'tls: failed to find any PEM data in key input'],
    [
      'with a certificate for a key',
      certificate,
      certificate,
      'tls: found a certificate rather than a key in the PEM for the private key',
    ],
    [
      'with something else for a key',
      certificate,
      OTHER,
      'tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the following types: [OTHER]',
    ],
    [
      'with a certificate that is none inside',
      '-----BEGIN CERTIFICATE-----\neA==\n-----END CERTIFICATE-----\n',
      pem,
      'x509: malformed certificate',
    ],
    [
      'with a key that is none inside',
      certificate,
      '-----BEGIN PRIVATE KEY-----\neA==\n-----END PRIVATE KEY-----\n',
      'tls: failed to parse private key',
    ],
    ['of two pairs', certificate, privateKeyPem(generateKey()), 'tls: private key does not match public key'],
  ])('%s', (_, first, second, fault) => {
    expect(keyPairFault(first, second)).toBe(fault);
  });
});
