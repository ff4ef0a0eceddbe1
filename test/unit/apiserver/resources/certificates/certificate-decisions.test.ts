import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadPackages } from '../../../../../src/api/schema/packages.ts';
import type { CertificateSigningRequest } from '../../../../../src/api/types/gen/certificates-v1.ts';
import { fieldErrorText } from '../../../../../src/api/validation/field-error.ts';
import { userInfo } from '../../../../../src/apiserver/authn/user.ts';
import { certificateSigningRequestStrategy } from '../../../../../src/apiserver/resources/certificates/certificate-signing-request.ts';
import type { StrategyContext, UpdateRules } from '../../../../../src/apiserver/resources/strategy.ts';
import { createCertificateRequest } from '../../../../../src/pki/certificate-request.ts';

beforeAll(async () => {
  await loadPackages();
});

const context: StrategyContext = {
  now: '2026-01-02T03:04:05Z',
  user: userInfo('alice', ['dev']),
  newUid: () => 'uid-1',
  randomSuffix: () => 'abcde',
  warn: () => undefined,
};

const pem = createCertificateRequest(
  { subject: { commonName: 'bob', organizations: [] } },
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey,
);
const request = Buffer.from(pem).toString('base64');

const approved = {
  type: 'Approved',
  status: 'True',
  reason: 'ByHand',
  message: 'looked at',
  lastUpdateTime: '2026-01-01T00:00:00Z',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};

const stored = (conditions: readonly (typeof approved)[]): CertificateSigningRequest => ({
  metadata: { name: 'web', uid: 'uid-0', creationTimestamp: '2026-01-01T00:00:00Z', resourceVersion: '7' },
  spec: { request, signerName: 'example.com/signer', usages: ['server auth'], username: 'bob' },
  status: { conditions },
});

function rules(subresource: string): UpdateRules<CertificateSigningRequest> {
  const found = certificateSigningRequestStrategy.subresources.get(subresource);
  if (found === undefined) throw new Error(`no subresource ${subresource}`);
  return found;
}

describe('the subresources of a certificate signing request', () => {
  it('let who approves it write labels and annotations, and the identity stay', () => {
    const old = stored([]);
    const written = { ...old, metadata: { name: 'web', resourceVersion: '7', annotations: { by: 'alice' } } };
    const { metadata } = rules('approval').prepareForUpdate(written, old, context);
    expect(metadata).toMatchObject({
      annotations: { by: 'alice' },
      uid: 'uid-0',
      creationTimestamp: '2026-01-01T00:00:00Z',
    });
  });

  it('refuse metadata that no object may have, with an approval too', () => {
    const old = stored([]);
    const written = { ...old, metadata: { ...old.metadata, labels: { 'not a label': '' } } };
    const errors = rules('approval').validateUpdate(written, old, context).map(fieldErrorText);
    expect(errors).toEqual([expect.stringMatching(/^metadata.labels: Invalid value: "not a label"/)]);
  });

  it('keep the decision as it was made when the status is written with it in other words', () => {
    const old = stored([approved]);
    const status = { conditions: [{ ...approved, message: 'other words' }], certificate: 'Y2VydA==' };
    const prepared = rules('status').prepareForUpdate({ ...old, status }, old, context);
    expect(prepared.status).toEqual({ conditions: [approved], certificate: 'Y2VydA==' });
  });

  it('refuse a status that takes the decision back', () => {
    const old = stored([approved]);
    const prepared = rules('status').prepareForUpdate({ ...old, status: { conditions: [] } }, old, context);
    const errors = rules('status').validateUpdate(prepared, old, context).map(fieldErrorText);
    expect(errors).toEqual(['status.conditions: Forbidden: updates may not remove a condition of type "Approved"']);
  });
});
