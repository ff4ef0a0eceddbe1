import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import type { ClusterChange } from '../cluster-change.ts';
import type { NodeInfo } from '../node-info.ts';
import type { PodInfo } from '../pod-info.ts';
import {
  CountedNodes,
  isInAllGroups,
  matchingPods,
  type SpreadConstraint,
  spreadConstraints,
} from '../spread-constraint.ts';
import type { Steps } from '../steps.ts';
import { differs, type Filter, type NodeCheck, type Prepared, type Refusal } from './filter.ts';

const NAME = 'PodTopologySpread';
const MISMATCH = "node(s) didn't match pod topology spread constraints";
const UNEVEN: Refusal = { plugin: NAME, isFinal: false, reasons: [MISMATCH] };
const NO_GROUP: Refusal = { plugin: NAME, isFinal: true, reasons: [`${MISMATCH} (missing required label)`] };
const HARD = 'DoNotSchedule';

/** Pods are spread over groups of nodes: none may be ahead of the one with fewest by more than the constraint allows. */
export const podTopologySpread: Filter = {
  name: NAME,
  *prepare(pod, picture): Steps<Prepared> {
    const constraints = spreadConstraints(pod.pod, HARD);
    if (constraints.length === 0) return undefined;
    const counted = new CountedNodes(pod.pod);
    const groups = constraints.map(() => new Map<string, number>());
    for (const node of picture.nodes) {
      yield;
      if (!isInAllGroups(key => node.label(key), constraints)) continue;
      for (const [i, constraint] of constraints.entries()) {
        if (!counted.counts(node, constraint)) continue;
        const value = node.label(constraint.topologyKey) ?? '';
        const count = matchingPods(node, constraint.selector, pod.namespace);
        groups[i]?.set(value, (groups[i]?.get(value) ?? 0) + count);
      }
    }
    return new SpreadCheck(pod, constraints, counted, groups);
  },
  changes: ['pod', 'node', 'self'],
  mayHelp(change, { pod }) {
    const constraints = spreadConstraints(pod, HARD);
    switch (change.kind) {
      case 'self':
        return (
          differs(change.before.metadata.labels, change.after.metadata.labels) ||
          differs(change.before.spec.tolerations, change.after.spec.tolerations)
        );
      case 'pod':
        return podMayHelp(change, pod, constraints);
      case 'node':
        return nodeMayHelp(change, constraints);
      default:
        return false;
    }
  },
};

class SpreadCheck implements NodeCheck {
  readonly #pod: PodInfo;
  readonly #constraints: readonly SpreadConstraint[];
  readonly #counted: CountedNodes;
  /** For each constraint, how many pods count in each group. */
  readonly #groups: readonly Map<string, number>[];
  /** The fewest of each; undefined after a change. */
  #fewest: readonly number[] | undefined;

  constructor(
    pod: PodInfo,
    constraints: readonly SpreadConstraint[],
    counted: CountedNodes,
    groups: readonly Map<string, number>[],
  ) {
    this.#pod = pod;
    this.#constraints = constraints;
    this.#counted = counted;
    this.#groups = groups;
  }

  check(node: NodeInfo): Refusal | undefined {
    this.#fewest ??= this.#constraints.map((constraint, i) => fewestOf(constraint, this.#groups[i]));
    for (const [i, { topologyKey, selector, maxSkew }] of this.#constraints.entries()) {
      const value = node.label(topologyKey);
      if (value === undefined) return NO_GROUP;
      const self = selector?.matches(this.#pod.pod.metadata.labels) === true ? 1 : 0;
      const skew = (this.#groups[i]?.get(value) ?? 0) + self - (this.#fewest[i] ?? 0);
      if (skew > maxSkew) return UNEVEN;
    }
    return undefined;
  }

  copy(): SpreadCheck {
    const groups = this.#groups.map(group => new Map(group));
    return new SpreadCheck(this.#pod, this.#constraints, this.#counted, groups);
  }

  count({ pod, namespace }: PodInfo, node: NodeInfo, sign: 1 | -1): void {
    if (namespace !== this.#pod.namespace || !isInAllGroups(key => node.label(key), this.#constraints)) return;
    for (const [i, constraint] of this.#constraints.entries()) {
      const isCounted = constraint.selector?.matches(pod.metadata.labels) === true;
      if (!isCounted || !this.#counted.counts(node, constraint)) continue;
      const value = node.label(constraint.topologyKey) ?? '';
      this.#groups[i]?.set(value, (this.#groups[i]?.get(value) ?? 0) + sign);
      this.#fewest = undefined;
    }
  }
}

/** Groups that are missing are empty ones. */
function fewestOf({ minDomains }: SpreadConstraint, group: ReadonlyMap<string, number> = new Map()): number {
  return group.size < minDomains ? 0 : Math.min(...group.values());
}

function podMayHelp(
  { before, after }: Extract<ClusterChange, { kind: 'pod' }>,
  pod: Pod,
  constraints: readonly SpreadConstraint[],
): boolean {
  if ((after ?? before)?.metadata.namespace !== pod.metadata.namespace) return false;
  return constraints.some(({ selector }) => {
    const isIn = (other: Pod | undefined): boolean =>
      other !== undefined && selector?.matches(other.metadata.labels) === true;
    return isIn(before) !== isIn(after);
  });
}

function nodeMayHelp(
  { before, after }: Extract<ClusterChange, { kind: 'node' }>,
  constraints: readonly SpreadConstraint[],
): boolean {
  const isIn = (node: Node | undefined): boolean =>
    node !== undefined && isInAllGroups(key => node.metadata.labels?.[key], constraints);
  if (before === undefined || after === undefined) return isIn(before) || isIn(after);
  if (isIn(before) !== isIn(after)) return true;
  const isMoved = constraints.some(
    ({ topologyKey }) => before.metadata.labels?.[topologyKey] !== after.metadata.labels?.[topologyKey],
  );
  // labels that only node affinity asks for decide which nodes count as well
  return (
    isIn(after) &&
    (isMoved ||
      differs(before.metadata.labels, after.metadata.labels) ||
      differs(before.spec.taints, after.spec.taints))
  );
}
