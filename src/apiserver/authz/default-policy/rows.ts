import type { ClusterRole, PolicyRule, RoleBinding, Subject } from '../rbac/policy-rule.ts';

/**
 * The notation of the default policy: words in one string, apart by spaces; `core` stands for the core group, whose name is empty. The rows are
 * turned into objects here, and nowhere else.
 */

export const READ = 'get list watch';
export const WRITE = 'create delete deletecollection patch update';
export const READ_WRITE = 'create delete deletecollection get list patch update watch';

export type RoleRow = ClusterRole & { readonly metadata: DefaultMetadata };
export type BindingRow = RoleBinding & { readonly metadata: DefaultMetadata };

interface DefaultMetadata {
  readonly name: string;
  readonly namespace?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

const words = (text: string): readonly string[] => text.split(' ').map(word => (word === 'core' ? '' : word));

export function rule(verbs: string, groups: string, resources: string, names?: string): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups),
    resources: words(resources),
    ...(names === undefined ? {} : { resourceNames: words(names) }),
  };
}

export function urls(verbs: string, paths: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(paths) };
}

interface RoleOptions {
  readonly namespace?: string;
  /** The role whose aggregation draws this one. */
  readonly into?: string;
  /** Aggregates what is labelled for this name. */
  readonly from?: string;
}

const AGGREGATE = 'rbac.authorization.k8s.io/aggregate-to-';

export function role(name: string, options: RoleOptions, rules: readonly PolicyRule[]): RoleRow {
  return {
    metadata: metadata(name, options.namespace, options.into),
    ...(options.from === undefined
      ? {}
      : { aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [`${AGGREGATE}${options.from}`]: 'true' } }] } }),
    rules: options.from === undefined ? rules : null,
  };
}

/** `subjects` are `User name`, `Group name` or `ServiceAccount namespace/name`. */
export function binding(
  name: string,
  options: { readonly namespace?: string },
  roleRef: string,
  subjects: readonly string[],
): BindingRow {
  const [kind = '', roleName = ''] = roleRef.split(' ');
  return {
    metadata: metadata(name, options.namespace, undefined),
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind, name: roleName },
    subjects: subjects.map(subject),
  };
}

function subject(text: string): Subject {
  const [kind = '', name = ''] = text.split(' ');
  if (kind !== 'ServiceAccount') return { kind, apiGroup: 'rbac.authorization.k8s.io', name };
  const [namespace = '', account = ''] = name.split('/');
  return { kind, name: account, namespace };
}

function metadata(name: string, namespace: string | undefined, into: string | undefined): DefaultMetadata {
  return {
    name,
    ...(namespace === undefined ? {} : { namespace }),
    labels: {
      'kubernetes.io/bootstrapping': 'rbac-defaults',
      ...(into === undefined ? {} : { [`${AGGREGATE}${into}`]: 'true' }),
    },
    // While this stands, the server adds what is missing at every start.
    annotations: { 'rbac.authorization.kubernetes.io/autoupdate': 'true' },
  };
}
