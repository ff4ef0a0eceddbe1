import { labelSelectorOf } from '../../api/selectors/label-selector.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import type { ClusterRole, PolicyRule } from '../../api/types/gen/rbac-v1.ts';

/**
 * The rules that a role should have: those of the roles that its selectors choose, selector by selector, roles by their names, each rule once. Undefined
 * where it has them, or has no selectors. Throws on a selector that says nothing.
 */
export function aggregatedRules(role: ClusterRole, roles: readonly ClusterRole[]): readonly PolicyRule[] | undefined {
  if (role.aggregationRule === undefined) return undefined;
  const byName = roles
    .filter(({ metadata }) => metadata.name !== role.metadata.name)
    .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  const rules = new Map<string, PolicyRule>();
  for (const each of role.aggregationRule.clusterRoleSelectors ?? []) {
    const selector = labelSelectorOf(each);
    if (selector === undefined)
      throw new Error(`ClusterRole ${role.metadata.name}: ${JSON.stringify(each)} is no selector`);
    for (const { metadata, rules: found } of byName) {
      if (!selector.matches(metadata.labels ?? {})) continue;
      for (const rule of found ?? []) if (!rules.has(ruleKey(rule))) rules.set(ruleKey(rule), rule);
    }
  }
  const drawn = [...rules.values()];
  return equalValues(drawn, role.rules ?? []) ? undefined : drawn;
}

/** The same for rules that say the same, be an empty list written or not. */
function ruleKey({
  verbs,
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
}: PolicyRule): string {
  return JSON.stringify([verbs, apiGroups, resources, resourceNames, nonResourceURLs]);
}
