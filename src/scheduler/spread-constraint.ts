import type { LabelRequirement } from '../api/selectors/label-requirement.ts';
import { LabelSelector, labelSelectorOf } from '../api/selectors/label-selector.ts';
import { type NodeTerm, requiredNodes } from '../api/selectors/node-selector.ts';
import type { Pod, TopologySpreadConstraint } from '../api/types/gen/core-v1.ts';
import { isTolerated } from './filter/taint-toleration.ts';
import type { NodeInfo } from './node-info.ts';

/** How evenly pods are to be spread over the groups that nodes form by a label. */
export interface SpreadConstraint {
  readonly maxSkew: number;
  readonly topologyKey: string;
  /** The pods that count; undefined: none. */
  readonly selector: LabelSelector | undefined;
  readonly minDomains: number;
  /** Nodes count only where the pod's node affinity allows it to be. */
  readonly honorsAffinity: boolean;
  /** Nodes count only where the pod tolerates their taints. */
  readonly honorsTaints: boolean;
}

export const HOSTNAME = 'kubernetes.io/hostname';

/** Upstream's constraints for pods that have none: soft, over nodes and zones. */
export const SYSTEM_DEFAULTS: readonly { readonly topologyKey: string; readonly maxSkew: number }[] = [
  { topologyKey: HOSTNAME, maxSkew: 3 },
  { topologyKey: 'topology.kubernetes.io/zone', maxSkew: 5 },
];

/** The constraints of a pod that keep it away (DoNotSchedule), or that only count (ScheduleAnyway). Throws for a selector that cannot be read. */
export function spreadConstraints(
  pod: Pod,
  action: TopologySpreadConstraint['whenUnsatisfiable'],
): readonly SpreadConstraint[] {
  return (pod.spec.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === action)
    .map(constraint => ({
      maxSkew: constraint.maxSkew,
      topologyKey: constraint.topologyKey,
      selector: selectorOf(constraint, pod),
      minDomains: constraint.minDomains ?? 1,
      honorsAffinity: (constraint.nodeAffinityPolicy ?? 'Honor') === 'Honor',
      honorsTaints: (constraint.nodeTaintsPolicy ?? 'Ignore') === 'Honor',
    }));
}

/** With the values that the pod itself has of `matchLabelKeys`. */
function selectorOf(
  { labelSelector, matchLabelKeys = [] }: TopologySpreadConstraint,
  pod: Pod,
): LabelSelector | undefined {
  const selector = labelSelectorOf(labelSelector);
  const labels = pod.metadata.labels ?? {};
  const own: LabelRequirement[] = matchLabelKeys
    .filter(key => Object.hasOwn(labels, key))
    .map(key => ({ key, operator: '=', values: [labels[key] ?? ''] }));
  if (selector === undefined || own.length === 0) return selector;
  return new LabelSelector([...own, ...selector.requirements]);
}

/** Which nodes count for a pod. */
export class CountedNodes {
  readonly #pod: Pod;
  readonly #required: NodeTerm | undefined;

  constructor(pod: Pod) {
    this.#pod = pod;
    this.#required = requiredNodes(pod.spec);
  }

  counts({ node }: NodeInfo, { honorsAffinity, honorsTaints }: SpreadConstraint): boolean {
    if (node === undefined) return false;
    if (honorsAffinity && this.#required !== undefined && !this.#required.matches(node)) return false;
    return !honorsTaints || isTolerated(node, this.#pod);
  }
}

/** How many pods of a namespace on a node count; none for a selector that says nothing, as upstream. */
export function matchingPods(node: NodeInfo, selector: LabelSelector | undefined, namespace: string): number {
  if (selector === undefined || selector.isEmpty()) return 0;
  let count = 0;
  for (const { pod, namespace: its } of node.pods.values())
    if (its === namespace && pod.metadata.deletionTimestamp === undefined && selector.matches(pod.metadata.labels))
      count += 1;
  return count;
}

/** True if a node has the labels of all constraints. */
export function isInAllGroups(labelOf: (key: string) => string | undefined, all: readonly SpreadConstraint[]): boolean {
  return all.every(({ topologyKey }) => labelOf(topologyKey) !== undefined);
}
