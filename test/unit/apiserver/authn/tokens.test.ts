import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../../../src/api/types/gen/core-v1.ts';
import { bearerToken } from '../../../../src/apiserver/authn/bearer-token.ts';
import { bootstrapTokenAuthenticator } from '../../../../src/apiserver/authn/bootstrap-token.ts';
import { parseJwt, signJwt, verifyJwt } from '../../../../src/apiserver/authn/jwt.ts';
import {
  type ServiceAccountTokenSpec,
  serviceAccountClaims,
} from '../../../../src/apiserver/authn/service-account-claims.ts';
import {
  type BoundObject,
  type BoundObjects,
  serviceAccountTokenAuthenticator,
} from '../../../../src/apiserver/authn/service-account-token.ts';
import { generateKey, publicHalf } from '../../../../src/pki/keys.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { listerOf } from '../listers.ts';

const NOW = Date.parse('2026-06-01T12:00:00Z');
const ec = generateKey();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
const ecOf = (namedCurve: string) => generateKeyPairSync('ec', { namedCurve }).privateKey;
const signal = new AbortController().signal;

describe('JWT', () => {
  it.each([
    ['ES256', ec],
    ['ES384', ecOf('P-384')],
    ['ES512', ecOf('P-521')],
    ['RS256', rsa],
  ] as const)('%s: what a key signs, its public half verifies, and no other', (alg, key) => {
    const jwt = parseJwt(signJwt({ sub: 'x' }, key));
    expect(jwt?.header.alg).toBe(alg);
    expect(jwt?.claims).toEqual({ sub: 'x' });
    expect(jwt && verifyJwt(jwt, publicHalf(key))).toBe(true);
    expect(jwt && verifyJwt(jwt, publicHalf(generateKey()))).toBe(false);
  });

  it('is not signed by a key of another curve, which is told', () => {
    expect(() => signJwt({ sub: 'x' }, ecOf('secp256k1'))).toThrow(
      'tokens cannot be signed by a key of the curve "secp256k1": use RSA, or ECDSA with P-256, P-384 or P-521',
    );
  });

  const forged = (header: object, signature: Buffer): string =>
    `${Buffer.from(JSON.stringify(header)).toString('base64url')}.${Buffer.from('{"sub":"x"}').toString('base64url')}.${signature.toString('base64url')}`;

  it('does not let the token choose the algorithm', () => {
    const none = parseJwt(forged({ alg: 'none' }, Buffer.from('x')));
    expect(none && verifyJwt(none, publicHalf(rsa))).toBe(false);
    const text = forged({ alg: 'ES256' }, Buffer.from('x'));
    const signed = parseJwt(
      forged({ alg: 'ES256' }, sign('sha256', Buffer.from(text.slice(0, text.lastIndexOf('.'))), rsa)),
    );
    expect(signed && verifyJwt(signed, publicHalf(rsa))).toBe(false);
  });

  it.each([
    '',
    'a',
    'a.b',
    'a.b.c',
    '..',
    'e30.e30.',
    'e30.e30.e30',
    'bnVsbA.e30.AA',
    'W10.e30.AA',
    'eyJhbGciOjF9.e30.AA',
    ' .e30.AA',
    forged({ alg: 'RS256', crit: ['x'] }, Buffer.from('a')),
  ])('is not what %j is', token => {
    expect(parseJwt(token)).toBeUndefined();
  });

  it('survives any text', () => {
    fc.assert(
      fc.property(fc.string(), text => {
        expect(parseJwt(text)?.header.alg ?? '').toBeTypeOf('string');
      }),
      { seed: 3 },
    );
  });
});

const ref = (name: string) => ({ name, uid: `${name}-uid` });
const SPEC: ServiceAccountTokenSpec = {
  issuer: 'https://kubernetes.default.svc.cluster.local',
  namespace: 'web',
  serviceAccount: ref('robot'),
  audiences: ['api'],
  issuedAt: NOW / 1000,
  expiresAt: NOW / 1000 + 3607,
  id: 'id-1',
};

const live = (uid: string, deletionTimestamp?: string): BoundObject => ({ metadata: { uid, deletionTimestamp } });

function objectsOf(map: Readonly<Record<string, BoundObject>>): BoundObjects {
  const find = (kind: string, name: string) =>
    Promise.resolve(Object.hasOwn(map, `${kind}/${name}`) ? map[`${kind}/${name}`] : undefined);
  return {
    serviceAccount: (namespace, name) => find('sa', `${namespace}/${name}`),
    secret: (namespace, name) => find('secret', `${namespace}/${name}`),
    pod: (namespace, name) => find('pod', `${namespace}/${name}`),
    node: name => find('node', name),
  };
}

const OBJECTS = {
  'sa/web/robot': live('robot-uid'),
  'pod/web/p': live('p-uid'),
  'secret/web/s': live('s-uid'),
  'node/n': live('n-uid'),
  'pod/web/old': live('old-uid', '2026-06-01T11:58:00Z'),
  'pod/web/ending': live('ending-uid', '2026-06-01T11:59:30Z'),
};

const judge = (token: string, audiences: readonly string[] = ['api'], at = NOW) =>
  serviceAccountTokenAuthenticator({
    issuers: [SPEC.issuer],
    publicKeys: [publicHalf(rsa), publicHalf(ec)],
    objects: objectsOf(OBJECTS),
    clock: new FakeClock(at),
  }).authenticate(token, audiences, signal);

const tokenOf = (change: Partial<ServiceAccountTokenSpec> = {}, key: KeyObject = ec) =>
  signJwt(serviceAccountClaims({ ...SPEC, ...change }), key);

describe('service account tokens', () => {
  it('make the user of the account, with what the token is bound to', async () => {
    const result = await judge(tokenOf({ binding: { pod: ref('p'), node: ref('n') } }));
    expect(result).toEqual({
      kind: 'user',
      audiences: ['api'],
      user: {
        name: 'system:serviceaccount:web:robot',
        uid: 'robot-uid',
        groups: ['system:serviceaccounts', 'system:serviceaccounts:web'],
        extra: new Map([
          ['authentication.kubernetes.io/pod-name', ['p']],
          ['authentication.kubernetes.io/pod-uid', ['p-uid']],
          ['authentication.kubernetes.io/node-name', ['n']],
          ['authentication.kubernetes.io/node-uid', ['n-uid']],
          ['authentication.kubernetes.io/credential-id', ['JTI=id-1']],
        ]),
      },
    });
  });

  it.each([
    ['another key that is trusted', tokenOf({}, rsa)],
    ['a secret that exists', tokenOf({ binding: { secret: ref('s') } })],
    ['a node that exists', tokenOf({ binding: { node: ref('n') } })],
    ['a pod that has begun to end', tokenOf({ binding: { pod: ref('ending') } })],
    ['several audiences of which one fits', tokenOf({ audiences: ['vault', 'api'] })],
    ['a minute after the end: clocks differ', tokenOf({ expiresAt: NOW / 1000 - 59 })],
  ])('are taken: %s', async (_, token) => {
    expect((await judge(token)).kind).toBe('user');
  });

  it.each([
    ['of an account that is gone', tokenOf({ serviceAccount: ref('gone') }), 'serviceaccount gone does not exist'],
    [
      'of an account that was made anew',
      tokenOf({ serviceAccount: { name: 'robot', uid: 'before' } }),
      'UID (robot-uid) does not match',
    ],
    ['of a pod that is gone', tokenOf({ binding: { pod: ref('gone') } }), 'pod gone does not exist'],
    ['of a pod that ended a while ago', tokenOf({ binding: { pod: ref('old') } }), 'pod old is being deleted'],
    ['of a secret that is gone', tokenOf({ binding: { secret: ref('gone') } }), 'secret gone does not exist'],
    [
      'of a node that was made anew',
      tokenOf({ binding: { node: { name: 'n', uid: 'before' } } }),
      'UID (n-uid) does not match',
    ],
    ['that ended', tokenOf({ expiresAt: NOW / 1000 - 61 }), 'service account token has expired'],
    ['of the future', tokenOf({ issuedAt: NOW / 1000 + 120 }), 'service account token is not valid yet'],
    [
      'for others',
      tokenOf({ audiences: ['vault'] }),
      'token audiences ["vault"] is invalid for the target audiences ["api"]',
    ],
    ['of a key that is not ours', tokenOf({}, generateKey()), 'not signed by a key of this cluster'],
    [
      'without an end',
      signJwt({ iss: SPEC.issuer, aud: 'api', 'kubernetes.io': 'x' }, ec),
      'service account token has expired',
    ],
  ])('are refused: %s', async (_, token, because) => {
    expect(await judge(token)).toEqual({ kind: 'failed', because: expect.stringContaining(because) });
  });

  it('of other issuers are left to others', async () => {
    expect((await judge(tokenOf({ issuer: 'https://elsewhere' }))).kind).toBe('none');
    expect((await judge('not a token')).kind).toBe('none');
  });

  it('are refused when their content was changed', async () => {
    const [header, , signature] = tokenOf().split('.');
    const claims = Buffer.from(
      JSON.stringify(serviceAccountClaims({ ...SPEC, serviceAccount: ref('admin') })),
    ).toString('base64url');
    expect((await judge(`${header}.${claims}.${signature}`)).kind).toBe('failed');
  });

  it('end in time although the signature is remembered', async () => {
    const clock = new FakeClock(NOW);
    const authenticator = serviceAccountTokenAuthenticator({
      issuers: [SPEC.issuer],
      publicKeys: [publicHalf(ec)],
      objects: objectsOf(OBJECTS),
      clock,
    });
    const token = tokenOf();
    expect((await authenticator.authenticate(token, ['api'], signal)).kind).toBe('user');
    await clock.advance(3_700_000);
    expect((await authenticator.authenticate(token, ['api'], signal)).kind).toBe('failed');
  });
});

const base64 = (data: Readonly<Record<string, string>>) =>
  Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
const DATA = {
  'token-id': 'abcdef',
  'token-secret': '0123456789abcdef',
  'usage-bootstrap-authentication': 'true',
  expiration: '2026-06-02T00:00:00Z',
  'auth-extra-groups': 'system:bootstrappers:kubeadm:default-node-token',
};
const bootstrap = (change: Readonly<Record<string, string>>, more: Partial<Secret> = {}): Secret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace: 'kube-system', name: 'bootstrap-token-abcdef' },
  type: 'bootstrap.kubernetes.io/token',
  data: base64({ ...DATA, ...change }),
  ...more,
});

describe('bootstrap tokens', () => {
  const ask = async (secret: Secret, token = 'abcdef.0123456789abcdef') => {
    const said: string[] = [];
    const authenticator = bootstrapTokenAuthenticator(listerOf([secret]), new FakeClock(NOW), text => said.push(text));
    return { result: await authenticator.authenticate(token, [], signal), said };
  };

  it('make the user of the token and its groups', async () => {
    const { result } = await ask(bootstrap({}));
    expect(result).toMatchObject({
      kind: 'user',
      user: {
        name: 'system:bootstrap:abcdef',
        groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default-node-token'],
      },
    });
  });

  it('last for ever without an expiration', async () => {
    expect((await ask(bootstrap({ expiration: '' }))).result.kind).toBe('user');
  });

  it.each([
    ['another secret', bootstrap({ 'token-secret': 'ffffffffffffffff' }), 'another value for key token-secret'],
    ['an expired one', bootstrap({ expiration: '2026-06-01T11:00:00Z' }), 'expired at'],
    ['an expiration that is no time', bootstrap({ expiration: 'soon' }), 'expired at soon'],
    [
      'one for signing only',
      bootstrap({ 'usage-bootstrap-authentication': 'false' }),
      'usage-bootstrap-authentication',
    ],
    ['a group outside of its own', bootstrap({ 'auth-extra-groups': 'system:masters' }), 'auth-extra-groups'],
    ['another type', bootstrap({}, { type: 'Opaque' }), 'invalid type'],
    ['one of another id', bootstrap({ 'token-id': 'fedcba' }), 'token-id'],
    [
      'one that is being deleted',
      bootstrap(
        {},
        {
          metadata: {
            namespace: 'kube-system',
            name: 'bootstrap-token-abcdef',
            deletionTimestamp: '2026-06-01T11:00:00Z',
          },
        },
      ),
      'is being deleted',
    ],
  ])('are no proof: %s', async (_, secret, because) => {
    const { result, said } = await ask(secret);
    expect(result.kind).toBe('none');
    expect(said.join()).toContain(because);
    expect(said.join()).not.toContain('0123456789abcdef');
  });

  it.each(['abcdef', 'ABCDEF.0123456789abcdef', 'zzzzzz.0123456789abcdef', 'abcdef.0123456789abcdef '])(
    'have a form that %j has not, or do not exist',
    async token => {
      expect((await ask(bootstrap({}), token)).result.kind).toBe('none');
    },
  );
});

describe('the Authorization header', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    [' Bearer abc ', 'abc'],
    ['Bearer', undefined],
    ['Bearer  abc', undefined],
    ['Basic abc', undefined],
    ['', undefined],
  ])('%j', (header, token) => {
    expect(bearerToken(header)).toBe(token);
  });
});
