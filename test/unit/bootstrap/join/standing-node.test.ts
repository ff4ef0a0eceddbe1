import { describe, expect, it } from 'vitest';
import { isSameCluster, shareAuthority, standingName } from '../../../../src/bootstrap/join/standing-node.ts';
import { parseCertificate } from '../../../../src/pki/certificate.ts';
import { spkiPin } from '../../../../src/pki/keys.ts';
import { TestAuthority } from '../../../harness/test-authority.ts';

const [A, B] = [new TestAuthority('a'), new TestAuthority('b')];
const pinOf = (pem: string) => spkiPin(parseCertificate(pem).publicKey);
const standing = {
  certificate: A.issue('system:node:one', ['system:nodes'], 'clientAuth').cert,
  server: 'https://10.0.0.5:6443',
  ca: A.pem,
};
const asked = { nodeName: 'one', pins: [], endpoint: undefined };

describe('the node that a machine is', () => {
  it('has the name that its kubelet has a certificate of', () => {
    expect(standingName(standing)).toBe('one');
    expect(standingName({ certificate: A.issue('somebody', [], 'clientAuth').cert })).toBeUndefined();
    expect(standingName({ certificate: undefined })).toBeUndefined();
  });

  it.each([
    ['the pin of its CA, by another address', { pins: [pinOf(A.pem).toUpperCase()], endpoint: 'lb:6443' }, true],
    ['the pin of another CA, by the same address', { pins: [pinOf(B.pem)], endpoint: '10.0.0.5:6443' }, false],
    ['the same address and no pin', { endpoint: '10.0.0.5:6443' }, true],
    ['another address and no pin', { endpoint: '10.0.0.6:6443' }, 'unknown'],
    ['a file', {}, 'unknown'],
    ['an address that is none', { endpoint: 'a b' }, 'unknown'],
  ])('is known to be of the cluster by %s: %s', (_, told, same) => {
    expect(isSameCluster(standing, { ...asked, ...told })).toBe(same);
  });

  it('is of a cluster that has one of its CAs', () => {
    expect(shareAuthority(A.pem, `${B.pem}${A.pem}`)).toBe(true);
    expect(shareAuthority(A.pem, B.pem)).toBe(false);
  });
});
