import type { LabelSelector } from '../../../api/types/gen/meta-v1.ts';
import { uncoveredRules } from '../rbac/covers.ts';
import type { ClusterRole, RoleBinding, Subject } from '../rbac/policy-rule.ts';
import type { BindingRow, RoleRow } from './rows.ts';

/** What the start of a server does about one object of the default policy. */
export type Reconciliation<T> =
  | { readonly kind: 'keep' }
  | { readonly kind: 'create'; readonly object: T }
  | { readonly kind: 'update'; readonly object: T }
  /** The role of a binding cannot be changed, so it is made anew. */
  | { readonly kind: 'recreate'; readonly object: T };

const AUTOUPDATE = 'rbac.authorization.kubernetes.io/autoupdate';

interface Stored {
  readonly metadata: {
    readonly labels?: Readonly<Record<string, string>> | undefined;
    readonly annotations?: Readonly<Record<string, string>> | undefined;
  };
}

/**
 * Adds what an upgrade brought and what somebody took away, and keeps what somebody added. An object whose annotation says that it is not to be kept up
 * to date is left alone. Pure.
 */
export function reconcileRole<T extends ClusterRole & Stored>(
  wanted: RoleRow,
  stored: T | undefined,
): Reconciliation<T | RoleRow> {
  if (stored === undefined) return { kind: 'create', object: wanted };
  if (!isKeptUpToDate(stored)) return { kind: 'keep' };
  const missingRules = uncoveredRules(stored.rules ?? [], wanted.rules ?? []);
  const missingSelectors = missingOf(selectorsOf(wanted), selectorsOf(stored));
  const metadata = mergedMetadata(wanted, stored);
  if (missingRules.length === 0 && missingSelectors.length === 0 && metadata === undefined) return { kind: 'keep' };
  const object: T = {
    ...stored,
    metadata: metadata ?? stored.metadata,
    ...(missingRules.length === 0 ? {} : { rules: [...(stored.rules ?? []), ...missingRules] }),
    ...(missingSelectors.length === 0
      ? {}
      : { aggregationRule: { clusterRoleSelectors: [...selectorsOf(stored), ...missingSelectors] } }),
  };
  return { kind: 'update', object };
}

/** The same for bindings: subjects that are missing come back, others stay. */
export function reconcileBinding<T extends RoleBinding & Stored>(
  wanted: BindingRow,
  stored: T | undefined,
): Reconciliation<T | BindingRow> {
  if (stored === undefined) return { kind: 'create', object: wanted };
  if (!isKeptUpToDate(stored)) return { kind: 'keep' };
  const missing = missingOf((wanted.subjects ?? []).map(plainSubject), (stored.subjects ?? []).map(plainSubject));
  const metadata = mergedMetadata(wanted, stored);
  const { roleRef } = stored;
  const otherRole = roleRef.kind !== wanted.roleRef.kind || roleRef.name !== wanted.roleRef.name;
  if (!otherRole && missing.length === 0 && metadata === undefined) return { kind: 'keep' };
  const object: T = {
    ...stored,
    metadata: metadata ?? stored.metadata,
    roleRef: wanted.roleRef,
    subjects: [...(stored.subjects ?? []), ...missing],
  };
  return { kind: otherRole ? 'recreate' : 'update', object };
}

function isKeptUpToDate(stored: Stored): boolean {
  return stored.metadata.annotations?.[AUTOUPDATE] !== 'false';
}

function selectorsOf(role: ClusterRole): readonly LabelSelector[] {
  return role.aggregationRule?.clusterRoleSelectors ?? [];
}

function plainSubject({ kind, apiGroup, name, namespace }: Subject): Subject {
  return {
    kind,
    ...(apiGroup === undefined || apiGroup === '' ? {} : { apiGroup }),
    name,
    ...(namespace === undefined || namespace === '' ? {} : { namespace }),
  };
}

function missingOf<V>(wanted: readonly V[], stored: readonly V[]): readonly V[] {
  const known = new Set(stored.map(each => JSON.stringify(each)));
  return wanted.filter(each => !known.has(JSON.stringify(each)));
}

/** Labels and annotations that are missing are added; those that are set stay. Undefined when there is nothing to add. */
function mergedMetadata<T extends Stored>(wanted: Stored, stored: T): T['metadata'] | undefined {
  const labels = { ...wanted.metadata.labels, ...stored.metadata.labels };
  const annotations = { ...wanted.metadata.annotations, ...stored.metadata.annotations };
  const grown =
    Object.keys(labels).length > Object.keys(stored.metadata.labels ?? {}).length ||
    Object.keys(annotations).length > Object.keys(stored.metadata.annotations ?? {}).length;
  return grown ? { ...stored.metadata, labels, annotations } : undefined;
}
