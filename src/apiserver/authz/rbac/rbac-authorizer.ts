import { aggregateMessage, goQuote } from '../../../api/go-quote.ts';
import { errorMessage } from '../../../base/errors.ts';
import type { UserInfo } from '../../authn/user.ts';
import type { Lister } from '../../lister.ts';
import { type Authorizer, noOpinion } from '../authorizer.ts';
import { aggregatedRules } from './aggregate.ts';
import {
  type ClusterRole,
  compiledRules,
  type PolicyRule,
  type Role,
  type RoleBinding,
  type RoleRef,
  ruleAllows,
} from './policy-rule.ts';
import { type AppliedBinding, subjectIndex } from './subject-index.ts';

/** Where the RBAC objects are read from. */
export interface RbacListers {
  readonly roles: Lister<Role>;
  readonly roleBindings: Lister<RoleBinding>;
  readonly clusterRoles: Lister<ClusterRole>;
  readonly clusterRoleBindings: Lister<RoleBinding>;
}

/** Rules of a user together with what gave them; an error where a binding refers to nothing. */
export type ResolvedRules =
  | { readonly kind: 'rules'; readonly rules: readonly PolicyRule[]; readonly source: () => string }
  | { readonly kind: 'error'; readonly message: string };

/** Resolves which rules a user has, and answers from them. */
export class RbacAuthorizer implements Authorizer {
  readonly name = 'rbac';
  readonly #listers: RbacListers;
  /** Rules of aggregated roles, while the roles of the cluster stand as they are. */
  readonly #aggregated = new WeakMap<readonly ClusterRole[], Map<string, readonly PolicyRule[]>>();

  constructor(listers: RbacListers) {
    this.#listers = listers;
  }

  authorize(attributes: Parameters<Authorizer['authorize']>[0]): ReturnType<Authorizer['authorize']> {
    const errors: string[] = [];
    for (const resolved of this.resolve(attributes.user, attributes.namespace)) {
      if (resolved.kind === 'error') errors.push(resolved.message);
      else if (compiledRules(resolved.rules).some(rule => ruleAllows(rule, attributes)))
        return { kind: 'allow', reason: `RBAC: allowed by ${resolved.source()}` };
    }
    return noOpinion(errors.length === 0 ? '' : `RBAC: ${aggregateMessage(errors)}`);
  }

  rulesFor(user: UserInfo, namespace: string): ReturnType<Authorizer['rulesFor']> {
    const rules: PolicyRule[] = [];
    const errors: string[] = [];
    for (const resolved of this.resolve(user, namespace))
      if (resolved.kind === 'error') errors.push(resolved.message);
      else rules.push(...resolved.rules);
    return { rules, incomplete: false, errors };
  }

  /** Everything that the bindings of the cluster, then those of the namespace give the user. Made as it is asked for. */
  *resolve(user: UserInfo, namespace: string): Iterable<ResolvedRules> {
    const clusterBindings = this.#listers.clusterRoleBindings.list('');
    for (const applied of subjectIndex(clusterBindings, '').appliedTo(user)) yield this.#resolveBinding(applied, '');
    if (namespace === '') return;
    const bindings = this.#listers.roleBindings.list(namespace);
    for (const applied of subjectIndex(bindings, namespace).appliedTo(user))
      yield this.#resolveBinding(applied, namespace);
  }

  /** The rules of the role that a binding in `namespace` refers to. Throws when there is none. */
  referencedRules(roleRef: RoleRef, namespace: string): readonly PolicyRule[] {
    switch (roleRef.kind) {
      case 'Role': {
        const role = this.#listers.roles.get(namespace, roleRef.name);
        if (role === undefined) throw new Error(`role.rbac.authorization.k8s.io ${goQuote(roleRef.name)} not found`);
        return role.rules ?? [];
      }
      case 'ClusterRole': {
        const role = this.#listers.clusterRoles.get('', roleRef.name);
        if (role === undefined)
          throw new Error(`clusterrole.rbac.authorization.k8s.io ${goQuote(roleRef.name)} not found`);
        return this.#rulesOf(role);
      }
      default:
        throw new Error(`unsupported role reference kind: ${goQuote(roleRef.kind)}`);
    }
  }

  #resolveBinding(applied: AppliedBinding, namespace: string): ResolvedRules {
    try {
      const rules = this.referencedRules(applied.binding.roleRef, namespace);
      return { kind: 'rules', rules, source: () => describe(applied, namespace) };
    } catch (error) {
      return { kind: 'error', message: errorMessage(error) };
    }
  }

  /** A role that aggregates has what it draws at once, beside what a controller has written into it. */
  #rulesOf(role: ClusterRole): readonly PolicyRule[] {
    if (role.aggregationRule === undefined) return role.rules ?? NO_RULES;
    const all = this.#listers.clusterRoles.list('');
    const known = this.#aggregated.get(all) ?? new Map<string, readonly PolicyRule[]>();
    this.#aggregated.set(all, known);
    const name = role.metadata.name ?? '';
    const rules = known.get(name) ?? [...(role.rules ?? []), ...(aggregatedRules(role, all) ?? [])];
    known.set(name, rules);
    return rules;
  }
}

const NO_RULES: readonly PolicyRule[] = [];

function describe({ binding, subject }: AppliedBinding, namespace: string): string {
  const kind = namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding';
  const name = namespace === '' ? (binding.metadata.name ?? '') : `${binding.metadata.name ?? ''}/${namespace}`;
  const who = subject.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace ?? namespace}` : subject.name;
  const role = `${binding.roleRef.kind} ${goQuote(binding.roleRef.name)}`;
  return `${kind} ${goQuote(name)} of ${role} to ${subject.kind} ${goQuote(who)}`;
}
