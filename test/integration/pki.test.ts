import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as certificates from '../../src/pki/certificate.ts';
import { createCertificateRequest, readCertificateRequest } from '../../src/pki/certificate-request.ts';
import { generateKey, privateKeyPem, readPrivateKey, readPublicKey, spkiPin } from '../../src/pki/keys.ts';

/** openssl is the judge: what it makes we read, what we make it verifies. */
let dir: string;
const file = (name: string): string => join(dir, name);
const openssl = async (...args: string[]): Promise<string> => (await execa('openssl', args, { cwd: dir })).stdout;

const day = 86_400_000;
const notBefore = new Date(Date.now() - 300_000);
const caKey = generateKey();
const caDer = certificates.selfSignedCertificate(
  {
    subject: { commonName: 'kubernetes', organizations: [] },
    publicKey: caKey,
    notBefore,
    notAfter: new Date(Date.now() + 3650 * day),
    keyUsages: ['digitalSignature', 'keyEncipherment', 'keyCertSign'],
    subjectAltNames: { dnsNames: ['kubernetes'], ipAddresses: [] },
    ca: {},
  },
  caKey,
);
const issuer = { certificate: certificates.parseCertificate(caDer), key: caKey };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'gantry-pki-'));
  await writeFile(file('ca.crt'), certificates.certificatePem(caDer));
});
afterAll(() => rm(dir, { recursive: true }));

describe('certificates that openssl verifies', () => {
  it('a server certificate, for its names and addresses only', async () => {
    const der = certificates.signCertificate(
      {
        subject: { commonName: 'kube-apiserver', organizations: [] },
        publicKey: generateKey(),
        notBefore,
        notAfter: new Date(Date.now() + 365 * day),
        keyUsages: ['digitalSignature', 'keyEncipherment'],
        extendedKeyUsages: ['serverAuth'],
        subjectAltNames: { dnsNames: ['kubernetes.default.svc'], ipAddresses: ['10.96.0.1', 'fd00::1'] },
      },
      issuer,
    );
    await writeFile(file('server.crt'), certificates.certificatePem(der));
    const verify = (...args: string[]): Promise<string> =>
      openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-CAfile', 'ca.crt', ...args, 'server.crt');
    expect(await verify('-verify_hostname', 'kubernetes.default.svc')).toContain('OK');
    expect(await verify('-verify_ip', '10.96.0.1')).toContain('OK');
    expect(await verify('-verify_ip', 'fd00::1')).toContain('OK');
    await expect(verify('-verify_hostname', 'elsewhere')).rejects.toThrow(/hostname mismatch/i);
    await expect(openssl('verify', '-purpose', 'sslclient', '-CAfile', 'ca.crt', 'server.crt')).rejects.toThrow(
      /unsuitable certificate purpose/i,
    );
  });

  it('a client certificate with several groups, whose names come back as they went in', async () => {
    const subject = { commonName: 'système:nœud', organizations: ['system:nodes', 'b\nc', 'a'] };
    const der = certificates.signCertificate(
      {
        subject,
        publicKey: generateKey(),
        notBefore,
        notAfter: new Date(Date.UTC(2055, 0, 1)),
        keyUsages: ['digitalSignature'],
        extendedKeyUsages: ['clientAuth'],
      },
      issuer,
    );
    await writeFile(file('client.crt'), certificates.certificatePem(der));
    expect(
      await openssl('verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ca.crt', 'client.crt'),
    ).toContain('OK');
    expect(await openssl('x509', '-in', 'client.crt', '-noout', '-enddate')).toContain('2055');
    const identity = certificates.certificateIdentity(der);
    expect(identity.commonName).toBe(subject.commonName);
    expect(identity.organizations.toSorted()).toEqual(subject.organizations.toSorted());
    expect(identity.extensions.isCa).toBe(false);
  });

  it('a chain with a second CA between', async () => {
    const key = generateKey();
    const validity = { notBefore, notAfter: new Date(Date.now() + day) };
    const between = certificates.signCertificate(
      {
        subject: { commonName: 'between', organizations: [] },
        publicKey: key,
        ...validity,
        keyUsages: ['keyCertSign'],
        ca: { pathLength: 0 },
      },
      issuer,
    );
    const leaf = certificates.signCertificate(
      {
        subject: { commonName: 'leaf', organizations: [] },
        publicKey: generateKey(),
        ...validity,
        keyUsages: ['digitalSignature'],
      },
      { certificate: certificates.parseCertificate(between), key },
    );
    await writeFile(file('between.crt'), certificates.certificatePem(between));
    await writeFile(file('leaf.crt'), certificates.certificatePem(leaf));
    expect(
      await openssl('verify', '-x509_strict', '-CAfile', 'ca.crt', '-untrusted', 'between.crt', 'leaf.crt'),
    ).toContain('OK');
  });
});

describe('requests', () => {
  it('ours, which openssl verifies and reads', async () => {
    const pem = createCertificateRequest(
      {
        subject: { commonName: 'system:node:n1', organizations: ['system:nodes'] },
        subjectAltNames: { dnsNames: ['n1'], ipAddresses: ['10.0.0.1'] },
      },
      generateKey(),
    );
    await writeFile(file('ours.csr'), pem);
    const text = await openssl('req', '-in', 'ours.csr', '-verify', '-noout', '-text');
    expect(text).toContain('CN = system:node:n1');
    expect(text).toContain('DNS:n1, IP Address:10.0.0.1');
  });

  it("openssl's, with an RSA key, which we verify and sign", async () => {
    await openssl('req', '-new', '-newkey', 'rsa:2048', '-nodes', '-keyout', 'rsa.key', '-out', 'rsa.csr', '-subj', '/O=dev/CN=jane', '-addext', 'subjectAltName=DNS:jane,URI:spiffe://x'); // biome-ignore format: one command
    const request = readCertificateRequest((await execa('cat', [file('rsa.csr')])).stdout);
    expect(request.subject).toEqual({ commonName: 'jane', organizations: ['dev'] });
    expect(request.subjectAltNames).toMatchObject({ dnsNames: ['jane'], uris: ['spiffe://x'] });
    expect(request.publicKey.asymmetricKeyType).toBe('rsa');
    const der = certificates.signCertificate(
      {
        subject: request.subject,
        publicKey: request.publicKey,
        notBefore,
        notAfter: new Date(Date.now() + day),
        keyUsages: ['digitalSignature'],
        extendedKeyUsages: ['clientAuth'],
      },
      issuer,
    );
    await writeFile(file('jane.crt'), certificates.certificatePem(der));
    expect(await openssl('verify', '-CAfile', 'ca.crt', 'jane.crt')).toContain('OK');
  });

  it('refuses one whose content was changed after it was signed', () => {
    const pem = createCertificateRequest({ subject: { commonName: 'jane', organizations: [] } }, generateKey());
    const der = Buffer.from(pem.replace(/-----.*-----|\n/g, ''), 'base64');
    der.write('mary', der.indexOf('jane'));
    const changed = `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
    expect(() => readCertificateRequest(changed)).toThrow('x509: ECDSA verification failure');
  });
});

describe('keys', () => {
  it('the pin of a CA is what kubeadm prints', async () => {
    await writeFile(file('ca.pub'), await openssl('x509', '-in', 'ca.crt', '-noout', '-pubkey'));
    await openssl('pkey', '-pubin', '-in', 'ca.pub', '-outform', 'DER', '-out', 'ca.der');
    const digest = (await openssl('dgst', '-sha256', '-r', 'ca.der')).split(' ')[0];
    expect(spkiPin(readPublicKey(certificates.certificatePem(caDer)))).toBe(`sha256:${digest}`);
  });

  it('reads the key that openssl writes with its parameters in front', async () => {
    const pem = await openssl('ecparam', '-name', 'prime256v1', '-genkey');
    expect(readPrivateKey(pem).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    await writeFile(file('ours.key'), privateKeyPem(caKey), { mode: 0o600 });
    expect(await openssl('pkey', '-in', 'ours.key', '-check', '-noout')).toContain('valid');
  });
});
