import { type LabelSelector, labelSelectorOf } from '../../../api/selectors/label-selector.ts';
import type { LabelSelector as LabelSelectorObject } from '../../../api/types/gen/meta-v1.ts';
import type { ClusterRole, PolicyRule } from './policy-rule.ts';

/**
 * The rules that an aggregated role draws from the others, each once: for every selector, the roles whose labels it matches in the order of their names.
 * What it draws may aggregate in turn (admin draws edit, which draws view); a circle ends where it began. Undefined for a role
 * that does not aggregate. A selector that cannot be read draws nothing. Pure.
 */
export function aggregatedRules(role: ClusterRole, all: readonly ClusterRole[]): readonly PolicyRule[] | undefined {
  if (role.aggregationRule === undefined) return undefined;
  const rules = new Map<string, PolicyRule>();
  draw(role, all.toSorted(byName), new Set(), rules);
  return [...rules.values()];
}

function draw(
  role: ClusterRole,
  all: readonly ClusterRole[],
  visited: Set<string>,
  rules: Map<string, PolicyRule>,
): void {
  visited.add(role.metadata.name ?? '');
  for (const selector of (role.aggregationRule?.clusterRoleSelectors ?? []).flatMap(readable))
    for (const other of all) {
      if (visited.has(other.metadata.name ?? '') || !selector.matches(other.metadata.labels)) continue;
      for (const rule of other.rules ?? []) rules.set(ruleKey(rule), rule);
      draw(other, all, visited, rules);
    }
}

function ruleKey(rule: PolicyRule): string {
  return JSON.stringify([rule.verbs, rule.apiGroups, rule.resources, rule.resourceNames, rule.nonResourceURLs]);
}

function byName(a: ClusterRole, b: ClusterRole): number {
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}

function readable(object: LabelSelectorObject): readonly LabelSelector[] {
  try {
    const selector = labelSelectorOf(object);
    return selector === undefined ? [] : [selector];
  } catch {
    return [];
  }
}
