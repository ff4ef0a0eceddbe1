import type { Affinity, NodeAffinity, PodAffinity, PodAffinityTerm, PodSpec } from '../types/gen/core-v1.ts';
import type { LabelSelector } from '../types/gen/meta-v1.ts';
import { type FieldError, invalid, invalidFor, required } from './field-error.ts';
import { validateLabelKeys } from './label-keys.ts';
import { hasInvalidSelectorValue, validateLabelSelector } from './label-selector.ts';
import { dns1123Label, qualifiedName } from './names.ts';
import { hasInvalidValue, validateNodeSelector, validateNodeSelectorTerm } from './node-selector.ts';
import type { Kept } from './pod-options.ts';

/** Where a pod would rather be, or has to be. */
export function validateAffinity(affinity: Affinity | undefined, kept: Kept, path: string): FieldError[] {
  if (affinity === undefined) return [];
  const { nodeAffinity, podAffinity, podAntiAffinity } = affinity;
  return [
    ...(nodeAffinity === undefined ? [] : validateNodeAffinity(nodeAffinity, kept, `${path}.nodeAffinity`)),
    ...validatePodAffinity(podAffinity, kept, `${path}.podAffinity`),
    ...validatePodAffinity(podAntiAffinity, kept, `${path}.podAntiAffinity`),
  ];
}

function validateNodeAffinity(affinity: NodeAffinity, kept: Kept, path: string): FieldError[] {
  const required = affinity.requiredDuringSchedulingIgnoredDuringExecution;
  const preferred = `${path}.preferredDuringSchedulingIgnoredDuringExecution`;
  return [
    ...(required === undefined
      ? []
      : validateNodeSelector(
          required,
          kept.requiredAffinityValues,
          `${path}.requiredDuringSchedulingIgnoredDuringExecution`,
        )),
    ...(affinity.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) => [
      ...weightErrors(term.weight, `${preferred}[${index}].weight`),
      // A preference that no node can meet does no harm, so any value will do.
      ...validateNodeSelectorTerm(term.preference, true, `${preferred}[${index}].preference`),
    ]),
  ];
}

function weightErrors(weight: number, path: string): FieldError[] {
  return weight <= 0 || weight > 100 ? [invalid(path, weight, 'must be in the range 1-100')] : [];
}

function validatePodAffinity(affinity: PodAffinity | undefined, kept: Kept, path: string): FieldError[] {
  const preferred = `${path}.preferredDuringSchedulingIgnoredDuringExecution`;
  return [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).flatMap((term, index) =>
      validateTerm(term, kept, `${path}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`),
    ),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).flatMap(
      ({ weight, podAffinityTerm }, index) => [
        ...weightErrors(weight, `${preferred}[${index}].weight`),
        ...validateTerm(podAffinityTerm, kept, `${preferred}[${index}].podAffinityTerm`),
      ],
    ),
  ];
}

function validateTerm(term: PodAffinityTerm, kept: Kept, path: string): FieldError[] {
  const { labelSelector, namespaceSelector, namespaces = [], topologyKey } = term;
  const anyValue = { anyValue: kept.affinitySelectorValues };
  return [
    ...validateLabelSelector(labelSelector, `${path}.labelSelector`, anyValue),
    ...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`, anyValue),
    // Upstream names the list in the singular here.
    ...namespaces.flatMap(name => invalidFor(`${path}.namespace`, name, dns1123Label(name))),
    ...validateLabelKeys(term.matchLabelKeys, term.mismatchLabelKeys, labelSelector, path),
    ...(topologyKey === '' ? [required(`${path}.topologyKey`, 'can not be empty')] : []),
    ...invalidFor(`${path}.topologyKey`, topologyKey, qualifiedName(topologyKey)),
  ];
}

/** True where a stored pod's affinity to pods selects by what no label can be. */
export function hasInvalidAffinitySelector(spec: PodSpec): boolean {
  const selectors = [spec.affinity?.podAffinity, spec.affinity?.podAntiAffinity].flatMap(affinity => [
    ...(affinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(affinity?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(term => term.podAffinityTerm),
  ]);
  return selectors.some(term =>
    [term.labelSelector, term.namespaceSelector].some((selector: LabelSelector | undefined) =>
      hasInvalidSelectorValue(selector),
    ),
  );
}

/** True where a stored pod requires nodes by what no label can be. */
export function hasInvalidRequiredAffinity(spec: PodSpec): boolean {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required !== undefined && hasInvalidValue(required.nodeSelectorTerms);
}
