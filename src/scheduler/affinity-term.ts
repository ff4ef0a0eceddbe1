import { type LabelSelector, labelSelectorOf } from '../api/selectors/label-selector.ts';
import type { Pod, PodAffinityTerm } from '../api/types/gen/core-v1.ts';
import type { LabelSelector as LabelSelectorObject } from '../api/types/gen/meta-v1.ts';

type Labels = Readonly<Record<string, string>>;

/** One term of pod affinity or anti-affinity, read once for all the pods that it is held against. */
export interface AffinityTerm {
  readonly topologyKey: string;
  readonly namespaces: ReadonlySet<string>;
  /** Chooses further namespaces by their labels; undefined: none. */
  readonly namespaceSelector: LabelSelector | undefined;
  /** Chooses pods; undefined: none. */
  readonly selector: LabelSelector | undefined;
}

export interface WeightedAffinityTerm extends AffinityTerm {
  readonly weight: number;
}

/** The terms of a pod. */
export interface AffinityTerms {
  readonly affinity: readonly AffinityTerm[];
  readonly antiAffinity: readonly AffinityTerm[];
  readonly preferredAffinity: readonly WeightedAffinityTerm[];
  readonly preferredAntiAffinity: readonly WeightedAffinityTerm[];
}

export const NO_TERMS: AffinityTerms = {
  affinity: [],
  antiAffinity: [],
  preferredAffinity: [],
  preferredAntiAffinity: [],
};

/** Reads the terms of a pod. Throws SelectorSyntaxError for a selector that cannot be read. */
export function affinityTermsOf(pod: Pod): AffinityTerms {
  const { podAffinity, podAntiAffinity } = pod.spec.affinity ?? {};
  if (podAffinity === undefined && podAntiAffinity === undefined) return NO_TERMS;
  const namespace = pod.metadata.namespace ?? '';
  const one = (term: PodAffinityTerm): AffinityTerm => readTerm(term, namespace);
  const weighted = (terms: NonNullable<typeof podAffinity>['preferredDuringSchedulingIgnoredDuringExecution'] = []) =>
    terms.map(({ weight, podAffinityTerm }) => ({ weight, ...one(podAffinityTerm) }));
  return {
    affinity: (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(one),
    antiAffinity: (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(one),
    preferredAffinity: weighted(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
    preferredAntiAffinity: weighted(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution),
  };
}

/** A term that names neither namespaces nor a selector of them means the pod's own. */
function readTerm(term: PodAffinityTerm, own: string): AffinityTerm {
  const { topologyKey, namespaces = [], namespaceSelector, labelSelector } = term;
  const isOwn = namespaces.length === 0 && namespaceSelector === undefined;
  return {
    topologyKey,
    namespaces: new Set(isOwn ? [own] : namespaces),
    namespaceSelector: read(namespaceSelector),
    selector: read(labelSelector),
  };
}

function read(selector: LabelSelectorObject | undefined): LabelSelector | undefined {
  return labelSelectorOf(selector);
}

/** True if a term means a pod. `labels` are those of the pod's namespace; undefined where no such namespace is known. */
export function termMatches(term: AffinityTerm, pod: Pod, labels: Labels | undefined): boolean {
  const { namespace = '' } = pod.metadata;
  const { namespaces, namespaceSelector, selector } = term;
  if (selector === undefined) return false;
  const isThere =
    namespaces.has(namespace) ||
    (namespaceSelector !== undefined &&
      (namespaceSelector.isEmpty() || (labels !== undefined && namespaceSelector.matches(labels))));
  return isThere && selector.matches(pod.metadata.labels);
}

/** True if there are terms and all of them mean a pod. */
export function allTermsMatch(terms: readonly AffinityTerm[], pod: Pod, labels: Labels | undefined): boolean {
  return terms.length > 0 && terms.every(term => termMatches(term, pod, labels));
}
