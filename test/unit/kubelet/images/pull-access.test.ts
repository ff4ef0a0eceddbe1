import { describe, expect, it } from 'vitest';
import {
  matchSecrets,
  nameOf,
  type SecretUse,
  verificationPolicy,
  withAccess,
} from '../../../../src/kubelet/images/pull-access.ts';

const secret = (name: string, credentialHash = `hash of ${name}`): SecretUse => ({
  uid: `uid of ${name}`,
  namespace: 'n',
  name,
  credentialHash,
});

describe('verificationPolicy', () => {
  it.each([
    ['NeverVerify', [], 'r/a', true, false],
    ['NeverVerifyPreloadedImages', [], 'r/a', false, false],
    ['NeverVerifyPreloadedImages', [], 'r/a', true, true],
    ['AlwaysVerify', [], 'r/a', false, true],
    ['NeverVerifyAllowlistedImages', ['r/a'], 'r/a', true, false],
    ['NeverVerifyAllowlistedImages', ['r/a'], 'r/ab', true, true],
    ['NeverVerifyAllowlistedImages', ['r/*'], 'r/a/b', true, false],
    ['NeverVerifyAllowlistedImages', ['r/*'], 'rr/a', true, true],
  ])('%s with %j for %s, pulled %s: %s', (policy, allowlist, name, pulled, expected) => {
    expect(verificationPolicy(policy, allowlist)(name, pulled)).toBe(expected);
  });

  it.each([
    ['Sometimes', [], 'imagePullCredentialsVerificationPolicy: "Sometimes" is not a policy'],
    ['NeverVerifyAllowlistedImages', ['/*'], 'is not the name of an image or a registry'],
    ['NeverVerifyAllowlistedImages', [' a'], 'is not the name of an image or a registry'],
    ['NeverVerifyAllowlistedImages', ['r/*/a'], 'only patterns that end with /* are allowed'],
    ['NeverVerifyAllowlistedImages', ['r/a:1'], 'neither tag nor digest is accepted'],
  ])('refuses %s with %j', (policy, allowlist, message) => {
    expect(() => verificationPolicy(policy, allowlist)).toThrow(message);
  });
});

describe('nameOf', () => {
  it.each([
    ['a', 'a'],
    ['a:1', 'a'],
    ['r:5000/a', 'r:5000/a'],
    ['r:5000/a:1@sha256:00', 'r:5000/a'],
  ])('%s is %s', (image, expected) => {
    expect(nameOf(image)).toBe(expected);
  });
});

describe('matchSecrets', () => {
  const access = { kubernetesSecrets: [secret('known')] };
  it.each<[string, SecretUse, boolean, SecretUse | undefined]>([
    ['the same', secret('known'), true, undefined],
    ['another with the same in it', secret('other', 'hash of known'), true, secret('other', 'hash of known')],
    ['the same with something else in it', secret('known', 'new'), true, secret('known', 'new')],
    ['another', secret('other'), false, undefined],
  ])('%s', (_, shown, opens, learned) => {
    expect(matchSecrets(access, [secret('x'), shown])).toEqual({ opens, learned });
  });

  it('takes no empty hash for the same', () => {
    expect(matchSecrets({ kubernetesSecrets: [secret('a', '')] }, [secret('b', '')]).opens).toBe(false);
  });

  it('learns no more than a hundred', () => {
    const full = { kubernetesSecrets: Array.from({ length: 100 }, (_, i) => secret(`s${i}`)) };
    expect(matchSecrets(full, [secret('new', 'hash of s5')])).toEqual({ opens: true, learned: undefined });
  });
});

describe('withAccess', () => {
  it('adds secrets, replaces what one holds, and lets everybody where nobody was asked', () => {
    const one = withAccess(undefined, secret('b'));
    const two = withAccess(one, secret('a'));
    expect(two).toEqual({ kubernetesSecrets: [secret('a'), secret('b')] });
    expect(withAccess(two, secret('b', 'new'))).toEqual({ kubernetesSecrets: [secret('a'), secret('b', 'new')] });
    const all = withAccess(two, 'anybody');
    expect([all, withAccess(all, secret('c'))]).toEqual([{ nodePodsAccessible: true }, { nodePodsAccessible: true }]);
  });
});
