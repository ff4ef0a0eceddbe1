import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { ConfigMap, Secret } from '../../../src/api/types/gen/core-v1.ts';
import { endOfToken, wantedSignatures } from '../../../src/controllers/bootstrap-tokens/plan.ts';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const base64 = (text: string) => Buffer.from(text).toString('base64');
const token = (id: string, more: Record<string, string> = {}, name = `bootstrap-token-${id}`): Secret => ({
  metadata: { namespace: 'kube-system', name },
  type: 'bootstrap.kubernetes.io/token',
  data: Object.fromEntries(
    Object.entries({
      'token-id': id,
      'token-secret': '0123456789abcdef',
      'usage-bootstrap-signing': 'true',
      ...more,
    }).map(([key, text]) => [key, base64(text)]),
  ),
});
const info = (data: Record<string, string>): ConfigMap => ({
  metadata: { namespace: 'kube-public', name: 'cluster-info' },
  data,
});
/** By the letter of RFC 7515. */
const signatureOf = (content: string, id: string): string => {
  const header = Buffer.from(`{"alg":"HS256","kid":"${id}"}`).toString('base64url');
  const input = `${header}.${Buffer.from(content).toString('base64url')}`;
  return `${header}..${createHmac('sha256', '0123456789abcdef').update(input).digest('base64url')}`;
};

describe('cluster-info', () => {
  const SIGNED = { 'jws-kubeconfig-aaaaaa': signatureOf('K', 'aaaaaa') };
  const cases: readonly [
    sentence: string,
    data: Record<string, string>,
    secrets: readonly Secret[],
    wanted: Record<string, string> | undefined,
  ][] = [
    [
      'is signed by a token',
      { kubeconfig: 'K', other: 'o' },
      [token('aaaaaa')],
      { kubeconfig: 'K', other: 'o', ...SIGNED },
    ],
    ['is left alone where it is', { kubeconfig: 'K', ...SIGNED }, [token('aaaaaa')], undefined],
    [
      'is signed anew where its content has changed',
      { kubeconfig: 'K', 'jws-kubeconfig-aaaaaa': signatureOf('old', 'aaaaaa') },
      [token('aaaaaa')],
      { kubeconfig: 'K', ...SIGNED },
    ],
    ['loses the signature of a token that is gone', { kubeconfig: 'K', ...SIGNED }, [], { kubeconfig: 'K' }],
    [
      'changes one for another',
      { kubeconfig: 'K', 'jws-kubeconfig-bbbbbb': 'x' },
      [token('aaaaaa')],
      { kubeconfig: 'K', ...SIGNED },
    ],
    ['needs a kubeconfig', { other: 'o' }, [token('aaaaaa')], undefined],
    [
      'is not signed by a token that may not',
      { kubeconfig: 'K' },
      [token('aaaaaa', { 'usage-bootstrap-signing': 'false' })],
      undefined,
    ],
    [
      'is not signed by one that is over',
      { kubeconfig: 'K' },
      [token('aaaaaa', { expiration: '2030-01-01T00:00:00Z' })],
      undefined,
    ],
    [
      'is not signed by one whose end nobody can read',
      { kubeconfig: 'K' },
      [token('aaaaaa', { expiration: 'soon' })],
      undefined,
    ],
    [
      'is not signed by one under the name of another',
      { kubeconfig: 'K' },
      [token('aaaaaa', {}, 'bootstrap-token-bbbbbb')],
      undefined,
    ],
    ['is not signed by one under no name of a token', { kubeconfig: 'K' }, [token('aaaaaa', {}, 'aaaaaa')], undefined],
    ['is not signed by an empty one', { kubeconfig: 'K' }, [token('aaaaaa', { 'token-secret': '' })], undefined],
  ];
  it.each(cases)('%s', (_, data, secrets, wanted) => {
    expect(wantedSignatures(info(data), secrets, NOW).map?.data).toEqual(wanted);
  });

  it('is signed as kubeadm signs it', () => {
    expect(signatureOf('', 'abcdef')).toMatch(/^eyJhbGciOiJIUzI1NiIsImtpZCI6ImFiY2RlZiJ9\.\.[\w-]{43}$/);
  });

  it('has to be looked at when the first of its tokens ends', () => {
    const secrets = [token('aaaaaa'), token('bbbbbb', { expiration: '2030-01-03T00:00:00Z' }), token('cccccc', { expiration: '2030-01-02T02:00:00+02:00' })]; // biome-ignore format: one list
    expect(wantedSignatures(info({ kubeconfig: 'K' }), secrets, NOW).until).toBe(Date.parse('2030-01-02T00:00:00Z'));
  });
});

describe('a token', () => {
  it.each([
    ['without an end has none', {}, undefined],
    ['ends when it says', { expiration: '2030-01-01T00:00:00Z' }, NOW],
    ['whose end nobody can read is over', { expiration: 'soon' }, 0],
  ] as const)('%s', (_, more, end) => {
    expect(endOfToken(token('aaaaaa', more))).toBe(end);
  });
});
