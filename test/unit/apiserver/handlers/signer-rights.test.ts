import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import type { Authorizer } from '../../../../src/apiserver/authz/authorizer.ts';
import type { ServedResource } from '../../../../src/apiserver/handlers/served-resource.ts';
import { checkSignerRights } from '../../../../src/apiserver/handlers/signer-rights.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';
import { createCertificateRequest } from '../../../../src/pki/certificate-request.ts';

const served = {
  resource: { group: 'certificates.k8s.io', plural: 'certificatesigningrequests' },
  groupResource: { group: 'certificates.k8s.io', resource: 'certificatesigningrequests' },
} as unknown as ServedResource;
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

function request(signerName: string, status: object = {}, organizations: readonly string[] = []): ApiObject {
  const pem = createCertificateRequest({ subject: { commonName: 'jane', organizations } }, key);
  return {
    metadata: { name: 'jane' },
    spec: { signerName, request: Buffer.from(pem).toString('base64') },
    status,
  } as ApiObject;
}

/** Allows what is listed, each as `verb group/resource name`. */
const allowing = (...rights: readonly string[]): { readonly authorizer: Authorizer } => ({
  authorizer: {
    authorize: ({ verb, apiGroup, resource, name }) =>
      rights.includes(`${verb} ${apiGroup}/${resource} ${name}`)
        ? { kind: 'allow', reason: '' }
        : { kind: 'no-opinion', reason: '' },
  } as Authorizer,
});

describe('who decides over a certificate signing request', () => {
  const [before, after] = [
    request('example.com/web'),
    request('example.com/web', { conditions: [{ type: 'Approved' }] }),
  ];
  const write =
    (subresource: string, object: ApiObject, ...rights: readonly string[]) =>
    () =>
      checkSignerRights(allowing(...rights), served, object, before, { user: userInfo('jane', []), subresource });
  const refusal = (verb: string): string =>
    `certificatesigningrequests.certificates.k8s.io "jane" is forbidden: user not permitted to ${verb} requests with signerName "example.com/web"`;
  const of = (verb: string, name: string): string => `${verb} certificates.k8s.io/signers ${name}`;

  it.each([
    ['approves', 'approval', 'approve', 'sign'],
    ['signs', 'status', 'sign', 'approve'],
  ])('%s with the right to the signer or to its domain, and with no other', (_, subresource, verb, otherVerb) => {
    expect(write(subresource, after)).toThrow(refusal(verb));
    expect(write(subresource, after, of(otherVerb, 'example.com/web'), of(verb, 'example.com/x'))).toThrow(
      refusal(verb),
    );
    expect(write(subresource, after, of(verb, 'example.com/web'))).not.toThrow();
    expect(write(subresource, after, of(verb, 'example.com/*'))).not.toThrow();
  });

  it('needs no right to a signer to write metadata', () => {
    expect(write('status', before)).not.toThrow();
    expect(write('', before)).not.toThrow();
  });

  it('nobody: a client certificate for masters is not even asked for', () => {
    const create = (object: ApiObject) => () =>
      checkSignerRights(allowing(), served, object, undefined, { user: userInfo('jane', []), subresource: '' });
    const signer = 'kubernetes.io/kube-apiserver-client';
    expect(create(request(signer, {}, ['dev', 'system:masters']))).toThrow(
      'use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed',
    );
    expect(create(request(signer, {}, ['dev']))).not.toThrow();
    expect(create(request('example.com/web', {}, ['system:masters']))).not.toThrow();
  });
});
