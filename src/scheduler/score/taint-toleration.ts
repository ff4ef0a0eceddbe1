import { toleratesTaint } from '../../api/tolerations.ts';
import { proportional, type Score } from './score.ts';

const SOFT = 'PreferNoSchedule';

/** Fewer taints that only ask to stay away. */
export const taintTolerationScore: Score = {
  name: 'TaintToleration',
  weight: 3,
  prepare({ pod }) {
    const tolerations = (pod.spec.tolerations ?? []).filter(({ effect }) => (effect ?? SOFT) === SOFT);
    return {
      score: ({ node }) =>
        (node?.spec.taints ?? []).filter(
          taint => taint.effect === SOFT && !tolerations.some(toleration => toleratesTaint(toleration, taint)),
        ).length,
      normalize: scores => proportional(scores, true),
    };
  },
};
