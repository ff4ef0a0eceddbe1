import { GROUP_MASTERS } from '../authn/user.ts';
import type { Attributes } from './attributes.ts';
import type { PolicyRule } from './rbac/policy-rule.ts';

export interface Decision {
  /** `no-opinion` leaves it to the next authorizer; after the last one it means no. */
  readonly kind: 'allow' | 'deny' | 'no-opinion';
  /** Told to the user of a refused request. */
  readonly reason: string;
}

/** Answers from what it has in memory: a decision never waits. */
export interface Authorizer {
  readonly name: string;
  authorize(attributes: Attributes): Decision;
  /** What the user may do in a namespace, for SelfSubjectRulesReview. */
  rulesFor(user: Attributes['user'], namespace: string): UserRules;
}

export interface UserRules {
  readonly rules: readonly PolicyRule[];
  /** There may be more that cannot be told, for the reason given. */
  readonly incomplete: boolean;
  readonly errors: readonly string[];
}

export const ALLOW: Decision = { kind: 'allow', reason: '' };
export const NO_OPINION: Decision = { kind: 'no-opinion', reason: '' };
export const NO_RULES: UserRules = { rules: [], incomplete: false, errors: [] };

export function noOpinion(reason: string): Decision {
  return { kind: 'no-opinion', reason };
}

/** The first opinion counts; the reasons of those that had none are told together. */
export function authorizerUnion(authorizers: readonly Authorizer[]): Authorizer {
  return {
    name: 'union',
    authorize(attributes) {
      const reasons: string[] = [];
      for (const authorizer of authorizers) {
        const decision = authorizer.authorize(attributes);
        if (decision.kind !== 'no-opinion') return decision;
        if (decision.reason !== '') reasons.push(decision.reason);
      }
      return noOpinion(reasons.join('\n'));
    },
    rulesFor(user, namespace) {
      const all = authorizers.map(authorizer => authorizer.rulesFor(user, namespace));
      return {
        rules: all.flatMap(each => each.rules),
        incomplete: all.some(each => each.incomplete),
        errors: all.flatMap(each => each.errors),
      };
    },
  };
}

/** Members of `system:masters` may do everything, whatever RBAC says: the way back in when RBAC is broken. */
export const mastersAuthorizer: Authorizer = {
  name: 'masters',
  authorize: ({ user }) => (user.groups.includes(GROUP_MASTERS) ? ALLOW : NO_OPINION),
  rulesFor: user =>
    user.groups.includes(GROUP_MASTERS)
      ? {
          rules: [
            { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
            { verbs: ['*'], nonResourceURLs: ['*'] },
          ],
          incomplete: false,
          errors: [],
        }
      : NO_RULES,
};
