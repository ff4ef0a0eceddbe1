import type { LabelSelector, ObjectMeta } from '../../../api/types/gen/meta-v1.ts';
import { trimEnd } from '../../../base/trim-end.ts';
import { type Attributes, combinedResource } from '../attributes.ts';

/** The RBAC kinds, as far as decisions need them. */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[] | undefined;
  readonly resources?: readonly string[] | undefined;
  readonly resourceNames?: readonly string[] | undefined;
  readonly nonResourceURLs?: readonly string[] | undefined;
}

export interface Role {
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'labels'>;
  readonly rules?: readonly PolicyRule[] | null | undefined;
}

export interface ClusterRole extends Role {
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelector[] | undefined } | undefined;
}

export interface Subject {
  readonly kind: string;
  readonly apiGroup?: string | undefined;
  readonly name: string;
  readonly namespace?: string | undefined;
}

export interface RoleRef {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

export interface RoleBinding {
  readonly metadata: Pick<ObjectMeta, 'name' | 'namespace' | 'labels'>;
  readonly subjects?: readonly Subject[] | undefined;
  readonly roleRef: RoleRef;
}

/** A set of words of which `*` stands for all. */
type WordSet = ReadonlySet<string> | 'all';

/** A rule prepared for many questions. */
export interface CompiledRule {
  readonly rule: PolicyRule;
  readonly verbs: WordSet;
  readonly apiGroups: WordSet;
  /** `pods`, `pods/log`, and `*` + `/scale` for that subresource of everything. */
  readonly resources: WordSet;
  /** Undefined: any name. */
  readonly names: ReadonlySet<string> | undefined;
  readonly paths: WordSet;
  readonly pathPrefixes: readonly string[];
}

export function compileRule(rule: PolicyRule): CompiledRule {
  const { resourceNames = [], nonResourceURLs = [] } = rule;
  return {
    rule,
    verbs: wordSet(rule.verbs),
    apiGroups: wordSet(rule.apiGroups),
    resources: wordSet(rule.resources),
    names: resourceNames.length === 0 ? undefined : new Set(resourceNames),
    paths: wordSet(nonResourceURLs),
    pathPrefixes: nonResourceURLs.filter(url => url.endsWith('*')).map(url => trimEnd(url, '*')),
  };
}

function wordSet(words: readonly string[] = []): WordSet {
  return words.includes('*') ? 'all' : new Set(words);
}

function has(set: WordSet, word: string): boolean {
  return set === 'all' || set.has(word);
}

/** True when the rule allows what is asked. Pure. */
export function ruleAllows(rule: CompiledRule, asked: Attributes): boolean {
  if (!has(rule.verbs, asked.verb)) return false;
  if (!asked.isResourceRequest)
    return has(rule.paths, asked.path) || rule.pathPrefixes.some(prefix => asked.path.startsWith(prefix));
  return (
    has(rule.apiGroups, asked.apiGroup) &&
    (has(rule.resources, combinedResource(asked)) ||
      (asked.subresource !== '' && has(rule.resources, `*/${asked.subresource}`))) &&
    (rule.names === undefined || rule.names.has(asked.name))
  );
}

const COMPILED = new WeakMap<readonly PolicyRule[], readonly CompiledRule[]>();

/** The rules prepared, once per list. */
export function compiledRules(rules: readonly PolicyRule[]): readonly CompiledRule[] {
  const known = COMPILED.get(rules);
  if (known !== undefined) return known;
  const compiled = rules.map(compileRule);
  COMPILED.set(rules, compiled);
  return compiled;
}
