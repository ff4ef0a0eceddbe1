import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { selfSignedCertificate } from '../../../../../src/pki/certificate.ts';
import { createCertificateRequest } from '../../../../../src/pki/certificate-request.ts';
import { decodeOnePem, encodePem } from '../../../../../src/pki/pem.ts';
import { type Changes, Judge } from '../judge.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const ecKey = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const subject = { commonName: 'jane', organizations: [] };
const pem = createCertificateRequest({ subject }, ecKey);
const day = 86_400_000;
const certificate = encodePem(
  'CERTIFICATE',
  selfSignedCertificate(
    { subject, publicKey: ecKey, notBefore: new Date(0), notAfter: new Date(day), keyUsages: ['digitalSignature'] },
    ecKey,
  ),
);
const spec = { request: base64(pem), signerName: 'example.com/web', usages: ['client auth'] };
const requests = new Judge('certificates.k8s.io', 'certificatesigningrequests', { spec });

/** A request whose last byte, one of the signature, is another. */
function forged(key: KeyObject): string {
  const der = Buffer.from(decodeOnePem('CERTIFICATE REQUEST', createCertificateRequest({ subject }, key)));
  der.writeUInt8(der.readUInt8(der.length - 1) ^ 1, der.length - 1);
  return base64(encodePem('CERTIFICATE REQUEST', der));
}

describe('what may be asked for', () => {
  const wrong = (request: string, detail: string): readonly string[] => [
    `spec.request: Invalid value: ${JSON.stringify(request)}: ${detail}`,
  ];
  const NO_BLOCK = 'PEM block type must be CERTIFICATE REQUEST';
  const otherBlock = base64(certificate + pem);
  const cases: readonly [sentence: string, changes: Changes, errors: readonly string[]][] = [
    ['a certificate', {}, []],
    ['a certificate whose request has text before it', { 'spec.request': base64(`text\n${pem}`) }, []],
    ['nothing without a request', { 'spec.request': undefined }, [`spec.request: Invalid value: null: ${NO_BLOCK}`]],
    ['nothing by another block', { 'spec.request': otherBlock }, wrong(otherBlock, NO_BLOCK)],
    [
      'nothing for a key that the sender does not hold',
      { 'spec.request': forged(ecKey) },
      [expect.stringMatching(/^spec.request: .*: x509: ECDSA verification failure$/)],
    ],
    [
      'nor for an RSA key',
      { 'spec.request': forged(rsaKey) },
      [expect.stringMatching(/^spec.request: .*: crypto\/rsa: verification error$/)],
    ],
    [
      'no usage that is unknown or named twice',
      { 'spec.usages': ['client auth', 'magic', 'client auth'] },
      [
        expect.stringMatching(/^spec.usages\[1\]: Unsupported value: "magic": supported values: "any", "cert sign", /),
        'spec.usages[2]: Duplicate value: "client auth"',
      ],
    ],
    ['not no usage', { 'spec.usages': [] }, ['spec.usages: Required value']],
    [
      'nothing for less than ten minutes',
      { 'spec.expirationSeconds': 599 },
      ['spec.expirationSeconds: Invalid value: 599: may not specify a duration less than 600 seconds (10 minutes)'],
    ],
    [
      'nothing of the signer that signed anything',
      { 'spec.signerName': 'kubernetes.io/legacy-unknown' },
      [
        'spec.signerName: Invalid value: "kubernetes.io/legacy-unknown": the legacy signerName is not allowed via this API version',
      ],
    ],
    ['nothing of nobody', { 'spec.signerName': '' }, ['spec.signerName: Required value']],
    [
      'nothing of a signer without path',
      { 'spec.signerName': 'web' },
      [
        'spec.signerName: Invalid value: "web": must be a fully qualified domain and path of the form \'example.com/signer-name\'',
      ],
    ],
    [
      'nothing of a signer without domain, or with a path that is no name',
      { 'spec.signerName': 'web/A' },
      [
        'spec.signerName: Invalid value: "web": should be a domain with at least two segments separated by dots',
        expect.stringMatching(/^spec.signerName: Invalid value: "A": validating label "A": a lowercase RFC 1123 sub/),
      ],
    ],
  ];
  it.each(cases)('%s', (_, changes, errors) => {
    expect(requests.created(changes)).toEqual(errors);
  });
});

describe('what may be done to a request', () => {
  const times = { lastUpdateTime: '2026-01-01T00:00:00Z', lastTransitionTime: '2026-01-01T00:00:00Z' };
  const approved = { type: 'Approved', status: 'True', reason: 'r', message: 'm', ...times };
  const decided: Changes = { 'status.conditions': [approved] };
  const both: Changes = { 'status.conditions': [approved, { ...approved, type: 'Denied' }] };
  const issued: Changes = { 'status.certificate': base64(certificate) };
  const cases: readonly [string, subresource: string, Changes, Changes, readonly string[]][] = [
    ['approval', 'approval', decided, {}, []],
    [
      'approval and denial together are not',
      'approval',
      both,
      {},
      ['status.conditions: Invalid value: "Denied": Approved and Denied conditions are mutually exclusive'],
    ],
    [
      'approval is not taken back',
      'approval',
      { 'status.conditions': [] },
      decided,
      ['status.conditions: Forbidden: updates may not remove a condition of type "Approved"'],
    ],
    [
      'approval is not a matter of degree, nor without status',
      'approval',
      {
        'status.conditions': [
          { ...approved, status: 'False' },
          { type: 'Other', status: '' },
        ],
      },
      {},
      [
        'status.conditions[0].status: Unsupported value: "False": supported values: "True"',
        'status.conditions[1].status: Required value',
      ],
    ],
    [
      'approval does not come by the status',
      'status',
      decided,
      {},
      ['status.conditions: Forbidden: updates may not add a condition of type "Approved"'],
    ],
    ['a certificate', 'status', issued, decided, []],
    ['a certificate does not come with the approval', 'approval', { ...decided, ...issued }, {}, []],
    [
      'a certificate stays the one it is',
      'status',
      { 'status.certificate': base64(certificate + certificate) },
      issued,
      ['status.certificate: Forbidden: updates may not modify existing certificate content'],
    ],
    [
      'a certificate is a certificate',
      'status',
      { 'status.certificate': base64('x') },
      {},
      ['status.certificate: Invalid value: "<certificate data>": must contain at least one CERTIFICATE PEM block'],
    ],
    [
      'nothing else stands beside it',
      'status',
      { 'status.certificate': base64(certificate + pem) },
      {},
      [
        'status.certificate: Invalid value: "<certificate data>": only CERTIFICATE PEM blocks are allowed, found "CERTIFICATE REQUEST"',
      ],
    ],
    [
      'a block of nonsense is none',
      'status',
      { 'status.certificate': base64(encodePem('CERTIFICATE', Buffer.from('abc'))) },
      {},
      ['status.certificate: Invalid value: "<certificate data>": x509: malformed certificate'],
    ],
    ['what was stored by looser rules is let be', 'status', issued, { ...both, 'spec.usages': ['magic', 'magic'] }, []],
  ];
  it.each(cases)('%s', (_, subresource, changes, before, errors) => {
    expect(requests.changed(changes, before, subresource)).toEqual(errors);
  });

  it('dates a condition where its writer does not, and keeps since when it is so', () => {
    const { object } = requests.replaced(
      { 'status.conditions': [{ type: 'Approved', status: 'True', message: 'other' }] },
      { 'status.conditions': [approved] },
      'approval',
    );
    expect(object).toHaveProperty('status.conditions', [
      { type: 'Approved', status: 'True', message: 'other', ...times, lastUpdateTime: '2026-01-02T03:04:05Z' },
    ]);
  });

  it('does not keep a certificate that came with an approval', () => {
    const { object } = requests.replaced({ ...decided, ...issued }, {}, 'approval');
    expect(object).not.toHaveProperty('status.certificate');
  });
});
