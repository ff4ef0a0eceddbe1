import { describe, expect, it } from 'vitest';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import { authorizerUnion, mastersAuthorizer } from '../../../../src/apiserver/authz/authorizer.ts';
import { RbacAuthorizer } from '../../../../src/apiserver/authz/rbac/rbac-authorizer.ts';
import { checkEscalation } from '../../../../src/apiserver/handlers/escalation.ts';
import type { HandlerContext } from '../../../../src/apiserver/handlers/handler-context.ts';
import type { ServedResource } from '../../../../src/apiserver/handlers/served-resource.ts';
import type { ApiObject } from '../../../../src/apiserver/resources/strategy.ts';
import { listerOf } from '../listers.ts';

const rbac = new RbacAuthorizer({
  roles: listerOf([]),
  clusterRoles: listerOf([]),
  roleBindings: listerOf([]),
  clusterRoleBindings: listerOf([]),
});
const handlers = { rbac, authorizer: authorizerUnion([mastersAuthorizer, rbac]) } as unknown as HandlerContext;
const served = {
  resource: { group: 'rbac.authorization.k8s.io', plural: 'clusterroles' },
} as unknown as ServedResource;

const role = (metadata: object, more: object = {}): ApiObject =>
  ({
    metadata: { name: 'cluster-admin', resourceVersion: '1', ...metadata },
    rules: [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }],
    ...more,
  }) as ApiObject;
const write =
  (object: ApiObject, old: ApiObject, groups: readonly string[] = []) =>
  () =>
    checkEscalation(handlers, served, object, old, userInfo('jane', groups));

describe('a write of a role over another', () => {
  const toEdit = { labels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } };

  it.each([
    ['a label by which another role draws its rules', role(toEdit), role({})],
    ['a label that is taken away', role({}), role(toEdit)],
    ['an annotation', role({ annotations: { note: 'x' } }), role({})],
    ['rules', role({}), role({}, { rules: [] })],
    [
      'the end of an aggregation',
      role({}, { rules: [] }),
      role({}, { aggregationRule: { clusterRoleSelectors: [{}] }, rules: [] }),
    ],
  ])('asks for the rights for %s', (_, object, old) => {
    expect(write(object, old)).toThrow('clusterroles.rbac.authorization.k8s.io "cluster-admin" is forbidden');
    expect(write(object, old, ['system:masters'])).not.toThrow();
  });

  it.each([
    ['nothing', role({}), role({})],
    ['its version', role({ resourceVersion: '1' }), role({ resourceVersion: '2' })],
    ['its finalizers', role({}), role({ finalizers: ['example.com/x'] })],
    ['its owners', role({}), role({ ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'u' }] })],
    ['who manages its fields', role({ managedFields: [{ manager: 'kubectl' }] }), role({})],
  ])('gives nothing away with %s', (_, object, old) => {
    expect(write(object, old)).not.toThrow();
  });
});
