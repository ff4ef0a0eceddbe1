import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { userInfo } from '../../../../src/apiserver/authn/user.ts';
import {
  type Attributes,
  forbiddenByAuthorizer,
  requestAttributes,
  resourceAttributes,
} from '../../../../src/apiserver/authz/attributes.ts';
import { authorizerUnion, mastersAuthorizer } from '../../../../src/apiserver/authz/authorizer.ts';
import { compactRules, ruleText, uncoveredRules } from '../../../../src/apiserver/authz/rbac/covers.ts';
import { bindingEscalationError, roleEscalationError } from '../../../../src/apiserver/authz/rbac/escalation.ts';
import {
  compileRule,
  type PolicyRule,
  type RoleBinding,
  ruleAllows,
  type Subject,
} from '../../../../src/apiserver/authz/rbac/policy-rule.ts';
import { RbacAuthorizer } from '../../../../src/apiserver/authz/rbac/rbac-authorizer.ts';
import { requestInfo } from '../../../../src/apiserver/request-info.ts';
import { listerOf } from '../listers.ts';

const jane = userInfo('jane', ['dev']);
const GROUP = 'rbac.authorization.k8s.io';

/** A question as a request asks it. */
const asks = (method: string, url: string, user = jane): Attributes => {
  const [path = '', query = ''] = url.split('?');
  return requestAttributes(user, requestInfo(method, path, new URLSearchParams(query)));
};

const rule = (verbs: string, apiGroups: string, resources: string, resourceNames?: readonly string[]): PolicyRule => ({
  verbs: verbs.split(' '),
  apiGroups: apiGroups.split(','),
  resources: resources.split(' '),
  ...(resourceNames === undefined ? {} : { resourceNames }),
});

/** A sentence, the rule, the request, whether it is allowed. */
const RULES: readonly (readonly [string, PolicyRule, Attributes, boolean])[] = [
  ['the verb, group and resource fit', rule('get', '', 'pods'), asks('GET', '/api/v1/namespaces/a/pods/x'), true],
  ['another verb', rule('get', '', 'pods'), asks('GET', '/api/v1/namespaces/a/pods'), false],
  ['another group', rule('get', 'apps', 'pods'), asks('GET', '/api/v1/namespaces/a/pods/x'), false],
  [
    'a resource does not give its subresources',
    rule('get', '', 'pods'),
    asks('GET', '/api/v1/namespaces/a/pods/x/log'),
    false,
  ],
  ['a subresource by name', rule('get', '', 'pods/log'), asks('GET', '/api/v1/namespaces/a/pods/x/log'), true],
  [
    'a subresource does not give its resource',
    rule('get', '', 'pods/log'),
    asks('GET', '/api/v1/namespaces/a/pods/x'),
    false,
  ],
  [
    'a subresource of everything',
    rule('get', 'apps', '*/scale'),
    asks('GET', '/apis/apps/v1/namespaces/a/deployments/x/scale'),
    true,
  ],
  [
    'that is no resource',
    rule('get', 'apps', '*/scale'),
    asks('GET', '/apis/apps/v1/namespaces/a/deployments/x'),
    false,
  ],
  ['everything', rule('*', '*', '*'), asks('DELETE', '/apis/apps/v1/namespaces/a/deployments/x/scale'), true],
  ['everything is no path', rule('*', '*', '*'), asks('GET', '/metrics'), false],
  ['the name fits', rule('get', '', 'pods', ['x']), asks('GET', '/api/v1/namespaces/a/pods/x'), true],
  ['another name', rule('get', '', 'pods', ['x']), asks('GET', '/api/v1/namespaces/a/pods/y'), false],
  ['a list has no name', rule('list', '', 'pods', ['x']), asks('GET', '/api/v1/namespaces/a/pods'), false],
  [
    'a list of one object has its name',
    rule('list', '', 'pods', ['x']),
    asks('GET', '/api/v1/namespaces/a/pods?fieldSelector=metadata.name%3Dx'),
    true,
  ],
  ['a path', { verbs: ['get'], nonResourceURLs: ['/healthz'] }, asks('GET', '/healthz'), true],
  ['a path is no prefix', { verbs: ['get'], nonResourceURLs: ['/healthz'] }, asks('GET', '/healthz/etcd'), false],
  ['a path with a star is', { verbs: ['get'], nonResourceURLs: ['/healthz/*'] }, asks('GET', '/healthz/etcd'), true],
  ['every path', { verbs: ['get'], nonResourceURLs: ['*'] }, asks('GET', '/anything'), true],
  ['a path is no resource', { verbs: ['*'], nonResourceURLs: ['*'] }, asks('GET', '/api/v1/pods'), false],
];

describe('a rule', () => {
  it.each(RULES)('%s', (_, policy, asked, allowed) => {
    expect(ruleAllows(compileRule(policy), asked)).toBe(allowed);
  });
});

/** The same question answered the slow way, word by word as the documentation has it. */
function naive(policy: PolicyRule, asked: Attributes): boolean {
  const some = (words: readonly string[] | undefined, fits: (word: string) => boolean): boolean =>
    (words ?? []).some(fits);
  const verb = some(policy.verbs, word => word === '*' || word === asked.verb);
  const full = asked.subresource === '' ? asked.resource : `${asked.resource}/${asked.subresource}`;
  const path = some(
    policy.nonResourceURLs,
    url => url === '*' || url === asked.path || (url.endsWith('*') && asked.path.startsWith(url.slice(0, -1))),
  );
  const resource =
    some(policy.apiGroups, word => word === '*' || word === asked.apiGroup) &&
    some(
      policy.resources,
      word => word === '*' || word === full || (asked.subresource !== '' && word === `*/${asked.subresource}`),
    ) &&
    ((policy.resourceNames ?? []).length === 0 || some(policy.resourceNames, word => word === asked.name));
  return verb && (asked.isResourceRequest ? resource : path);
}

const words = (...choices: readonly string[]) => fc.subarray([...choices]);
const anyRule: fc.Arbitrary<PolicyRule> = fc.record({
  verbs: words('get', 'list', 'create', '*'),
  apiGroups: words('', 'apps', '*'),
  resources: words('pods', 'pods/log', '*/log', '*', 'deployments'),
  resourceNames: words('x', 'y'),
  nonResourceURLs: words('/healthz', '/healthz/*', '/metrics', '*'),
});
const anyQuestion: fc.Arbitrary<Attributes> = fc
  .record({
    verb: fc.constantFrom('get', 'list', 'create', 'delete'),
    isResourceRequest: fc.boolean(),
    apiGroup: fc.constantFrom('', 'apps', 'batch'),
    resource: fc.constantFrom('pods', 'deployments'),
    subresource: fc.constantFrom('', 'log', 'scale'),
    name: fc.constantFrom('', 'x', 'z'),
    namespace: fc.constantFrom('', 'a', 'b'),
    path: fc.constantFrom('/healthz', '/healthz/etcd', '/metrics', '/other'),
  })
  .map(parts => ({ ...resourceAttributes(jane, parts.verb, {}), ...parts }));

describe('rules in general', () => {
  it('the prepared rule answers as the slow one', () => {
    fc.assert(
      fc.property(anyRule, anyQuestion, (policy, asked) => {
        expect(ruleAllows(compileRule(policy), asked)).toBe(naive(policy, asked));
      }),
      { seed: 11, numRuns: 2000 },
    );
  });

  it('what is covered allows nothing that the owner has not got', () => {
    fc.assert(
      fc.property(fc.array(anyRule, { maxLength: 3 }), anyRule, anyQuestion, (owned, wanted, asked) => {
        const covered = uncoveredRules(owned, [wanted]).length === 0;
        const gains = naive(wanted, asked) && !owned.some(policy => naive(policy, asked));
        expect(covered && gains).toBe(false);
      }),
      { seed: 12, numRuns: 3000 },
    );
  });
});

const subject = (kind: string, name: string, namespace?: string): Subject => ({
  kind,
  name,
  ...(namespace === undefined ? {} : { namespace }),
});
const binding = (
  name: string,
  namespace: string | undefined,
  role: string,
  ...subjects: readonly Subject[]
): RoleBinding => {
  const [kind = '', roleName = ''] = role.split('/');
  return { metadata: { name, namespace }, roleRef: { apiGroup: GROUP, kind, name: roleName }, subjects };
};

const rbac = new RbacAuthorizer({
  roles: listerOf([{ metadata: { namespace: 'a', name: 'reader' }, rules: [rule('get list', '', 'pods')] }]),
  clusterRoles: listerOf([
    { metadata: { name: 'nodes' }, rules: [rule('list', '', 'nodes')] },
    { metadata: { name: 'editor' }, rules: [rule('update', '', 'pods')] },
    {
      metadata: { name: 'granter' },
      rules: [rule('bind', GROUP, 'clusterroles', ['editor']), rule('escalate', GROUP, 'roles')],
    },
    {
      metadata: { name: 'sum' },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { into: 'sum' } }] },
      rules: null,
    },
    { metadata: { name: 'part', labels: { into: 'sum' } }, rules: [rule('get', 'batch', 'jobs')] },
    {
      metadata: { name: 'part-of-part', labels: { into: 'sum' } },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { into: 'part' } }, { matchLabels: { into: 'sum' } }] },
    },
    { metadata: { name: 'leaf', labels: { into: 'part' } }, rules: [rule('get', 'batch', 'cronjobs')] },
  ]),
  roleBindings: listerOf([
    binding('read', 'a', 'Role/reader', subject('Group', 'dev')),
    binding('edit', 'a', 'ClusterRole/editor', subject('ServiceAccount', 'robot'), subject('User', 'eve')),
    binding('broken', 'b', 'Role/missing', subject('User', 'jane')),
    binding('granters', 'a', 'ClusterRole/granter', subject('User', 'grant')),
  ]),
  clusterRoleBindings: listerOf([
    binding('nodes', undefined, 'ClusterRole/nodes', subject('User', 'jane'), subject('Group', 'dev')),
    binding('sums', undefined, 'ClusterRole/sum', subject('User', 'sam')),
    binding('nobody', undefined, 'ClusterRole/editor', subject('ServiceAccount', 'robot')),
  ]),
});
const decide = (method: string, url: string, user = jane) => rbac.authorize(asks(method, url, user));

describe('the RBAC authorizer', () => {
  it.each([
    ['a binding of the cluster, at the cluster', 'GET', '/api/v1/nodes', jane, 'allow'],
    ['a binding of a namespace, inside of it', 'GET', '/api/v1/namespaces/a/pods', jane, 'allow'],
    ['not in another', 'GET', '/api/v1/namespaces/c/pods', jane, 'no-opinion'],
    ['not at the cluster', 'GET', '/api/v1/pods', jane, 'no-opinion'],
    [
      'a cluster role bound in a namespace holds there',
      'PUT',
      '/api/v1/namespaces/a/pods/x',
      userInfo('eve', []),
      'allow',
    ],
    [
      'a service account without a namespace is of the binding',
      'PUT',
      '/api/v1/namespaces/a/pods/x',
      userInfo('system:serviceaccount:a:robot', []),
      'allow',
    ],
    [
      'and of no other',
      'PUT',
      '/api/v1/namespaces/a/pods/x',
      userInfo('system:serviceaccount:b:robot', []),
      'no-opinion',
    ],
    [
      'at the cluster it is nobody',
      'PUT',
      '/api/v1/namespaces/c/pods/x',
      userInfo('system:serviceaccount:c:robot', []),
      'no-opinion',
    ],
    ['an aggregated role has what it draws', 'GET', '/apis/batch/v1/namespaces/c/jobs/x', userInfo('sam', []), 'allow'],
    [
      'and what that draws, in a circle too',
      'GET',
      '/apis/batch/v1/namespaces/c/cronjobs/x',
      userInfo('sam', []),
      'allow',
    ],
    ['a user named like a group is no group', 'GET', '/api/v1/namespaces/a/pods', userInfo('dev', []), 'no-opinion'],
  ] as const)('%s', (_, method, url, user, kind) => {
    expect(decide(method, url, user).kind).toBe(kind);
  });

  it('says by what it allows', () => {
    expect(decide('GET', '/api/v1/nodes').reason).toBe(
      'RBAC: allowed by ClusterRoleBinding "nodes" of ClusterRole "nodes" to User "jane"',
    );
    expect(decide('GET', '/api/v1/namespaces/a/pods').reason).toBe(
      'RBAC: allowed by RoleBinding "read/a" of Role "reader" to Group "dev"',
    );
  });

  it('says what is broken where it does not', () => {
    expect(decide('GET', '/api/v1/namespaces/b/pods').reason).toBe(
      'RBAC: role.rbac.authorization.k8s.io "missing" not found',
    );
  });

  it('tells the rules of a user, for reviews', () => {
    expect(rbac.rulesFor(jane, 'a')).toEqual({
      rules: [rule('list', '', 'nodes'), rule('get list', '', 'pods')],
      incomplete: false,
      errors: [],
    });
    expect(rbac.rulesFor(jane, 'b').errors).toEqual(['role.rbac.authorization.k8s.io "missing" not found']);
    expect(
      authorizerUnion([mastersAuthorizer, rbac]).rulesFor(userInfo('root', ['system:masters']), 'a').rules,
    ).toHaveLength(2);
  });
});

describe('the sentence of a refusal', () => {
  it.each([
    [
      asks('GET', '/api/v1/namespaces/ns/pods'),
      'pods is forbidden: User "jane" cannot list resource "pods" in API group "" in the namespace "ns"',
    ],
    [
      asks('GET', '/apis/apps/v1/namespaces/ns/deployments/d/scale'),
      'deployments.apps "d" is forbidden: User "jane" cannot get resource "deployments/scale" in API group "apps" in the namespace "ns"',
    ],
    [
      asks('GET', '/api/v1/nodes'),
      'nodes is forbidden: User "jane" cannot list resource "nodes" in API group "" at the cluster scope',
    ],
    [asks('GET', '/metrics'), 'forbidden: User "jane" cannot get path "/metrics"'],
    [asks('GET', '/metrics', userInfo('<b>', [])), 'forbidden: User "&lt;b&gt;" cannot get path "/metrics"'],
  ])('%#', (asked, message) => {
    expect(forbiddenByAuthorizer(asked, '').toStatus()).toMatchObject({ code: 403, reason: 'Forbidden', message });
  });

  it('ends with the reasons of the authorizers', () => {
    expect(forbiddenByAuthorizer(asks('GET', '/metrics'), 'because').message).toBe(
      'forbidden: User "jane" cannot get path "/metrics": because',
    );
  });
});

describe('the union', () => {
  const union = authorizerUnion([mastersAuthorizer, rbac]);
  it('lets masters do everything and joins the reasons of the others', () => {
    expect(union.authorize(asks('DELETE', '/api/v1/nodes', userInfo('root', ['system:masters']))).kind).toBe('allow');
    expect(union.authorize(asks('GET', '/api/v1/namespaces/b/pods'))).toEqual({
      kind: 'no-opinion',
      reason: 'RBAC: role.rbac.authorization.k8s.io "missing" not found',
    });
  });
});

describe('escalation', () => {
  const check = (user = jane, namespace = 'a') => ({
    user,
    namespace,
    rbac,
    authorizer: authorizerUnion([mastersAuthorizer, rbac]),
  });
  const role = (...rules: readonly PolicyRule[]) => ({ metadata: { name: 'new' }, rules });

  it('one may give what one has', () => {
    expect(roleEscalationError(role(rule('get', '', 'pods')), undefined, check())).toBeUndefined();
    expect(bindingEscalationError(binding('b', 'a', 'Role/reader', subject('User', 'x')), check())).toBeUndefined();
  });

  it("and no more; the message tells what is missing, in upstream's form", () => {
    expect(
      roleEscalationError(
        role(rule('get update delete', '', 'pods secrets'), { verbs: ['get'], nonResourceURLs: ['/x'] }),
        undefined,
        check(),
      )?.message,
    ).toBe(
      'roles.rbac.authorization.k8s.io "new" is forbidden: user "jane" (groups=["dev"]) is attempting to grant RBAC permissions not currently held:\n' +
        '{APIGroups:[""], Resources:["pods"], Verbs:["update" "delete"]}\n' +
        '{APIGroups:[""], Resources:["secrets"], Verbs:["get" "update" "delete"]}\n' +
        '{NonResourceURLs:["/x"], Verbs:["get"]}',
    );
    expect(bindingEscalationError(binding('b', 'a', 'ClusterRole/editor'), check())?.message).toContain(
      'rolebindings.rbac.authorization.k8s.io "b" is forbidden: user "jane"',
    );
  });

  it('who may escalate or bind may, and masters always', () => {
    const grant = userInfo('grant', []);
    expect(roleEscalationError(role(rule('*', '*', '*')), undefined, check(grant))).toBeUndefined();
    expect(bindingEscalationError(binding('b', 'a', 'ClusterRole/editor'), check(grant))).toBeUndefined();
    expect(bindingEscalationError(binding('b', 'a', 'ClusterRole/nodes'), check(grant))).toBeDefined();
    expect(
      roleEscalationError(role(rule('*', '*', '*')), undefined, check(userInfo('root', ['system:masters']))),
    ).toBeUndefined();
  });

  it('a role that aggregates can come to hold anything', () => {
    const sum = { metadata: { name: 'new' }, aggregationRule: { clusterRoleSelectors: [{}] } };
    const refusal = 'must have cluster-admin privileges to use an aggregationRule';
    expect(roleEscalationError(sum, undefined, check(jane, ''))?.message).toContain(refusal);
    expect(roleEscalationError(role(), sum, check(jane, ''))?.message).toContain(refusal);
    expect(roleEscalationError(role(), role(), check(jane, ''))).toBeUndefined();
  });

  it('a role that is not there cannot be bound', () => {
    expect(bindingEscalationError(binding('b', 'b', 'Role/missing'), check(jane, 'b'))?.message).toContain(
      '"missing" not found',
    );
  });

  it('keeps names apart when it puts verbs together', () => {
    const parts = [rule('get', '', 'pods', ['x']), rule('list', '', 'pods', ['x']), rule('get', '', 'pods', ['y'])];
    expect(compactRules(parts).map(ruleText)).toEqual([
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["x"], Verbs:["get" "list"]}',
      '{APIGroups:[""], Resources:["pods"], ResourceNames:["y"], Verbs:["get"]}',
    ]);
  });
});
