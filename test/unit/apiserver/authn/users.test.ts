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
import { wantedUser } from '../../../../src/apiserver/authn/impersonation.ts';
import { impersonatedUser } from '../../../../src/apiserver/authn/impersonation-modes.ts';
import { isAnonymous, nodeOf, serviceAccountOf, userInfo } from '../../../../src/apiserver/authn/user.ts';
import { type Attributes, resourceAttributes } from '../../../../src/apiserver/authz/attributes.ts';
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
  const robot = userInfo('system:serviceaccount:a:robot', [], {
    extra: new Map([['authentication.kubernetes.io/node-name', ['n1']]]),
  });
  const text = ({ verb, apiGroup, resource, subresource, namespace, name }: Attributes): string =>
    [verb, apiGroup, resource, subresource, namespace, name].join('|');
  /** Allows exactly these questions, or all of a verb with `verb|*`. */
  const allowing = (...allowed: readonly string[]): Authorizer => ({
    name: 'test',
    authorize: question =>
      allowed.includes(text(question)) || allowed.includes(`${question.verb}|*`) ? ALLOW : noOpinion(''),
    rulesFor: () => NO_RULES,
  });
  type Headers = Readonly<Record<string, string | readonly string[]>>;
  const become = (values: Headers, authorizer = allowing('impersonate|*'), requestor = bob) => {
    const wanted = wantedUser(requestOf({ headers: values }).headers);
    const listPods = resourceAttributes(requestor, 'list', { resource: 'pods' });
    return wanted && impersonatedUser(listPods, wanted, authorizer);
  };
  const EVERYTHING: Headers = {
    'impersonate-user': 'jane',
    'impersonate-group': ['a', 'b'],
    'impersonate-extra-acme.com%2fteam': ['x', 'y'],
    'impersonate-uid': '7',
  };
  const PLAIN = [
    'impersonate||users|||jane',
    'impersonate||groups|||a',
    'impersonate||groups|||b',
    'impersonate|authentication.k8s.io|userextras|acme.com/team||x',
    'impersonate|authentication.k8s.io|userextras|acme.com/team||y',
    'impersonate|authentication.k8s.io|uids|||7',
  ];

  it('is allowed when every part is', () => {
    expect(become(EVERYTHING, allowing(...PLAIN))).toEqual({
      name: 'jane',
      uid: '7',
      groups: ['a', 'b', 'system:authenticated'],
      extra: new Map([['acme.com/team', ['x', 'y']]]),
    });
  });

  it.each(PLAIN)('is refused without %s', missing => {
    expect(() => become(EVERYTHING, allowing(...PLAIN.filter(each => each !== missing)))).toThrow(
      expect.objectContaining({ httpCode: 403 }),
    );
  });

  it('is refused with the sentence of upstream', () => {
    expect(() => become({ 'impersonate-user': 'jane' }, allowing())).toThrow(
      'pods is forbidden: User "bob" cannot impersonate-on:user-info:list resource "pods" in API group "" at the cluster scope',
    );
    expect(() => become({ 'impersonate-user': 'jane' }, allowing('impersonate-on:user-info:list|*'))).toThrow(
      'users.authentication.k8s.io "jane" is forbidden: User "bob" cannot impersonate:user-info resource "users" in API group "authentication.k8s.io" at the cluster scope',
    );
  });

  /** A sentence, who is wanted, the two rights that allow it, the groups of who one becomes. */
  const CONSTRAINED: readonly (readonly [string, Headers, readonly string[], readonly string[]])[] = [
    [
      'a user, for listing pods',
      { 'impersonate-user': 'jane' },
      ['impersonate-on:user-info:list||pods|||', 'impersonate:user-info|authentication.k8s.io|users|||jane'],
      ['system:authenticated'],
    ],
    [
      'a service account',
      { 'impersonate-user': 'system:serviceaccount:a:b' },
      [
        'impersonate-on:serviceaccount:list||pods|||',
        'impersonate:serviceaccount|authentication.k8s.io|serviceaccounts||a|b',
      ],
      ['system:serviceaccounts', 'system:serviceaccounts:a', 'system:authenticated'],
    ],
    [
      'a node',
      { 'impersonate-user': 'system:node:n2' },
      ['impersonate-on:arbitrary-node:list||pods|||', 'impersonate:arbitrary-node|authentication.k8s.io|nodes|||n2'],
      ['system:nodes', 'system:authenticated'],
    ],
    [
      'the node that the account runs on',
      { 'impersonate-user': 'system:node:n1' },
      ['impersonate-on:associated-node:list||pods|||', 'impersonate:associated-node|authentication.k8s.io|nodes|||*'],
      ['system:nodes', 'system:authenticated'],
    ],
  ];

  it.each(CONSTRAINED)('may be constrained: %s', (_, headers, rights, groups) => {
    expect(become(headers, allowing(...rights), robot)?.groups).toEqual(groups);
    expect(() => become(headers, allowing(...rights.slice(0, 1)), robot)).toThrow('is forbidden');
    expect(() => become(headers, allowing(...rights.slice(1)), robot)).toThrow('is forbidden');
  });

  it('as the node of the account is for no other node and no other user', () => {
    const rights = allowing('impersonate-on:associated-node:list|*', 'impersonate:associated-node|*');
    expect(() => become({ 'impersonate-user': 'system:node:n2' }, rights, robot)).toThrow('is forbidden');
    expect(() => become({ 'impersonate-user': 'system:node:n1' }, rights, bob)).toThrow('is forbidden');
    expect(() => become({ 'impersonate-user': 'system:node:n1', 'impersonate-uid': '1' }, rights, robot)).toThrow(
      'is forbidden',
    );
  });

  it.each([
    ['masters', { 'impersonate-group': 'system:masters' }, 'impersonating the system:masters group is not allowed'],
    [
      'the group without a name',
      { 'impersonate-group': ['x', ''] },
      'impersonating the empty string group is not allowed',
    ],
    [
      'an extra without a domain',
      { 'impersonate-extra-scopes': 'x' },
      'impersonating an invalid key in extra is not allowed: "scopes"',
    ],
    [
      'an empty value',
      { 'impersonate-extra-a.b%2fc': '' },
      'impersonating the empty string value in extra is not allowed',
    ],
  ] as const)('when constrained is never for %s', (_, headers, because) => {
    const rights = allowing('impersonate-on:user-info:list|*', 'impersonate:user-info|*');
    expect(() => become({ 'impersonate-user': 'jane', ...headers }, rights)).toThrow(because);
  });

  it('knows the groups of a service account', () => {
    expect(become({ 'impersonate-user': 'system:serviceaccount:ns:sa' })?.groups).toEqual([
      'system:serviceaccounts',
      'system:serviceaccounts:ns',
      'system:authenticated',
    ]);
  });

  it('leaves the anonymous user unauthenticated, and gives nobody a group by the plain verb', () => {
    expect(become({ 'impersonate-user': 'system:anonymous' })?.groups).toEqual(['system:unauthenticated']);
    expect(become({ 'impersonate-user': 'system:node:n1' })?.groups).toEqual(['system:authenticated']);
  });

  it('is not asked for without headers, and refused without a user', () => {
    expect(become({})).toBeUndefined();
    expect(() => become({ 'impersonate-group': 'x' })).toThrow(expect.objectContaining({ httpCode: 400 }));
    expect(() => become({ 'impersonate-extra-__proto__': 'x' })).toThrow(expect.objectContaining({ httpCode: 400 }));
  });
});
