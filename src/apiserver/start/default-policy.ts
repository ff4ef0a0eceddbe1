import { forEachAtOnce } from '../../base/at-once.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES } from '../authz/default-policy/cluster-roles.ts';
import { CONTROLLER_ROLE_BINDINGS, CONTROLLER_ROLES } from '../authz/default-policy/controller-roles.ts';
import { NAMESPACE_ROLE_BINDINGS, NAMESPACE_ROLES } from '../authz/default-policy/namespace-roles.ts';
import { type Reconciliation, reconcileBinding, reconcileRole } from '../authz/default-policy/reconcile.ts';
import type { BindingRow, RoleRow } from '../authz/default-policy/rows.ts';
import type { ClusterRole, RoleBinding } from '../authz/rbac/policy-rule.ts';
import type { ApiObject } from '../resources/strategy.ts';
import type { ServerObjects } from './server-objects.ts';

type StoredRole = ClusterRole & ApiObject;
type StoredBinding = RoleBinding & ApiObject;

const RBAC = 'rbac.authorization.k8s.io/v1';

/** Some 150 writes: etcd takes many with one sync of its disk. */
const AT_ONCE = 16;

/** Brings the default roles and bindings into the cluster and repairs those that lack something. Idempotent. */
export async function reconcileDefaultPolicy(objects: ServerObjects): Promise<void> {
  const roles = (plural: string, rows: readonly RoleRow[]): Promise<void> =>
    forEachAtOnce(rows, AT_ONCE, row => reconcileOneRole(objects, plural, row));
  const bindings = (plural: string, rows: readonly BindingRow[]): Promise<void> =>
    forEachAtOnce(rows, AT_ONCE, row => reconcileOneBinding(objects, plural, row));
  await roles('clusterroles', [...CLUSTER_ROLES, ...CONTROLLER_ROLES]);
  await roles('roles', NAMESPACE_ROLES);
  await bindings('clusterrolebindings', [...CLUSTER_ROLE_BINDINGS, ...CONTROLLER_ROLE_BINDINGS]);
  await bindings('rolebindings', NAMESPACE_ROLE_BINDINGS);
}

async function reconcileOneRole(objects: ServerObjects, plural: string, row: RoleRow): Promise<void> {
  const { name, namespace = '' } = row.metadata;
  await objects.unlessUnreadable(async () => {
    await checkNamespace(objects, namespace);
    const stored = (await objects.find(`${RBAC}/${plural}`, namespace, name)) as StoredRole | undefined;
    await apply(objects, plural, reconcileRole(row, stored));
  });
}

async function reconcileOneBinding(objects: ServerObjects, plural: string, row: BindingRow): Promise<void> {
  const { name, namespace = '' } = row.metadata;
  await objects.unlessUnreadable(async () => {
    await checkNamespace(objects, namespace);
    const stored = (await objects.find(`${RBAC}/${plural}`, namespace, name)) as StoredBinding | undefined;
    await apply(objects, plural, reconcileBinding(row, stored));
  });
}

/** Throws where the namespace cannot be decoded: to admission it would not be there, and nothing be made in it. */
async function checkNamespace(objects: ServerObjects, namespace: string): Promise<void> {
  if (namespace !== '') await objects.find('/v1/namespaces', '', namespace);
}

async function apply(
  objects: ServerObjects,
  plural: string,
  decided: Reconciliation<ClusterRole | RoleBinding>,
): Promise<void> {
  const id = `${RBAC}/${plural}`;
  switch (decided.kind) {
    case 'keep':
      return;
    case 'create':
      return objects.create(id, decided.object as unknown as ApiObject);
    case 'update':
      return objects.replace(id, decided.object as unknown as ApiObject);
    case 'recreate': {
      const { uid, resourceVersion, creationTimestamp, ...metadata } = (decided.object as unknown as ApiObject)
        .metadata;
      await objects.remove(id, metadata.namespace ?? '', metadata.name ?? '');
      return objects.create(id, { ...decided.object, metadata } as unknown as ApiObject);
    }
  }
}
