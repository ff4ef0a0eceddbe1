import { nodeTerm } from '../../api/selectors/node-selector.ts';
import { proportional, type Score } from './score.ts';

/** More of the weights that the pod's preferred node affinity gives. */
export const nodeAffinityScore: Score = {
  name: 'NodeAffinity',
  weight: 2,
  prepare({ pod }) {
    const preferred = pod.spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
    if (preferred.length === 0) return undefined;
    const terms = preferred.map(({ weight, preference }) => ({ weight, term: nodeTerm(preference) }));
    return {
      score: ({ node }) =>
        terms.reduce((sum, { weight, term }) => sum + (node !== undefined && term?.matches(node) ? weight : 0), 0),
      normalize: scores => proportional(scores, false),
    };
  },
};
