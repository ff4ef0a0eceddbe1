import { labelSelectorOf } from '../../../api/selectors/label-selector.ts';
import type { LabelSelector } from '../../../api/types/gen/meta-v1.ts';
import type { ClusterRole, PolicyRule, Role } from '../../../api/types/gen/rbac-v1.ts';
import { type FieldError, invalid, required } from '../../../api/validation/field-error.ts';
import { validateLabelSelector } from '../../../api/validation/label-selector.ts';
import { pathSegmentName } from '../../../api/validation/names.ts';
import { column, NAME } from '../cells.ts';
import { defineStrategy } from '../define.ts';
import type { ApiObject } from '../strategy.ts';

export const RBAC_GROUP = 'rbac.authorization.k8s.io';

const COLUMNS = {
  definitions: [NAME, column('Created At', { description: 'When the server created the object.' })],
  cells: (role: ApiObject) => [role.metadata.name ?? '', role.metadata.creationTimestamp ?? null],
};

export const roleStrategy = defineStrategy<Role>(
  { group: RBAC_GROUP, version: 'v1', plural: 'roles' },
  {
    names: pathSegmentName,
    createOnUpdate: true,
    validate: role => role.rules.flatMap((rule, index) => ruleErrors(rule, true, `rules[${index}]`)),
    columns: COLUMNS,
  },
);

export const clusterRoleStrategy = defineStrategy<ClusterRole>(
  { group: RBAC_GROUP, version: 'v1', plural: 'clusterroles' },
  {
    names: pathSegmentName,
    createOnUpdate: true,
    validate: role => clusterRoleErrors(role, false),
    validateUpdate: (role, old) =>
      clusterRoleErrors(
        role,
        (old.aggregationRule?.clusterRoleSelectors ?? []).some(
          selector => validateLabelSelector(selector, '').length > 0,
        ),
      ),
    columns: COLUMNS,
  },
);

/** `anyValue`: its selectors may have values that no label has, as one that is stored may. */
function clusterRoleErrors(role: ClusterRole, anyValue: boolean): FieldError[] {
  const errors = role.rules.flatMap((rule, index) => ruleErrors(rule, false, `rules[${index}]`));
  if (role.aggregationRule === undefined) return errors;
  const at = 'aggregationRule.clusterRoleSelectors';
  const selectors = role.aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0)
    errors.push(required(at, 'at least one clusterRoleSelector required if aggregationRule is non-nil'));
  return [...errors, ...selectors.flatMap((selector, i) => selectorErrors(selector, anyValue, `${at}[${i}]`))];
}

function selectorErrors(selector: LabelSelector, anyValue: boolean, path: string): FieldError[] {
  const errors = validateLabelSelector(selector, path, { anyValue });
  try {
    labelSelectorOf(selector);
    return errors;
  } catch {
    return [...errors, invalid(path, null, 'invalid label selector.')];
  }
}

function ruleErrors(rule: PolicyRule, namespaced: boolean, path: string): FieldError[] {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [], verbs } = rule;
  const errors: FieldError[] = [];
  if (verbs.length === 0) errors.push(required(`${path}.verbs`, 'verbs must contain at least one value'));
  if (nonResourceURLs.length > 0) {
    const at = `${path}.nonResourceURLs`;
    if (namespaced) errors.push(invalid(at, nonResourceURLs, 'namespaced rules cannot apply to non-resource URLs'));
    if (apiGroups.length + resources.length + resourceNames.length > 0)
      errors.push(invalid(at, nonResourceURLs, 'rules cannot apply to both regular resources and non-resource URLs'));
    return errors;
  }
  if (apiGroups.length === 0)
    errors.push(required(`${path}.apiGroups`, 'resource rules must supply at least one api group'));
  if (resources.length === 0)
    errors.push(required(`${path}.resources`, 'resource rules must supply at least one resource'));
  return errors;
}
