import { type AffinityTerm, termMatches, type WeightedAffinityTerm } from '../affinity-term.ts';
import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import type { PodInfo } from '../pod-info.ts';
import type { Steps } from '../steps.ts';
import { TopologyCounts } from '../topology-counts.ts';
import { MAX_SCORE, type PreparedScore, type Score } from './score.ts';

/** Upstream: what a pod that is there requires speaks for the node with this weight, too. */
const HARD_WEIGHT = 1;

/** More of the preferred company, by the pod's own terms and those of pods that are there. */
export const interPodAffinityScore: Score = {
  name: 'InterPodAffinity',
  weight: 2,
  *prepare(pod, picture): Steps<PreparedScore> {
    const points = yield* pointsOf(pod, picture);
    if (points.isEmpty) return undefined;
    return {
      score: node => [...points.keys].reduce((sum, key) => sum + points.of(node, key), 0),
      normalize(scores) {
        const least = Math.min(...scores);
        const range = Math.max(...scores) - least;
        return scores.map(score => (range === 0 ? 0 : Math.trunc(MAX_SCORE * ((score - least) / range))));
      },
    };
  },
};

function* pointsOf(pod: PodInfo, picture: Picture): Steps<TopologyCounts> {
  const points = new TopologyCounts();
  const own = picture.namespaceLabels(pod.namespace) ?? {};
  const { preferredAffinity, preferredAntiAffinity } = pod.terms;
  const hasPreferences = preferredAffinity.length > 0 || preferredAntiAffinity.length > 0;
  const towards = (other: PodInfo, node: NodeInfo, terms: readonly WeightedAffinityTerm[], sign: 1 | -1): void => {
    const labels = picture.namespaceLabels(other.namespace);
    for (const term of terms)
      if (termMatches(term, other.pod, labels)) points.add(node, term.topologyKey, sign * term.weight);
  };
  const back = (node: NodeInfo, term: AffinityTerm, weight: number): void => {
    if (termMatches(term, pod.pod, own)) points.add(node, term.topologyKey, weight);
  };
  for (const node of hasPreferences ? picture.nodes : picture.nodesWithAffinity) {
    yield;
    for (const other of (hasPreferences ? node.pods : node.withAffinity).values()) {
      towards(other, node, preferredAffinity, 1);
      towards(other, node, preferredAntiAffinity, -1);
      for (const term of other.terms.affinity) back(node, term, HARD_WEIGHT);
      for (const term of other.terms.preferredAffinity) back(node, term, term.weight);
      for (const term of other.terms.preferredAntiAffinity) back(node, term, -term.weight);
    }
  }
  return points;
}
