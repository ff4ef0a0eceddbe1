import { describe, expect, it } from 'vitest';
import { checkedKubeconfig, checkPins } from '../../../../src/bootstrap/discovery/token.ts';
import { detachedSignature, isDetachedSignature } from '../../../../src/bootstrap/jws.ts';
import { parseCertificate } from '../../../../src/pki/certificate.ts';
import { spkiPin } from '../../../../src/pki/keys.ts';
import { TestAuthority } from '../../../harness/test-authority.ts';

const TOKEN = { id: 'abcdef', secret: '0123456789abcdef' };
const OTHER = { id: 'abcdef', secret: '0123456789abcdee' };

describe('the signature of cluster-info', () => {
  it("is upstream's, byte for byte", () => {
    const content = 'Hello from the other side. I must have called a thousand times.';
    const token = { id: 'joshua', secret: 'my voice is my passcode' };
    expect(detachedSignature(content, token)).toBe(
      'eyJhbGciOiJIUzI1NiIsImtpZCI6Impvc2h1YSJ9..VShe2taLd-YTrmWuRkcL_8QTNDHYxQIEBsAYYiIj1_8',
    );
  });

  it.each([
    ['the token itself', 'text', detachedSignature('text', TOKEN), true],
    ['another secret', 'text', detachedSignature('text', OTHER), false],
    ['another text', 'texT', detachedSignature('text', TOKEN), false],
    ['nobody', 'text', '', false],
  ])('by %s', (_, content, signature, isRight) => {
    expect(isDetachedSignature(signature, content, TOKEN)).toBe(isRight);
  });
});

describe('cluster-info', () => {
  const info = (data: Record<string, string>) => ({ metadata: {}, data });

  it('tells its kubeconfig once the token is seen to have signed it', () => {
    const data = { kubeconfig: 'text', 'jws-kubeconfig-abcdef': detachedSignature('text', TOKEN) };
    expect(checkedKubeconfig(info(data), TOKEN)).toBe('text');
  });

  it.each([
    ['no kubeconfig', {}, "This API Server isn't set up for token bootstrapping"],
    ['no signature', { kubeconfig: 'text' }, "can't trust this API Server"],
    [
      'a signature by somebody else',
      { kubeconfig: 'text', 'jws-kubeconfig-abcdef': detachedSignature('text', OTHER) },
      'failed to verify JWS signature',
    ],
  ])('is not believed with %s', (_, data, because) => {
    expect(() => checkedKubeconfig(info(data), TOKEN)).toThrow(because);
  });
});

describe('a pinned CA', () => {
  const authority = new TestAuthority();
  const pin = spkiPin(parseCertificate(authority.pem).publicKey);
  const other = `sha256:${'0'.repeat(64)}`;

  it('is known by the pin of its key, among others and in capitals', () => {
    expect(() => checkPins(authority.pem, [other, pin.replace(/[a-f]/g, c => c.toUpperCase())])).not.toThrow();
  });

  it.each([
    ['another pin', [other], 'cluster CA found in cluster-info ConfigMap is invalid: its key is sha256:'],
    ['what is no pin', ['sha256:12'], 'invalid discovery token CA certificate hash "sha256:12"'],
  ])('is refused with %s', (_, pins, because) => {
    expect(() => checkPins(authority.pem, pins)).toThrow(because);
  });
});
