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
      score({ node }) {
        let count = 0;
        for (const taint of node?.spec.taints ?? [])
          if (taint.effect === SOFT && !tolerations.some(toleration => toleratesTaint(toleration, taint))) count += 1;
        return count;
      },
      normalize: scores => proportional(scores, true),
    };
  },
};
