import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { KeyUsage as ApiUsage, CertificateSigningRequest } from '../../../src/api/types/gen/certificates-v1.ts';
import { certificateOfRequest } from '../../../src/controllers/certificates/certificate-of-request.ts';
import { recognized, signerProblem, uselessFrom, waitsForSigner } from '../../../src/controllers/certificates/plan.ts';
import { SigningAuthority } from '../../../src/controllers/certificates/signing-authority.ts';
import { certificateIdentity, parseCertificate, signCertificate } from '../../../src/pki/certificate.ts';
import {
  type CertificateRequestSpec,
  createCertificateRequest,
  readCertificateRequest,
} from '../../../src/pki/certificate-request.ts';
import { EXTENDED_KEY_USAGE } from '../../../src/pki/extensions.ts';
import { generateKey, privateKeyPem } from '../../../src/pki/keys.ts';
import { TestAuthority } from '../../harness/test-authority.ts';

const KEY = generateKey();
const NODE: CertificateRequestSpec = { subject: { commonName: 'system:node:n1', organizations: ['system:nodes'] } };
const NO_NAMES = { dnsNames: [], ipAddresses: [] };
const asked = (spec: CertificateRequestSpec) => readCertificateRequest(createCertificateRequest(spec, KEY));
const of = (
  signer: string,
  usages: readonly ApiUsage[],
  username = 'system:bootstrap:abcdef',
): CertificateSigningRequest =>
  ({
    metadata: { name: 'r', creationTimestamp: '2030-01-01T00:00:00Z' },
    spec: { request: '', signerName: `kubernetes.io/${signer}`, usages, username },
    status: {},
  }) as CertificateSigningRequest;
const CLIENT_USAGES: readonly ApiUsage[] = ['digital signature', 'client auth'];
const RSA_CLIENT_USAGES: readonly ApiUsage[] = ['key encipherment', ...CLIENT_USAGES];
const SERVER_USAGES: readonly ApiUsage[] = ['digital signature', 'server auth'];

describe('a request that may be approved without a person', () => {
  const client = 'kube-apiserver-client-kubelet';
  const cases: readonly [
    sentence: string,
    request: CertificateSigningRequest,
    spec: CertificateRequestSpec,
    subresources: readonly string[],
  ][] = [
    ['is that of a node that joins', of(client, CLIENT_USAGES), NODE, ['nodeclient']],
    ['may name key encipherment', of(client, RSA_CLIENT_USAGES), NODE, ['nodeclient']],
    [
      'is that of a node for itself',
      of(client, CLIENT_USAGES, 'system:node:n1'),
      NODE,
      ['selfnodeclient', 'nodeclient'],
    ],
    [
      'is that of a node for another by the wider right alone',
      of(client, CLIENT_USAGES, 'system:node:n2'),
      NODE,
      ['nodeclient'],
    ],
    ['is none of another signer', of('kubelet-serving', CLIENT_USAGES), NODE, []],
    ['is none for a server', of(client, SERVER_USAGES), NODE, []],
    [
      'is none of somebody else',
      of(client, CLIENT_USAGES),
      { subject: { commonName: 'jane', organizations: ['system:nodes'] } },
      [],
    ],
    [
      'is none with a further group',
      of(client, CLIENT_USAGES),
      { subject: { ...NODE.subject, organizations: ['system:nodes', 'system:masters'] } },
      [],
    ],
    [
      'is none with names',
      of(client, CLIENT_USAGES),
      { ...NODE, subjectAltNames: { ...NO_NAMES, dnsNames: ['n1'] } },
      [],
    ],
  ];
  it.each(cases)('%s', (_, request, spec, subresources) => {
    expect(recognized(request, asked(spec)).map(each => each.subresource)).toEqual(subresources);
  });
});

describe('a signer', () => {
  const names = { ...NO_NAMES, dnsNames: ['n1'] };
  const serving = { ...NODE, subjectAltNames: names };
  const jane = { subject: { commonName: 'jane', organizations: ['dev'] } };
  const cases: readonly [
    sentence: string,
    request: CertificateSigningRequest,
    spec: CertificateRequestSpec,
    problem: string | undefined,
  ][] = [
    ['signs any client', of('kube-apiserver-client', ['client auth']), jane, undefined],
    [
      'signs no server as a client',
      of('kube-apiserver-client', ['client auth', 'server auth']),
      jane,
      'invalid usage for client certificate: server auth',
    ],
    [
      'signs no client that does not say so',
      of('kube-apiserver-client', ['digital signature']),
      jane,
      'missing required usage for client certificate: client auth',
    ],
    ['signs a client for a kubelet', of('kube-apiserver-client-kubelet', RSA_CLIENT_USAGES), NODE, undefined],
    [
      'signs nobody else as a kubelet',
      of('kube-apiserver-client-kubelet', CLIENT_USAGES),
      { subject: { commonName: 'jane', organizations: ['system:nodes'] } },
      'subject common name does not begin with system:node:',
    ],
    [
      'signs no kubelet of another group',
      of('kube-apiserver-client-kubelet', CLIENT_USAGES),
      { subject: { commonName: 'system:node:n1', organizations: ['system:masters'] } },
      'subject organization is not system:nodes',
    ],
    [
      'signs no names for a client',
      of('kube-apiserver-client-kubelet', CLIENT_USAGES),
      serving,
      'DNS subjectAltNames are not allowed',
    ],
    [
      'signs no addresses for a client',
      of('kube-apiserver-client-kubelet', CLIENT_USAGES),
      { ...NODE, subjectAltNames: { ...NO_NAMES, ipAddresses: ['10.0.0.1'] } },
      'IP subjectAltNames are not allowed',
    ],
    [
      'signs no further usage of a kubelet',
      of('kube-apiserver-client-kubelet', [...CLIENT_USAGES, 'code signing']),
      NODE,
      'usages did not match [client auth digital signature key encipherment]',
    ],
    ['signs the names of a kubelet', of('kubelet-serving', SERVER_USAGES), serving, undefined],
    [
      'signs no kubelet that serves under no name',
      of('kubelet-serving', SERVER_USAGES),
      NODE,
      'DNS or IP subjectAltName is required',
    ],
    [
      'signs no mail address of a kubelet',
      of('kubelet-serving', SERVER_USAGES),
      { ...NODE, subjectAltNames: { ...names, emailAddresses: ['a@b'] } },
      'Email subjectAltNames are not allowed',
    ],
    [
      'signs no URI of a kubelet',
      of('kubelet-serving', SERVER_USAGES),
      { ...NODE, subjectAltNames: { ...names, uris: ['spiffe://x'] } },
      'URI subjectAltNames are not allowed',
    ],
    [
      'signs no client as a server',
      of('kubelet-serving', CLIENT_USAGES),
      serving,
      'usages did not match [digital signature key encipherment server auth]',
    ],
    ['signs what is of the time before signers had rules', of('legacy-unknown', ['cert sign']), jane, undefined],
  ];
  it.each(cases)('%s', (_, request, spec, problem) => {
    expect(signerProblem(request, asked(spec))).toBe(problem);
  });

  const conditions = (...types: string[]) =>
    types.map(type => ({ type, status: 'True' as const, lastUpdateTime: '2030-01-01T01:00:00Z' }));
  it.each([
    ['waits for a decision', {}, false],
    ['takes what is approved', { conditions: conditions('Approved') }, true],
    ['leaves what is denied too', { conditions: conditions('Approved', 'Denied') }, false],
    ['leaves what it refused', { conditions: conditions('Approved', 'Failed') }, false],
    ['leaves what it signed', { conditions: conditions('Approved'), certificate: 'eA==' }, false],
  ] as const)('%s', (_, status, waits) => {
    expect(waitsForSigner({ ...of('kubelet-serving', []), status })).toBe(waits);
  });

  const at = (time: string) => Date.parse(`2030-01-0${time}Z`);
  it.each([
    ['a day after nobody answered', {}, undefined, at('2T00:00:00')],
    ['an hour after it was denied', { conditions: conditions('Denied') }, undefined, at('1T02:00:00')],
    ['an hour after it was refused', { conditions: conditions('Approved', 'Failed') }, undefined, at('1T02:00:00')],
    ['a day after it was approved and not signed', { conditions: conditions('Approved') }, undefined, at('2T01:00:00')],
    [
      'an hour after it was signed',
      { conditions: conditions('Approved'), certificate: 'eA==' },
      at('5T00:00:00'),
      at('1T02:00:00'),
    ],
    [
      'when the certificate ends, where that is sooner',
      { conditions: conditions('Approved'), certificate: 'eA==' },
      at('1T01:30:00'),
      at('1T01:30:00'),
    ],
    [
      'at no time that is known without one',
      { conditions: [{ type: 'Denied', status: 'True' }] },
      undefined,
      undefined,
    ],
  ] as const)('has no use for a request %s', (_, status, expires, from) => {
    expect(uselessFrom({ ...of('kubelet-serving', []), status }, expires)).toBe(from);
  });
});

describe('the certificate of a request', () => {
  const now = Date.UTC(2030, 0, 1);
  const HOUR = 3_600_000;
  const terms = (more: object) => ({
    usages: CLIENT_USAGES,
    expirationSeconds: undefined,
    maxMs: 24 * HOUR,
    now,
    caNotAfter: now + 1000 * HOUR,
    ...more,
  });

  it.each([
    ['as long as the signer gives it, from five minutes ago', {}, 24 * HOUR - 300_000],
    ['as long as is asked for', { expirationSeconds: 12 * 3600 }, 12 * HOUR - 300_000],
    ['no longer than the signer gives', { expirationSeconds: 1_000_000 }, 24 * HOUR - 300_000],
    ['from now on where that is under eight hours', { expirationSeconds: 3600 }, HOUR],
    ['ten minutes at least', { expirationSeconds: 60 }, 600_000],
    ['no longer than its CA', { caNotAfter: now + HOUR }, HOUR],
  ])('lives %s', (_, more, lives) => {
    const { notBefore, notAfter } = certificateOfRequest(asked(NODE), terms(more));
    expect([notBefore.getTime() - now, notAfter.getTime() - now]).toEqual([-300_000, lives]);
  });

  it('is not to be had of a CA that has run out', () => {
    expect(() => certificateOfRequest(asked(NODE), terms({ caNotAfter: now }))).toThrow(
      'the certificate of the signer has expired: 2030-01-01T00:00:00.000Z',
    );
  });

  it('is not to be had for usages that there are not', () => {
    expect(() => certificateOfRequest(asked(NODE), terms({ usages: ['flying'] }))).toThrow(
      'unrecognized usage values: "flying"',
    );
  });

  it('has the subject, the names and the usages that were asked for, and is no CA', () => {
    const subject = {
      commonName: 'jane',
      organizations: ['dev', 'ops'],
      organizationalUnits: ['a'],
      countries: ['DE'],
      localities: ['B'],
      provinces: ['P'],
      streetAddresses: ['S 1'],
      postalCodes: ['10000'],
      serialNumber: '7',
    };
    const subjectAltNames = {
      dnsNames: ['x'],
      ipAddresses: ['10.0.0.1'],
      emailAddresses: ['a@b'],
      uris: ['spiffe://x'],
    };
    const usages: readonly ApiUsage[] = ['s/mime', 'any', 'cert sign', 'decipher only', 'email protection', 'signing'];
    const spec = certificateOfRequest(asked({ subject, subjectAltNames }), terms({ usages }));
    const ca = new TestAuthority();
    const der = signCertificate(spec, { certificate: parseCertificate(ca.pem), key: KEY });
    expect(certificateIdentity(der)).toMatchObject({
      ...subject,
      extensions: {
        isCa: false,
        subjectAltNames,
        keyUsages: ['digitalSignature', 'keyCertSign', 'decipherOnly'],
        extendedKeyUsages: [EXTENDED_KEY_USAGE.any, EXTENDED_KEY_USAGE.emailProtection],
      },
    });
  });
});

describe('the files of the CA that signs', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-signing-'));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it('are taken as they are now, and what they were before where they cannot be used', () => {
    const files = [join(folder, 'ca.crt'), join(folder, 'ca.key')] as const;
    const write = ({ cert, key }: { cert: string; key: string }): void => {
      writeFileSync(files[0], cert);
      writeFileSync(files[1], key);
    };
    const [first, second] = ['one', 'two'].map(name => new TestAuthority().issue(name, [], 'clientAuth')) as [
      { cert: string; key: string },
      { cert: string; key: string },
    ];
    write(first);
    const told: string[] = [];
    const authority = new SigningAuthority(...files);
    const subject = () => authority.current(message => told.push(message)).certificate.subject;
    expect(subject()).toBe('CN=one');
    write(second);
    expect(subject()).toBe('CN=two');
    writeFileSync(files[1], privateKeyPem(KEY));
    expect(subject()).toBe('CN=two');
    expect(told).toEqual([
      `the CA that was read before goes on signing: the key in ${files[1]} is not that of the certificate in ${files[0]}`,
    ]);
    expect(() => new SigningAuthority(...files)).toThrow('is not that of the certificate');
    writeFileSync(files[0], first.cert + second.cert);
    expect(() => new SigningAuthority(...files)).toThrow(`${files[0]}: expected 1 certificate, found 2`);
    rmSync(files[0]);
    expect(() => new SigningAuthority(...files)).toThrow(/^ENOENT/);
  });
});
