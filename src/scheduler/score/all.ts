import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import type { PodInfo } from '../pod-info.ts';
import { isSteps, type Steps } from '../steps.ts';
import { imageLocality } from './image-locality.ts';
import { interPodAffinityScore } from './inter-pod-affinity.ts';
import { nodeAffinityScore } from './node-affinity.ts';
import { balancedAllocation, leastAllocated } from './node-resources.ts';
import { podTopologySpreadScore } from './pod-topology-spread.ts';
import type { Score } from './score.ts';
import { taintTolerationScore } from './taint-toleration.ts';

/** Every score with upstream's weights. */
export const SCORES: readonly Score[] = [
  taintTolerationScore,
  nodeAffinityScore,
  leastAllocated,
  podTopologySpreadScore,
  interPodAffinityScore,
  balancedAllocation,
  imageLocality,
];

/** The sum of all scores times their weights for each of the nodes that fit, in their order. */
export function* totalScores(pod: PodInfo, picture: Picture, feasible: readonly NodeInfo[]): Steps<readonly number[]> {
  const totals = feasible.map(() => 0);
  for (const score of SCORES) {
    const found = score.prepare(pod, picture, feasible);
    const prepared = isSteps(found) ? yield* found : found;
    yield;
    if (prepared === undefined) continue;
    const raw = feasible.map(node => prepared.score(node));
    const scores = prepared.normalize?.(raw, feasible) ?? raw;
    for (const [i, points] of scores.entries()) totals[i] = (totals[i] ?? 0) + score.weight * points;
  }
  return totals;
}
