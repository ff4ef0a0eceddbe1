import { describe, expect, it } from 'vitest';
import { reconcileBinding, reconcileRole } from '../../../../src/apiserver/authz/default-policy/reconcile.ts';
import { binding, role, rule } from '../../../../src/apiserver/authz/default-policy/rows.ts';

const wanted = role('r', { into: 'edit' }, [rule('get list', 'core', 'pods')]);

describe('roles of the default policy', () => {
  it('are made where they are missing, and kept where they are whole', () => {
    expect(reconcileRole(wanted, undefined)).toEqual({ kind: 'create', object: wanted });
    expect(reconcileRole(wanted, wanted)).toEqual({ kind: 'keep' });
  });

  it('get back what was taken away, and keep what was added', () => {
    const stored = { ...wanted, rules: [rule('get', 'core', 'pods'), rule('*', 'apps', '*')] };
    expect(reconcileRole(wanted, stored)).toEqual({
      kind: 'update',
      object: { ...wanted, rules: [...stored.rules, rule('list', 'core', 'pods')] },
    });
  });

  it('get labels that are missing and keep those that were changed', () => {
    const stored = { ...wanted, metadata: { ...wanted.metadata, labels: { 'kubernetes.io/bootstrapping': 'mine' } } };
    expect(reconcileRole(wanted, stored)).toMatchObject({
      kind: 'update',
      object: {
        metadata: {
          labels: { 'kubernetes.io/bootstrapping': 'mine', 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' },
        },
      },
    });
  });

  it('are left alone where somebody said so', () => {
    const own = {
      ...wanted,
      rules: [],
      metadata: { ...wanted.metadata, annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'false' } },
    };
    expect(reconcileRole(wanted, own)).toEqual({ kind: 'keep' });
  });

  it('are kept up to date where nobody said anything', () => {
    const silent = { ...wanted, rules: [], metadata: { ...wanted.metadata, annotations: {} } };
    expect(reconcileRole(wanted, silent)).toMatchObject({ kind: 'update' });
  });

  it('aggregate again what they no longer did', () => {
    const sum = role('sum', { from: 'edit' }, []);
    const stored = {
      ...sum,
      rules: [rule('get', 'core', 'pods')],
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { own: 'x' } }] },
    };
    expect(reconcileRole(sum, stored)).toMatchObject({
      kind: 'update',
      object: {
        rules: stored.rules,
        aggregationRule: {
          clusterRoleSelectors: [
            { matchLabels: { own: 'x' } },
            { matchLabels: { 'rbac.authorization.k8s.io/aggregate-to-edit': 'true' } },
          ],
        },
      },
    });
  });
});

describe('bindings of the default policy', () => {
  const bound = binding('b', {}, 'ClusterRole r', ['Group system:authenticated', 'ServiceAccount kube-system/x']);

  it('are made where they are missing, and kept where they are whole', () => {
    expect(reconcileBinding(bound, undefined)).toEqual({ kind: 'create', object: bound });
    expect(
      reconcileBinding(bound, { ...bound, subjects: [...(bound.subjects ?? []), { kind: 'User', name: 'jane' }] }),
    ).toEqual({ kind: 'keep' });
  });

  it('get back the subjects that are missing', () => {
    const stored = { ...bound, subjects: [{ kind: 'User', name: 'jane' }] };
    expect(reconcileBinding(bound, stored)).toEqual({
      kind: 'update',
      object: { ...bound, subjects: [{ kind: 'User', name: 'jane' }, ...(bound.subjects ?? [])] },
    });
  });

  it('are made anew where they refer to another role', () => {
    const stored = { ...bound, roleRef: { ...bound.roleRef, name: 'other' } };
    expect(reconcileBinding(bound, stored)).toEqual({ kind: 'recreate', object: bound });
  });
});
