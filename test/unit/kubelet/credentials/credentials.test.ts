import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { CertificateSigningRequest } from '../../../../src/api/types/gen/certificates-v1.ts';
import {
  CLIENT_PURPOSE,
  requestName,
  requestOutcome,
  servingPurpose,
} from '../../../../src/kubelet/credentials/certificate-request.ts';
import { currentPath, readIfThere, storeCertificate } from '../../../../src/kubelet/credentials/certificate-store.ts';
import { rotateAt } from '../../../../src/kubelet/credentials/rotate-certificate.ts';
import { generateKey } from '../../../../src/pki/keys.ts';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'gantry-credentials-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the store of certificates', () => {
  it('turns the link to the newest and keeps the older', () => {
    storeCertificate(directory, 'kubelet-client', 'first', new Date('2026-01-02T03:04:05Z'));
    const current = storeCertificate(directory, 'kubelet-client', 'second', new Date('2026-02-03T04:05:06Z'));
    expect(current).toBe(currentPath(directory, 'kubelet-client'));
    expect(readFileSync(current, 'utf8')).toBe('second');
    expect(readlinkSync(current)).toBe(`${directory}/kubelet-client-2026-02-03-04-05-06.pem`);
    expect(readdirSync(directory).sort()).toEqual([
      'kubelet-client-2026-01-02-03-04-05.pem',
      'kubelet-client-2026-02-03-04-05-06.pem',
      'kubelet-client-current.pem',
    ]);
  });

  it('tells a file that is missing from one that cannot be read', () => {
    expect(readIfThere(`${directory}/none`)).toBeUndefined();
    expect(() => readIfThere(directory)).toThrow('EISDIR');
  });
});

describe('a certificate request', () => {
  it('has a name that follows from key, node and purpose', () => {
    const key = generateKey();
    const name = requestName(key, 'n1', CLIENT_PURPOSE);
    expect(name).toMatch(/^node-csr-[A-Za-z0-9_-]{43}$/);
    expect(requestName(key, 'n1', CLIENT_PURPOSE)).toBe(name);
    expect(requestName(key, 'n2', CLIENT_PURPOSE)).not.toBe(name);
    expect(requestName(generateKey(), 'n1', CLIENT_PURPOSE)).not.toBe(name);
    expect(requestName(key, 'n1', servingPurpose({ name: 'n1', ips: [] }))).not.toBe(name);
  });

  it.each<[string, CertificateSigningRequest['status'], ReturnType<typeof requestOutcome>]>([
    ['nobody has answered', {}, undefined],
    ['it is approved and not signed', { conditions: [{ type: 'Approved', status: 'True' }] }, undefined],
    ['it is signed', { certificate: Buffer.from('PEM').toString('base64') }, { certificate: 'PEM' }],
    [
      'it was denied',
      { conditions: [{ type: 'Denied', status: 'True', reason: 'No', message: 'not here' }] },
      { refused: 'the certificate signing request csr was denied: No: not here' },
    ],
    [
      'its signer failed',
      { conditions: [{ type: 'Failed', status: 'True' }] },
      { refused: 'the certificate signing request csr could not be signed' },
    ],
  ])('when %s', (_what, status, outcome) => {
    const spec = { request: '', signerName: '' };
    expect(requestOutcome({ metadata: { name: 'csr' }, spec, status })).toEqual(outcome);
  });
});

describe('the renewal of a certificate', () => {
  it.each([
    [0, 80],
    [0.5, 85],
    [1, 90],
  ])('with a share of %d comes after %d of 120', (random, at) =>
    expect(rotateAt(1000, 1120, random)).toBeCloseTo(1000 + at),
  );
});
