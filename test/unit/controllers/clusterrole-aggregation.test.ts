import { describe, expect, it } from 'vitest';
import type { ClusterRole, PolicyRule } from '../../../src/api/types/gen/rbac-v1.ts';
import { aggregatedRules } from '../../../src/controllers/clusterrole-aggregation/plan.ts';

const rule = (resource: string, more: object = {}): PolicyRule => ({
  verbs: ['get'],
  apiGroups: [''],
  resources: [resource],
  ...more,
});
const role = (name: string, labels: Record<string, string>, rules: readonly PolicyRule[]): ClusterRole => ({
  metadata: { name, labels },
  rules,
});
const aggregate = (selectors: readonly object[], rules: readonly PolicyRule[] = []): ClusterRole => ({
  metadata: { name: 'sum', labels: { to: 'sum' } },
  rules,
  aggregationRule: { clusterRoleSelectors: selectors },
});
const labelled = (value: string): object => ({ matchLabels: { to: value } });

describe('an aggregated role', () => {
  const pods = role('b-pods', { to: 'sum' }, [rule('pods')]);
  const secrets = role('a-secrets', { to: 'sum' }, [rule('secrets')]);
  const others = role('others', { to: 'else' }, [rule('nodes')]);
  const all = [others, pods, secrets];
  const cases: readonly [
    sentence: string,
    role: ClusterRole,
    roles: readonly ClusterRole[],
    rules: readonly PolicyRule[] | undefined,
  ][] = [
    [
      'has the rules of what it selects, by their names',
      aggregate([labelled('sum')]),
      all,
      [rule('secrets'), rule('pods')],
    ],
    [
      'has them selector by selector',
      aggregate([labelled('else'), labelled('sum')]),
      all,
      [rule('nodes'), rule('secrets'), rule('pods')],
    ],
    [
      'has a rule once, be its empty lists written or not',
      aggregate([labelled('sum')]),
      [pods, role('c', { to: 'sum' }, [rule('pods', { resourceNames: [] })])],
      [rule('pods')],
    ],
    [
      'does not draw from itself',
      aggregate([labelled('sum')], [rule('old')]),
      [pods, aggregate([], [rule('old')])],
      [rule('pods')],
    ],
    ['loses what it selects no more', aggregate([labelled('none')], [rule('old')]), all, []],
    ['is left alone where it is right', aggregate([labelled('sum')], [rule('secrets'), rule('pods')]), all, undefined],
    [
      'is set right where the order is another',
      aggregate([labelled('sum')], [rule('pods'), rule('secrets')]),
      all,
      [rule('secrets'), rule('pods')],
    ],
  ];
  it.each(cases)('%s', (_, given, roles, rules) => {
    expect(aggregatedRules(given, roles)).toEqual(rules);
  });

  it('is none without selectors', () => {
    expect(aggregatedRules(pods, all)).toBeUndefined();
  });
});
