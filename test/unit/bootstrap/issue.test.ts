import { describe, expect, it } from 'vitest';
import { issueClientPair, issueLeaf, specOfCertificate, validity } from '../../../src/bootstrap/certificates/issue.ts';
import { certificateIdentity, parseCertificate, selfSignedCertificate } from '../../../src/pki/certificate.ts';
import { generateKey } from '../../../src/pki/keys.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;

const key = generateKey();
const issuer = {
  key,
  certificate: parseCertificate(
    selfSignedCertificate(
      {
        subject: { commonName: 'kubernetes', organizations: [] },
        publicKey: key,
        notBefore: new Date(NOW - DAY),
        notAfter: new Date(NOW + 30 * DAY),
        keyUsages: ['keyCertSign'],
        ca: {},
      },
      key,
    ),
  ),
};

describe('how long a certificate holds', () => {
  it.each([
    ['a year begins five minutes before', 365 * DAY, -5 * MINUTE],
    ['an hour too', 60 * MINUTE, -5 * MINUTE],
    ['a minute begins six seconds before, lest it be over before it begins', MINUTE, -6_000],
  ])('%s', (_, life, start) => {
    const { notBefore, notAfter } = validity(NOW, life);
    expect([notBefore.getTime() - NOW, notAfter.getTime() - notBefore.getTime()]).toEqual([start, life]);
  });

  it('is no longer than its CA does', () => {
    const { cert } = issueClientPair(issuer, { commonName: 'a', organizations: [] }, NOW, 365 * DAY);
    expect(Date.parse(parseCertificate(cert).validTo)).toBe(NOW + 30 * DAY);
  });
});

describe('a certificate that takes the place of another', () => {
  it('has its subject, names and usages, and the key that is given', () => {
    const subject = { commonName: 'kube-apiserver', organizations: ['a', 'b'] };
    const names = { dnsNames: ['api.example', 'n1'], ipAddresses: ['10.0.0.5', '2001:db8::1'] };
    const first = issueLeaf(
      { subject, publicKey: generateKey(), usages: ['serverAuth', 'clientAuth'], names },
      issuer,
      NOW,
      DAY,
    );
    const other = generateKey();
    const second = parseCertificate(issueLeaf(specOfCertificate(first, other), issuer, NOW + DAY, DAY));
    const identity = certificateIdentity(second.raw);
    expect(identity.commonName).toBe('kube-apiserver');
    expect(identity.organizations).toEqual(['a', 'b']);
    expect(identity.extensions.subjectAltNames).toMatchObject(names);
    expect(identity.extensions.extendedKeyUsages).toEqual(['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2']);
    expect(second.checkPrivateKey(other)).toBe(true);
  });
});
