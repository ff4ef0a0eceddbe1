import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import type { PodInfo } from '../pod-info.ts';
import {
  CountedNodes,
  HOSTNAME,
  isInAllGroups,
  matchingPods,
  type SpreadConstraint,
  SYSTEM_DEFAULTS,
  spreadConstraints,
} from '../spread-constraint.ts';
import type { Steps } from '../steps.ts';
import { MAX_SCORE, type PreparedScore, type Score } from './score.ts';

/** Fewer pods of the same kind in the node's groups, by the pod's soft constraints or, where it has none of any kind, by upstream's. */
export const podTopologySpreadScore: Score = {
  name: 'PodTopologySpread',
  weight: 2,
  *prepare(pod, picture, feasible): Steps<PreparedScore> {
    const hasOwn = (pod.pod.spec.topologySpreadConstraints ?? []).length > 0;
    const constraints = hasOwn ? spreadConstraints(pod.pod, 'ScheduleAnyway') : defaultsFor(pod, picture);
    if (constraints.length === 0) return undefined;
    // by upstream's own constraints, a node without a zone is as good as any
    const isIgnored = (node: NodeInfo): boolean => hasOwn && !isInAllGroups(key => node.label(key), constraints);
    const kept = feasible.filter(node => !isIgnored(node));
    const groups = constraints.map(constraint => groupsOf(constraint, kept));
    yield* count(pod, picture, constraints, groups, isIgnored);
    const weights = constraints.map(({ topologyKey }, i) =>
      Math.log((topologyKey === HOSTNAME ? kept.length : (groups[i]?.size ?? 0)) + 2),
    );
    return {
      score(node) {
        if (isIgnored(node)) return 0;
        let score = 0;
        for (const [i, { topologyKey, selector, maxSkew }] of constraints.entries()) {
          const value = node.label(topologyKey);
          if (value === undefined) continue;
          const pods =
            topologyKey === HOSTNAME ? matchingPods(node, selector, pod.namespace) : (groups[i]?.get(value) ?? 0);
          score += pods * (weights[i] ?? 0) + (maxSkew - 1);
        }
        return Math.round(score);
      },
      normalize: (scores, nodes) => normalized(scores, nodes, isIgnored),
    };
  },
};

function defaultsFor({ pod }: PodInfo, picture: Picture): readonly SpreadConstraint[] {
  const selector = picture.spreadSelector(pod);
  if (selector === undefined) return [];
  return SYSTEM_DEFAULTS.map(each => ({
    ...each,
    selector,
    minDomains: 1,
    honorsAffinity: true,
    honorsTaints: false,
  }));
}

/** The groups of the nodes that fit; those of a node alone are counted when it is asked about. */
function groupsOf({ topologyKey }: SpreadConstraint, nodes: readonly NodeInfo[]): Map<string, number> {
  if (topologyKey === HOSTNAME) return new Map();
  return new Map(nodes.map(node => [node.label(topologyKey) ?? '', 0]));
}

/** Pods on nodes that do not fit are in the groups, too. */
function* count(
  pod: PodInfo,
  picture: Picture,
  constraints: readonly SpreadConstraint[],
  groups: readonly Map<string, number>[],
  isIgnored: (node: NodeInfo) => boolean,
): Steps<void> {
  const counted = new CountedNodes(pod.pod);
  for (const node of picture.nodes) {
    yield;
    if (isIgnored(node)) continue;
    for (const [i, constraint] of constraints.entries()) {
      const value = node.label(constraint.topologyKey);
      const known = value === undefined ? undefined : groups[i]?.get(value);
      if (value === undefined || known === undefined || !counted.counts(node, constraint)) continue;
      groups[i]?.set(value, known + matchingPods(node, constraint.selector, pod.namespace));
    }
  }
}

/** Fewer is better; nodes that are ignored get nothing. */
function normalized(
  scores: readonly number[],
  nodes: readonly NodeInfo[],
  isIgnored: (node: NodeInfo) => boolean,
): readonly number[] {
  const ignored = nodes.map(isIgnored);
  const kept = scores.filter((_, i) => ignored[i] !== true);
  const least = Math.min(...kept);
  const most = Math.max(0, ...kept);
  return scores.map((score, i) => {
    if (ignored[i] === true) return 0;
    return most === 0 ? MAX_SCORE : Math.trunc((MAX_SCORE * (most + least - score)) / most);
  });
}
