import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ResourceClaimStatus } from '../../../../src/api/types/gen/resource-v1.ts';
import { fieldErrorText } from '../../../../src/api/validation/field-error.ts';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import type { Authorizer } from '../../../../src/apiserver/authz/authorizer.ts';
import { claimRightsErrors } from '../../../../src/apiserver/handlers/claim-rights.ts';
import type { HandlerContext } from '../../../../src/apiserver/handlers/handler-context.ts';
import type { ServedResource } from '../../../../src/apiserver/handlers/served-resource.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';
import { MemoryApi } from '../../../harness/memory-api.ts';

const devices = {
  requests: [
    { name: 'any', firstAvailable: [{ name: 'a', deviceClassName: 'gpu' }] },
    { name: 'admin', exactly: { deviceClassName: 'gpu', adminAccess: true } },
  ],
};

describe('admin access to devices', () => {
  const BASE = '/apis/resource.k8s.io/v1/namespaces/a';
  let api: MemoryApi;
  beforeEach(async () => {
    api = await MemoryApi.start();
  });
  afterEach(() => api.stop());

  it.each([
    ['resourceclaims', { devices }],
    ['resourceclaimtemplates', { spec: { devices } }],
  ])('is asked for by %s in a namespace with the label for it only', async (plural, spec) => {
    const body = { metadata: { name: 'c' }, spec };
    const refused = await api.ask('POST', `${BASE}/${plural}`, { body });
    expect([refused.status, refused.json.message]).toEqual([
      422,
      expect.stringContaining(
        'spec.devices.requests[1].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace',
      ),
    ]);
    const labels = { 'resource.kubernetes.io/admin-access': 'true' };
    const label = { body: { metadata: { labels } }, contentType: 'application/merge-patch+json' };
    expect((await api.ask('PATCH', '/api/v1/namespaces/a', label)).status).toBe(200);
    expect((await api.ask('POST', `${BASE}/${plural}`, { body })).status).toBe(201);
  });
});

describe('the status of a claim', () => {
  const served = { resource: { group: 'resource.k8s.io', plural: 'resourceclaims' } } as unknown as ServedResource;
  const claim = (status: ResourceClaimStatus): ApiObject =>
    ({ metadata: { name: 'c', namespace: 'a' }, spec: { devices }, status }) as ApiObject;
  const onNode = { nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }] };
  const allocation = { devices: {}, nodeSelector: onNode } as ResourceClaimStatus['allocation'];
  const told = { driver: 'gpu.example.com', pool: 'n1', device: 'd0', conditions: [] };
  const driver = (node: string) =>
    userInfo('system:serviceaccount:a:driver', [], {
      extra: new Map([['authentication.kubernetes.io/node-name', [node]]]),
    });

  /** The errors where `rights` are all that is allowed, each as `verb subresource namespace/name`. */
  async function errorsOf(
    now: ResourceClaimStatus,
    before: ResourceClaimStatus,
    user: ReturnType<typeof userInfo>,
    ...rights: readonly string[]
  ): Promise<string[]> {
    const authorizer = {
      authorize: ({ verb, subresource, namespace, name }) =>
        rights.includes(`${verb} ${subresource} ${namespace}/${name}`)
          ? { kind: 'allow', reason: '' }
          : { kind: 'no-opinion', reason: '' },
    } as Authorizer;
    const handlers = { authorizer, resources: new Map() } as unknown as HandlerContext;
    const options = { user, subresource: 'status', verb: 'update', signal: new AbortController().signal };
    return (await claimRightsErrors(handlers, served, claim(now), claim(before), options)).map(fieldErrorText);
  }

  it('is written by who may bind, where devices are given', async () => {
    const scheduler = userInfo('jane', []);
    expect(await errorsOf({ allocation }, {}, scheduler, 'update binding /')).toEqual([]);
    expect(await errorsOf({ allocation }, { allocation }, scheduler)).toEqual([]);
    expect(await errorsOf({ allocation }, {}, scheduler)).toEqual([
      'status.allocation: Forbidden: changing status.allocation or status.reservedFor requires resource="resourceclaims/binding", verb="update" permission: resourceclaims.resource.k8s.io is forbidden: User "jane" cannot update resource "resourceclaims/binding" in API group "resource.k8s.io" at the cluster scope',
    ]);
  });

  it('is written by drivers, each for its own devices', async () => {
    const [now, before] = [{ allocation, devices: [told] }, { allocation }];
    const refusal = (verbs: string, verb: string): string =>
      `status.devices: Forbidden: changing status.devices requires resource="resourceclaims/driver", verb="[${verbs}]" permission: resourceclaims.resource.k8s.io "gpu.example.com" is forbidden: User "system:serviceaccount:a:driver" cannot ${verb} resource "resourceclaims/driver" in API group "resource.k8s.io" in the namespace "a"`;
    const here = 'associated-node:update driver a/gpu.example.com';
    const anywhere = 'arbitrary-node:update driver a/gpu.example.com';
    expect(await errorsOf(now, before, driver('n1'), here)).toEqual([]);
    expect(await errorsOf(now, before, driver('n2'), anywhere)).toEqual([]);
    expect(await errorsOf(before, now, driver('n2'), anywhere)).toEqual([]);
    expect(await errorsOf(now, now, driver('n2'))).toEqual([]);
    expect(await errorsOf(now, before, driver('n1'))).toEqual([
      refusal('associated-node:update arbitrary-node:update', 'associated-node:update'),
    ]);
    expect(await errorsOf(now, before, driver('n2'), here)).toEqual([
      refusal('arbitrary-node:update', 'arbitrary-node:update'),
    ]);
  });
});
