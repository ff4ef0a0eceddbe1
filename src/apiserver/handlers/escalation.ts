import { equalValues } from '../../api/semantic-equal.ts';
import type { UserInfo } from '../authn/user.ts';
import { bindingEscalationError, roleEscalationError } from '../authz/rbac/escalation.ts';
import type { ClusterRole, RoleBinding } from '../authz/rbac/policy-rule.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { HandlerContext } from './handler-context.ts';
import type { ServedResource } from './served-resource.ts';

/** Throws 403 where the user would give away rights that it has not got. A write that changes nothing of a role, or neither role nor subjects of a binding, gives none. */
export function checkEscalation(
  handlers: HandlerContext,
  served: ServedResource,
  object: ApiObject,
  old: ApiObject | undefined,
  user: UserInfo,
): void {
  if (served.resource.group !== 'rbac.authorization.k8s.io') return;
  const { authorizer, rbac } = handlers;
  const check = { user, namespace: object.metadata.namespace ?? '', authorizer, rbac };
  const { plural } = served.resource;
  if (plural === 'roles' || plural === 'clusterroles') {
    const role = object as unknown as ClusterRole;
    const before = old as unknown as ClusterRole | undefined;
    const same = old !== undefined && equalValues(withoutUpkeep(object), withoutUpkeep(old));
    const error = same ? undefined : roleEscalationError(role, before, check);
    if (error !== undefined) throw error;
    return;
  }
  const binding = object as unknown as RoleBinding;
  const before = old as unknown as RoleBinding | undefined;
  const same =
    before !== undefined &&
    equalValues(binding.roleRef, before.roleRef) &&
    equalValues(binding.subjects ?? [], before.subjects ?? []);
  const error = same ? undefined : bindingEscalationError(binding, check);
  if (error !== undefined) throw error;
}

/** The role without what the garbage collector and the storage write. Labels stay: by its labels others draw a role's rules. */
function withoutUpkeep({ kind: _kind, apiVersion: _apiVersion, metadata, ...rest }: ApiObject): object {
  const { ownerReferences: _owners, finalizers: _finalizers, managedFields: _fields, ...more } = metadata;
  const { resourceVersion: _version, ...kept } = more;
  return { ...rest, metadata: kept };
}
