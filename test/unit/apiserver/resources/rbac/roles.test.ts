import { describe, expect, it } from 'vitest';
import { type Changes, Judge } from '../judge.ts';

const group = 'rbac.authorization.k8s.io';
const rules = [{ apiGroups: [''], resources: ['pods'], verbs: ['get'] }];
const roles = new Judge(group, 'roles', { rules });
const clusterRoles = new Judge(group, 'clusterroles', { rules });
const roleRef = { apiGroup: group, kind: 'ClusterRole', name: 'view' };
const bindings = new Judge(group, 'rolebindings', { roleRef });
const clusterBindings = new Judge(group, 'clusterrolebindings', { roleRef });

describe('what may be created', () => {
  const cases: readonly [sentence: string, kind: Judge, changes: Changes, errors: readonly string[]][] = [
    ['a role', roles, {}, []],
    ['a role whose name is no host name', roles, { 'metadata.name': 'system:Any thing' }, []],
    [
      'no role whose name is no part of a path',
      roles,
      { 'metadata.name': '..' },
      ['metadata.name: Invalid value: "..": may not be \'..\''],
    ],
    [
      'no rule that says nothing',
      roles,
      { rules: [{}] },
      [
        'rules[0].verbs: Required value: verbs must contain at least one value',
        'rules[0].apiGroups: Required value: resource rules must supply at least one api group',
        'rules[0].resources: Required value: resource rules must supply at least one resource',
      ],
    ],
    [
      'no rule about paths in a namespace, nor one about both',
      roles,
      { rules: [{ nonResourceURLs: ['/x'], resources: ['pods'], verbs: ['get'] }] },
      [
        'rules[0].nonResourceURLs: Invalid value: ["/x"]: namespaced rules cannot apply to non-resource URLs',
        'rules[0].nonResourceURLs: Invalid value: ["/x"]: rules cannot apply to both regular resources and non-resource URLs',
      ],
    ],
    ['a rule about paths', clusterRoles, { rules: [{ nonResourceURLs: ['/x/*'], verbs: ['get'] }] }, []],
    [
      'no aggregation of nothing',
      clusterRoles,
      { aggregationRule: {} },
      [
        'aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if aggregationRule is non-nil',
      ],
    ],
    [
      'no aggregation by a selector that cannot be read',
      clusterRoles,
      { aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: 'a', operator: 'Is' }] }] } },
      [
        'aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
        'aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.',
      ],
    ],
    [
      'no binding to another kind or group',
      bindings,
      { roleRef: { apiGroup: 'apps', kind: 'Deployment', name: '' } },
      [
        'roleRef.apiGroup: Unsupported value: "apps": supported values: "rbac.authorization.k8s.io"',
        'roleRef.kind: Unsupported value: "Deployment": supported values: "Role", "ClusterRole"',
        'roleRef.name: Required value',
      ],
    ],
    [
      'no binding in the whole cluster to a role of a namespace',
      clusterBindings,
      { roleRef: { ...roleRef, kind: 'Role' } },
      ['roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole"'],
    ],
    [
      'no subject without name or of another kind',
      clusterBindings,
      {
        subjects: [
          { kind: 'User', name: '' },
          { kind: 'Robot', name: 'r' },
          { kind: 'ServiceAccount', name: 'A' },
        ],
      },
      [
        'subjects[0].name: Required value',
        'subjects[1].kind: Unsupported value: "Robot": supported values: "ServiceAccount", "User", "Group"',
        expect.stringContaining('subjects[2].name: Invalid value: "A": a lowercase RFC 1123 subdomain'),
        'subjects[2].namespace: Required value',
      ],
    ],
  ];
  it.each(cases)('%s', (_, kind, changes, errors) => {
    expect(kind.created(changes)).toEqual(errors);
  });

  it('does not let a binding give another role', () => {
    expect(bindings.changed({ 'roleRef.name': 'edit' })).toEqual([
      'roleRef: Invalid value: {"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"edit"}: cannot change roleRef',
    ]);
  });

  it('tells a role that has a value in its selector that no label has only that it is no selector', () => {
    const before = {
      'aggregationRule.clusterRoleSelectors': [{ matchExpressions: [{ key: 'a', operator: 'In', values: ['-'] }] }],
    };
    expect(clusterRoles.created(before)).toHaveLength(2);
    expect(clusterRoles.changed({ 'metadata.labels': { a: 'b' } }, before)).toEqual([
      'aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.',
    ]);
  });
});
