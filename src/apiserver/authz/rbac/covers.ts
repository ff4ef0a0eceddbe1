import { goQuoteList } from '../../../api/go-quote.ts';
import { trimEnd } from '../../../base/trim-end.ts';
import type { PolicyRule } from './policy-rule.ts';

/** Parts that the rules of one role are broken into. A body of a few kilobytes can name a billion: each word of a list with each of the others. */
const MAX_PARTS = 10_000;

/**
 * The parts of `wanted` that no single rule of `owned` covers, each with one verb, one resource and one name at most. Empty when everything is
 * covered. A rule of too many parts stays whole: only a rule that covers all of it does then. Pure.
 */
export function uncoveredRules(owned: readonly PolicyRule[], wanted: readonly PolicyRule[]): PolicyRule[] {
  let left = MAX_PARTS;
  return wanted.flatMap(rule => {
    if (owned.some(owner => covers(owner, rule))) return [];
    const parts = partCount(rule);
    if (parts > left) return [rule];
    left -= parts;
    return breakDown(rule).filter(part => !owned.some(owner => covers(owner, part)));
  });
}

function partCount({
  apiGroups = [],
  resources = [],
  resourceNames = [],
  nonResourceURLs = [],
  verbs,
}: PolicyRule): number {
  return (
    verbs.length * (apiGroups.length * resources.length * Math.max(resourceNames.length, 1) + nonResourceURLs.length)
  );
}

function breakDown(rule: PolicyRule): PolicyRule[] {
  const { apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [], verbs } = rule;
  const parts: PolicyRule[] = [];
  for (const group of apiGroups)
    for (const resource of resources)
      for (const verb of verbs)
        for (const names of resourceNames.length === 0 ? [undefined] : resourceNames.map(name => [name]))
          parts.push({
            apiGroups: [group],
            resources: [resource],
            verbs: [verb],
            ...(names === undefined ? {} : { resourceNames: names }),
          });
  for (const url of nonResourceURLs) for (const verb of verbs) parts.push({ nonResourceURLs: [url], verbs: [verb] });
  return parts;
}

function covers(owner: PolicyRule, part: PolicyRule): boolean {
  const ownerNames = owner.resourceNames ?? [];
  const partNames = part.resourceNames ?? [];
  return (
    hasAll(owner.verbs, part.verbs) &&
    hasAll(owner.apiGroups, part.apiGroups) &&
    (part.resources ?? []).every(resource => coversResource(owner.resources ?? [], resource)) &&
    (part.nonResourceURLs ?? []).every(url => (owner.nonResourceURLs ?? []).some(own => coversUrl(own, url))) &&
    (ownerNames.length === 0 || (partNames.length > 0 && partNames.every(name => ownerNames.includes(name))))
  );
}

function hasAll(owner: readonly string[] = [], part: readonly string[] = []): boolean {
  return owner.includes('*') || part.every(word => owner.includes(word));
}

function coversResource(owner: readonly string[], resource: string): boolean {
  if (owner.includes('*') || owner.includes(resource)) return true;
  const slash = resource.indexOf('/');
  return slash >= 0 && owner.includes(`*/${resource.slice(slash + 1)}`);
}

function coversUrl(owner: string, url: string): boolean {
  return owner === url || (owner.endsWith('*') && url.startsWith(trimEnd(owner, '*')));
}

/** Puts the verbs of parts that differ in nothing else together again, for the message. */
export function compactRules(rules: readonly PolicyRule[]): PolicyRule[] {
  const merged = new Map<string, PolicyRule>();
  for (const rule of rules) {
    const key = JSON.stringify([rule.apiGroups, rule.resources, rule.resourceNames, rule.nonResourceURLs]);
    const known = merged.get(key);
    // Upstream leaves paths as they are.
    if (known === undefined || rule.nonResourceURLs !== undefined)
      merged.set(known === undefined ? key : `${key}${merged.size}`, rule);
    else merged.set(key, { ...known, verbs: [...known.verbs, ...rule.verbs] });
  }
  return [...merged.values()];
}

/** `{APIGroups:[""], Resources:["pods"], Verbs:["get" "list"]}` */
export function ruleText(rule: PolicyRule): string {
  const part = (name: string, words: readonly string[] | undefined): string[] =>
    words === undefined || words.length === 0 ? [] : [`${name}:${goQuoteList(words)}`];
  return `{${[
    ...part('APIGroups', rule.apiGroups),
    ...part('Resources', rule.resources),
    ...part('NonResourceURLs', rule.nonResourceURLs),
    ...part('ResourceNames', rule.resourceNames),
    ...part('Verbs', rule.verbs),
  ].join(', ')}}`;
}
