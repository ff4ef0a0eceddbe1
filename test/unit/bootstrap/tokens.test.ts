import { describe, expect, it } from 'vitest';
import {
  checkStoredToken,
  type StoredToken,
  secretOfToken,
  tokenOfSecret,
} from '../../../src/bootstrap/tokens/stored-token.ts';
import { tokenDocuments, tokenTable } from '../../../src/bootstrap/tokens/token-list.ts';

const NOW = Date.UTC(2026, 5, 1, 12);
const TOKEN: StoredToken = {
  token: 'abcdef.0123456789abcdef',
  description: '',
  expires: NOW + 23 * 3_600_000 + 5_000,
  usages: ['authentication', 'signing'],
  groups: ['system:bootstrappers:kubeadm:default-node-token'],
};

describe('a bootstrap token', () => {
  it.each<[string, StoredToken]>([
    ['with all that it may have', { ...TOKEN, description: 'for the new rack' }],
    ['that holds for ever and is for nothing', { ...TOKEN, expires: undefined, usages: [], groups: [] }],
  ])('%s is read from its Secret as it was written', (_, token) => {
    expect(tokenOfSecret(secretOfToken(token))).toEqual(token);
  });

  it('is none in a Secret of another name, or without its secret', () => {
    const secret = secretOfToken(TOKEN);
    expect(tokenOfSecret({ ...secret, metadata: { name: 'bootstrap-token-aaaaaa' } })).toBeUndefined();
    expect(tokenOfSecret({ ...secret, data: { 'token-id': secret.data?.['token-id'] ?? '' } })).toBeUndefined();
  });

  it.each<[string, Partial<StoredToken>, string]>([
    ['another form', { token: 'abc' }, 'the bootstrap token is not of the form'],
    ['a usage that there is not', { usages: ['dancing'] }, '--usages: invalid bootstrap token usage "dancing"'],
    ['a group of others', { groups: ['system:masters'] }, '--groups: bootstrap group "system:masters" is invalid'],
  ])('is refused with %s', (_, more, because) => {
    expect(() => checkStoredToken({ ...TOKEN, ...more })).toThrow(because);
  });
});

describe('the list of tokens', () => {
  it("is kubeadm's table", () => {
    const never = { ...TOKEN, token: 'bbbbbb.0123456789abcdef', expires: undefined, groups: [], usages: [] };
    const spaces = ' '.repeat(2);
    expect(tokenTable([TOKEN, never], NOW)).toBe(
      [
        `TOKEN                     TTL         EXPIRES                USAGES                   DESCRIPTION                                                EXTRA GROUPS`,
        `abcdef.0123456789abcdef   23h         2026-06-02T11:00:05Z   authentication,signing   <none>                                                     system:bootstrappers:kubeadm:default-node-token`,
        `bbbbbb.0123456789abcdef   <forever>   <never>                <none>                   <none>                                                   ${spaces}<none>`,
        '',
      ].join('\n'),
    );
    expect(tokenTable([], NOW)).toBe('');
  });

  it("is kubeadm's BootstrapToken documents as JSON", () => {
    expect(tokenDocuments([TOKEN])).toEqual([
      {
        kind: 'BootstrapToken',
        apiVersion: 'output.kubeadm.k8s.io/v1alpha3',
        token: 'abcdef.0123456789abcdef',
        expires: '2026-06-02T11:00:05Z',
        usages: ['authentication', 'signing'],
        groups: ['system:bootstrappers:kubeadm:default-node-token'],
      },
    ]);
  });
});
