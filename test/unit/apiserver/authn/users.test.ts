import { describe, expect, it } from 'vitest';
import {
  type AuthenticationResult,
  authenticated,
  authenticationFailed,
  authenticatorUnion,
  NO_PROOF,
  withAnonymous,
} from '../../../../src/apiserver/authn/authenticator.ts';
import { certificateUser } from '../../../../src/apiserver/authn/client-certificate.ts';
import { impersonatedUser, wantedUser } from '../../../../src/apiserver/authn/impersonation.ts';
import { isAnonymous, nodeOf, serviceAccountOf, userInfo } from '../../../../src/apiserver/authn/user.ts';
import type { Attributes } from '../../../../src/apiserver/authz/attributes.ts';
import { ALLOW, type Authorizer, NO_RULES, noOpinion } from '../../../../src/apiserver/authz/authorizer.ts';
import { selfSignedCertificate } from '../../../../src/pki/certificate.ts';
import { generateKey } from '../../../../src/pki/keys.ts';
import { requestOf } from '../requests.ts';

const signal = new AbortController().signal;
const says = (result: AuthenticationResult) => ({ name: 'test', authenticate: () => Promise.resolve(result) });
const ask = (results: readonly AuthenticationResult[], url = '/') =>
  withAnonymous(authenticatorUnion(results.map(says))).authenticate(requestOf({ url }), signal);

describe('the union of authenticators', () => {
  const jane = authenticated(userInfo('jane', ['dev']));

  it('takes the first that knows the user, also behind one that fails', async () => {
    expect(await ask([NO_PROOF, authenticationFailed('x'), jane])).toMatchObject({
      kind: 'user',
      user: { name: 'jane', groups: ['dev', 'system:authenticated'] },
    });
  });

  it('never turns a proof that fails into an anonymous request', async () => {
    expect(await ask([authenticationFailed('a'), NO_PROOF, authenticationFailed('b')])).toEqual({
      kind: 'failed',
      because: 'a; b',
    });
  });

  it('lets who shows no proof in as anonymous, on the paths that are open', async () => {
    expect(await ask([NO_PROOF])).toMatchObject({
      kind: 'user',
      user: { name: 'system:anonymous', groups: ['system:unauthenticated'] },
    });
    const open = withAnonymous(says(NO_PROOF), new Set(['/healthz']));
    expect((await open.authenticate(requestOf({ url: '/healthz' }), signal)).kind).toBe('user');
    expect((await open.authenticate(requestOf({ url: '/api' }), signal)).kind).toBe('none');
  });

  it('does not call a user authenticated that says it is not', async () => {
    expect(await ask([authenticated(userInfo('x', ['system:unauthenticated']))])).toMatchObject({
      user: { groups: ['system:unauthenticated'] },
    });
  });
});

describe('client certificates', () => {
  const key = generateKey();
  const der = (commonName: string, organizations: readonly string[]) =>
    selfSignedCertificate(
      {
        subject: { commonName, organizations },
        publicKey: key,
        notBefore: new Date(0),
        notAfter: new Date(1e12),
        keyUsages: ['digitalSignature'],
      },
      key,
    );

  it('name the user and the groups', () => {
    expect(certificateUser({ der: der('jane', ['dev', 'ops']), verified: true, problem: '' })).toMatchObject({
      kind: 'user',
      user: {
        name: 'jane',
        groups: ['dev', 'ops'],
        extra: new Map([
          ['authentication.kubernetes.io/credential-id', [expect.stringMatching(/^X509SHA256=[0-9a-f]{64}$/)]],
        ]),
      },
    });
  });

  it('fail where the CA did not sign them, and say nothing without a name', () => {
    expect(certificateUser({ der: der('jane', []), verified: false, problem: 'CERT_HAS_EXPIRED' })).toEqual({
      kind: 'failed',
      because: 'verifying the client certificate failed: CERT_HAS_EXPIRED',
    });
    expect(certificateUser({ der: der('', ['system:masters']), verified: true, problem: '' })).toEqual({
      kind: 'none',
    });
    expect(certificateUser({ der: Buffer.from('x'), verified: true, problem: '' }).kind).toBe('failed');
  });
});

describe('user names', () => {
  it.each([
    ['system:serviceaccount:ns:sa', { namespace: 'ns', name: 'sa' }],
    ['system:serviceaccount:ns:sa.x', { namespace: 'ns', name: 'sa.x' }],
    ['system:serviceaccount:ns', undefined],
    ['system:serviceaccount:ns:a:b', undefined],
    ['system:serviceaccount:n.s:a', undefined],
    ['system:serviceaccount:NS:a', undefined],
    ['jane', undefined],
  ])('the service account of %j', (name, account) => {
    expect(serviceAccountOf(name)).toEqual(account);
  });

  it('a node needs the name and the group', () => {
    expect(nodeOf(userInfo('system:node:n1', ['system:nodes']))).toEqual({ isNode: true, nodeName: 'n1' });
    expect(nodeOf(userInfo('system:node:n1', [])).isNode).toBe(false);
    expect(nodeOf(userInfo('n1', ['system:nodes'])).isNode).toBe(false);
    expect(isAnonymous(userInfo('x', []))).toBe(false);
  });
});

describe('impersonation', () => {
  const bob = userInfo('bob', []);
  const asked: string[] = [];
  const allowing = (allowed: (question: Attributes) => boolean): Authorizer => ({
    name: 'test',
    authorize(question) {
      asked.push(
        [
          question.verb,
          question.apiGroup,
          question.resource,
          question.subresource,
          question.namespace,
          question.name,
        ].join(' '),
      );
      return allowed(question) ? ALLOW : noOpinion('');
    },
    rulesFor: () => NO_RULES,
  });
  const headers = (values: Readonly<Record<string, string | readonly string[]>>) =>
    requestOf({ headers: values }).headers;
  const become = (values: Readonly<Record<string, string | readonly string[]>>, authorizer = allowing(() => true)) => {
    asked.length = 0;
    const wanted = wantedUser(headers(values));
    return wanted && impersonatedUser(bob, wanted, authorizer);
  };

  it('asks for every part by itself', () => {
    const user = become({
      'impersonate-user': 'jane',
      'impersonate-group': ['a', 'b'],
      'impersonate-extra-scopes': ['x', 'y'],
      'impersonate-extra-acme.com%2fteam': 'z',
      'impersonate-uid': '7',
    });
    expect(asked).toEqual([
      'impersonate  users   jane',
      'impersonate  groups   a',
      'impersonate  groups   b',
      'impersonate authentication.k8s.io userextras scopes  x',
      'impersonate authentication.k8s.io userextras scopes  y',
      'impersonate authentication.k8s.io userextras acme.com/team  z',
      'impersonate authentication.k8s.io uids   7',
    ]);
    expect(user).toEqual({
      name: 'jane',
      uid: '7',
      groups: ['a', 'b', 'system:authenticated'],
      extra: new Map([
        ['scopes', ['x', 'y']],
        ['acme.com/team', ['z']],
      ]),
    });
  });

  it('knows the groups of a service account', () => {
    expect(become({ 'impersonate-user': 'system:serviceaccount:ns:sa' })?.groups).toEqual([
      'system:serviceaccounts',
      'system:serviceaccounts:ns',
      'system:authenticated',
    ]);
    expect(asked).toEqual(['impersonate  serviceaccounts  ns sa']);
  });

  it('leaves the anonymous user unauthenticated', () => {
    expect(become({ 'impersonate-user': 'system:anonymous' })?.groups).toEqual(['system:unauthenticated']);
  });

  it('stops at the first part that is not allowed, with the sentence of upstream', () => {
    const onlyUsers = allowing(question => question.resource === 'users');
    expect(() => become({ 'impersonate-user': 'jane', 'impersonate-group': 'system:masters' }, onlyUsers)).toThrow(
      'groups "system:masters" is forbidden: User "bob" cannot impersonate resource "groups" in API group "" at the cluster scope',
    );
  });

  it('is not asked for without headers, and refused without a user', () => {
    expect(become({})).toBeUndefined();
    expect(() => become({ 'impersonate-group': 'x' })).toThrow(expect.objectContaining({ httpCode: 400 }));
    expect(() => become({ 'impersonate-extra-__proto__': 'x' })).toThrow(expect.objectContaining({ httpCode: 400 }));
  });
});
