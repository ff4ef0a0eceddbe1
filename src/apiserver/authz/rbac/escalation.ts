import { goQuote, goQuoteList } from '../../../api/go-quote.ts';
import { type ApiError, forbiddenError } from '../../../api/status.ts';
import { errorMessage } from '../../../base/errors.ts';
import { GROUP_MASTERS, type UserInfo } from '../../authn/user.ts';
import { resourceAttributes } from '../attributes.ts';
import type { Authorizer } from '../authorizer.ts';
import { compactRules, ruleText, uncoveredRules } from './covers.ts';
import type { ClusterRole, PolicyRule, RoleBinding } from './policy-rule.ts';
import type { RbacAuthorizer } from './rbac-authorizer.ts';

/** Nobody may give what they have not got, unless they may `escalate` roles or `bind` the role. */

const RBAC_GROUP = 'rbac.authorization.k8s.io';
const FULL_AUTHORITY: readonly PolicyRule[] = [
  { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
  { verbs: ['*'], nonResourceURLs: ['*'] },
];

export interface EscalationCheck {
  readonly user: UserInfo;
  /** Of the role or binding; empty for those of the cluster. */
  readonly namespace: string;
  readonly authorizer: Authorizer;
  readonly rbac: RbacAuthorizer;
}

/**
 * 403 when the user may not write this Role or ClusterRole over `before` (undefined for a new one), undefined when it may. A role that aggregates can
 * come to hold anything, and one that aggregated may hold it already.
 */
export function roleEscalationError(
  role: ClusterRole,
  before: ClusterRole | undefined,
  check: EscalationCheck,
): ApiError | undefined {
  const resource = check.namespace === '' ? 'clusterroles' : 'roles';
  const name = role.metadata.name ?? '';
  if (isMaster(check.user) || allowed(check, 'escalate', resource, name)) return undefined;
  const because =
    missingRights(role.rules ?? [], check) ??
    (role.aggregationRule === undefined && before?.aggregationRule === undefined
      ? undefined
      : aggregationProblem(check));
  return because === undefined ? undefined : forbiddenError({ group: RBAC_GROUP, resource }, name, because);
}

function aggregationProblem(check: EscalationCheck): string | undefined {
  return missingRights(FULL_AUTHORITY, check) === undefined
    ? undefined
    : 'must have cluster-admin privileges to use an aggregationRule';
}

/** 403 when the user may not write this RoleBinding or ClusterRoleBinding, undefined when it may. */
export function bindingEscalationError(binding: RoleBinding, check: EscalationCheck): ApiError | undefined {
  const resource = check.namespace === '' ? 'clusterrolebindings' : 'rolebindings';
  const name = binding.metadata.name ?? '';
  const { roleRef } = binding;
  if (isMaster(check.user)) return undefined;
  const bound = roleRef.kind === 'Role' ? 'roles' : 'clusterroles';
  if (allowed(check, 'bind', bound, roleRef.name)) return undefined;
  let because: string | undefined;
  try {
    because = missingRights(check.rbac.referencedRules(roleRef, check.namespace), check);
  } catch (error) {
    because = errorMessage(error);
  }
  return because === undefined ? undefined : forbiddenError({ group: RBAC_GROUP, resource }, name, because);
}

function isMaster(user: UserInfo): boolean {
  return user.groups.includes(GROUP_MASTERS);
}

function allowed(check: EscalationCheck, verb: string, resource: string, name: string): boolean {
  const { user, namespace, authorizer } = check;
  return (
    authorizer.authorize(resourceAttributes(user, verb, { apiGroup: RBAC_GROUP, resource, namespace, name })).kind ===
    'allow'
  );
}

/** Upstream's sentence with the rights that the user lacks, undefined when it has them all. */
function missingRights(rules: readonly PolicyRule[], check: EscalationCheck): string | undefined {
  const { user } = check;
  const owned = check.rbac.rulesFor(user, check.namespace);
  const missing = uncoveredRules(owned.rules, rules);
  if (missing.length === 0) return undefined;
  const lines = [...new Set(compactRules(missing).map(ruleText))].toSorted();
  const errors = owned.errors.length === 0 ? '' : `; resolution errors: [${owned.errors.join(' ')}]`;
  return `user ${goQuote(user.name)} (groups=${goQuoteList(user.groups)}) is attempting to grant RBAC permissions not currently held:\n${lines.join('\n')}${errors}`;
}
