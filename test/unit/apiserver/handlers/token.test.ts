import { generateKeyPairSync } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { loadPackages } from '../../../../src/api/schema/packages.ts';
import { findResource } from '../../../../src/api/schema/resources/registry.ts';
import { decisionPlugins } from '../../../../src/apiserver/admission/decision-plugins.ts';
import { type UserInfo, userInfo } from '../../../../src/apiserver/authn/user.ts';
import { decodeHere } from '../../../../src/apiserver/body/body-decoder.ts';
import type { HandlerContext } from '../../../../src/apiserver/handlers/handler-context.ts';
import type { ServedResource } from '../../../../src/apiserver/handlers/served-resource.ts';
import { createToken } from '../../../../src/apiserver/handlers/token.ts';
import { newContext, type RequestContext } from '../../../../src/apiserver/pipeline/context.ts';
import { requestInfo } from '../../../../src/apiserver/request-info.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';
import { keyNotFound } from '../../../../src/apiserver/storage/errors.ts';
import { requestOf } from '../requests.ts';

beforeAll(async () => {
  await loadPackages();
});

const OBJECTS: ReadonlyMap<string, ApiObject> = new Map(
  Object.entries({
    'namespaces/a': { metadata: { name: 'a' }, status: { phase: 'Active' } },
    'namespaces/going': { metadata: { name: 'going' }, status: { phase: 'Terminating' } },
    'serviceaccounts/a/robot': { metadata: { name: 'robot', uid: 'u-robot' } },
    'pods/a/own': {
      metadata: { name: 'own', uid: 'u-own' },
      spec: {
        serviceAccountName: 'robot',
        nodeName: 'n1',
        volumes: [{ name: 'token', projected: { sources: [{ serviceAccountToken: { path: 'token' } }] } }],
      },
    },
    'pods/a/far': { metadata: { name: 'far', uid: 'u-far' }, spec: { serviceAccountName: 'robot', nodeName: 'n2' } },
    'pods/a/other': { metadata: { name: 'other', uid: 'u-other' }, spec: { serviceAccountName: 'admin' } },
  }),
);
const FAILURES: ReadonlyMap<string, Error> = new Map([['pods/a/broken', new Error('etcd is away')]]);

const id = (resource: string, namespace: string, name: string): string =>
  [resource, namespace, name].filter(part => part !== '').join('/');

/** A resource over the objects above. */
function serve(plural: string): ServedResource {
  return {
    resource: findResource('', 'v1', plural),
    groupResource: { group: '', resource: plural },
    namespaced: plural !== 'nodes',
    key: (namespace: string, name: string) => id(plural, namespace, name),
    cache: {
      peek: () => undefined,
      get: async (key: string) => ({ object: OBJECTS.get(key) ?? fail(FAILURES.get(key) ?? keyNotFound(key)) }),
    },
  } as unknown as ServedResource;
}

function fail(error: Error): never {
  throw error;
}

const accounts = serve('serviceaccounts');
const handlers = {
  resources: new Map(['pods', 'nodes'].map(plural => [`/v1/${plural}`, serve(plural)])),
  admission: decisionPlugins({
    authorizer: { authorize: () => ({ kind: 'no-opinion', reason: '' }) },
    lister: { get: ({ resource }, namespace, name) => OBJECTS.get(id(resource, namespace, name)), list: () => [] },
    now: () => '2026-01-02T03:04:05Z',
    randomSuffix: () => 'abcde',
  }),
  bodies: decodeHere,
  tokens: {
    issuer: 'https://issuer',
    key: generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
    audiences: ['api'],
  },
  clock: { now: () => Date.UTC(2026, 0, 2) },
} as unknown as HandlerContext;

function asks(
  user: UserInfo,
  pod?: { readonly kind?: string; readonly name: string; readonly uid?: string },
  namespace = 'a',
  metadata: object = {},
  spec: object = {},
): RequestContext {
  const url = `/api/v1/namespaces/${namespace}/serviceaccounts/robot/token`;
  const boundObjectRef = pod === undefined ? undefined : { kind: 'Pod', apiVersion: 'v1', ...pod };
  const body = JSON.stringify({ metadata, spec: { audiences: [], boundObjectRef, ...spec } });
  const headers = { 'content-type': 'application/json' };
  const request = requestOf({ method: 'POST', url, headers, body });
  return { ...newContext(request), user, info: requestInfo('POST', url, new URLSearchParams()) };
}

const alice = userInfo('alice', []);
const node = userInfo('system:node:n1', ['system:nodes']);

describe('a token of a service account', () => {
  const refusals: readonly [sentence: string, RequestContext, refusal: object][] = [
    [
      'a node that binds it to nothing',
      asks(node),
      {
        statusReason: 'Forbidden',
        message: 'serviceaccounts "robot" is forbidden: node requested token not bound to a pod',
      },
    ],
    [
      'a node that does not say which life of the pod',
      asks(node, { name: 'own' }),
      {
        statusReason: 'Forbidden',
        message: 'serviceaccounts "robot" is forbidden: node requested token with a pod binding without a uid',
      },
    ],
    [
      "another node's pod",
      asks(node, { name: 'far', uid: 'u-far' }),
      {
        statusReason: 'Forbidden',
        message:
          'serviceaccounts "robot" is forbidden: node requested token bound to a pod scheduled on a different node',
      },
    ],
    [
      'a namespace that is going',
      asks(alice, undefined, 'going'),
      {
        statusReason: 'Forbidden',
        message:
          'serviceaccounts "robot" is forbidden: unable to create new content in namespace going because it is being terminated',
      },
    ],
    [
      'a pod of another account',
      asks(alice, { name: 'other', uid: 'u-other' }),
      {
        statusReason: 'BadRequest',
        message: 'cannot bind token for serviceaccount "robot" to pod running with different serviceaccount name.',
      },
    ],
    [
      'a pod that is not there',
      asks(alice, { name: 'gone' }),
      { statusReason: 'NotFound', message: 'pods "gone" not found' },
    ],
    [
      'an object of a kind that ends no token',
      asks(alice, { kind: 'ConfigMap', name: 'x' }),
      { statusReason: 'BadRequest', message: 'cannot bind token to object of type /v1, Kind=ConfigMap' },
    ],
    [
      'another life of the account',
      asks(alice, undefined, 'a', { uid: 'u-before' }),
      {
        statusReason: 'Conflict',
        message:
          'Operation cannot be fulfilled on TokenRequest.authentication.k8s.io "robot": the UID in the token request (u-before) does not match the UID of the service account (u-robot)',
      },
    ],
    [
      'another account than that of the path',
      asks(alice, undefined, 'a', { name: 'other' }),
      { statusReason: 'Invalid', message: expect.stringContaining('must match the service account name if specified') },
    ],
    ['a pod that cannot be read just now', asks(alice, { name: 'broken' }), { message: 'etcd is away' }],
  ];
  it.each(refusals)('is refused for %s', async (_, context, refusal) => {
    await expect(createToken(handlers, accounts, context)).rejects.toMatchObject(refusal);
  });

  it.each([
    ["a node's own pod", asks(node, { name: 'own', uid: 'u-own' })],
    ['who is no node and binds it to nothing', asks(alice)],
    ['a pod of the account', asks(alice, { name: 'far' })],
  ])('is given for %s', async (_, context) => {
    const { status } = await createToken(handlers, accounts, context);
    expect(status?.token).toMatch(/^[^.]+\.[^.]+\.[^.]+$/);
  });

  it.each([
    ['lives on for a year where it is for this server, as clients may not have renewed it', ['api'], 365 * 24 * 3600],
    ['ends in time where it is for others', ['vault'], 3607],
  ])('of a pod, as kubelets ask for it, %s', async (_, audiences, seconds) => {
    const asked = asks(alice, { name: 'far' }, 'a', {}, { audiences, expirationSeconds: 3607 });
    const { status, metadata } = await createToken(handlers, accounts, asked);
    const [, payload = ''] = (status?.token ?? '').split('.');
    const { exp, iat } = JSON.parse(Buffer.from(payload, 'base64url').toString());
    expect(exp - iat).toBe(seconds);
    expect(metadata).toMatchObject({ name: 'robot', uid: 'u-robot', creationTimestamp: '2026-01-02T00:00:00Z' });
    expect(status?.expirationTimestamp).toBe('2026-01-02T01:00:07Z');
  });
});
