import { describe, expect, it } from 'vitest';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import { resourceAttributes } from '../../../../src/apiserver/authz/attributes.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES } from '../../../../src/apiserver/authz/default-policy/cluster-roles.ts';
import {
  CONTROLLER_ROLE_BINDINGS,
  CONTROLLER_ROLES,
} from '../../../../src/apiserver/authz/default-policy/controller-roles.ts';
import {
  NAMESPACE_ROLE_BINDINGS,
  NAMESPACE_ROLES,
} from '../../../../src/apiserver/authz/default-policy/namespace-roles.ts';
import { RbacAuthorizer } from '../../../../src/apiserver/authz/rbac/rbac-authorizer.ts';
import { listerOf } from '../listers.ts';

const rbac = new RbacAuthorizer({
  roles: listerOf(NAMESPACE_ROLES),
  roleBindings: listerOf([
    ...NAMESPACE_ROLE_BINDINGS,
    ...['admin', 'edit', 'view'].map(name => ({
      metadata: { name, namespace: 'a' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name },
      subjects: [{ kind: 'User', name }],
    })),
  ]),
  clusterRoles: listerOf([...CLUSTER_ROLES, ...CONTROLLER_ROLES]),
  clusterRoleBindings: listerOf([...CLUSTER_ROLE_BINDINGS, ...CONTROLLER_ROLE_BINDINGS]),
});

/** Who, verb, group, resource, namespace, whether it is allowed from the first start on. */
const RIGHTS: readonly (readonly [string, string, string, string, string, boolean])[] = [
  ['view', 'list', '', 'pods', 'a', true],
  ['view', 'get', '', 'secrets', 'a', false],
  ['edit', 'get', '', 'secrets', 'a', true],
  ['edit', 'list', '', 'pods', 'a', true],
  ['view', 'list', 'metrics.k8s.io', 'pods', 'a', true],
  ['view', 'list', 'metrics.k8s.io', 'pods', 'b', false],
  ['edit', 'get', 'metrics.k8s.io', 'pods', 'a', true],
  ['admin', 'get', 'metrics.k8s.io', 'pods', 'a', true],
  ['edit', 'create', 'rbac.authorization.k8s.io', 'roles', 'a', false],
  ['admin', 'create', 'rbac.authorization.k8s.io', 'roles', 'a', true],
  ['admin', 'list', '', 'pods', 'a', true],
  ['admin', 'create', 'apps', 'deployments', 'a', true],
  ['admin', 'list', '', 'pods', 'b', false],
  ['system:kube-scheduler', 'create', '', 'bindings', 'a', true],
  ['system:kube-scheduler', 'create', '', 'secrets', 'a', false],
  ['system:serviceaccount:kube-system:replicaset-controller', 'create', '', 'pods', 'a', true],
  ['system:serviceaccount:kube-system:namespace-controller', 'deletecollection', 'apps', 'deployments', 'a', true],
];

describe('the default policy', () => {
  it.each(RIGHTS)('%s: %s %s %s in %s: %s', (user, verb, apiGroup, resource, namespace, allowed) => {
    const { kind } = rbac.authorize(resourceAttributes(userInfo(user, []), verb, { apiGroup, resource, namespace }));
    expect(kind).toBe(allowed ? 'allow' : 'no-opinion');
  });

  it('every binding refers to a role that is there', () => {
    const bindings = [...CLUSTER_ROLE_BINDINGS, ...CONTROLLER_ROLE_BINDINGS, ...NAMESPACE_ROLE_BINDINGS];
    const rules = bindings.map(each => rbac.referencedRules(each.roleRef, each.metadata.namespace ?? ''));
    expect(rules).not.toContainEqual(undefined);
    expect(rules.length).toBeGreaterThan(50);
  });

  it('every object says that the server keeps it up to date', () => {
    const all = [
      ...CLUSTER_ROLES,
      ...CONTROLLER_ROLES,
      ...CLUSTER_ROLE_BINDINGS,
      ...CONTROLLER_ROLE_BINDINGS,
      ...NAMESPACE_ROLES,
      ...NAMESPACE_ROLE_BINDINGS,
    ];
    expect(
      all.filter(each => each.metadata.annotations['rbac.authorization.kubernetes.io/autoupdate'] !== 'true'),
    ).toEqual([]);
  });
});
