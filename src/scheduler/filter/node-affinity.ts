import { requiredNodes } from '../../api/selectors/node-selector.ts';
import type { NodeSelectorTerm, Pod } from '../../api/types/gen/core-v1.ts';
import type { Filter, Refusal } from './filter.ts';

const NAME = 'NodeAffinity';
const ELSEWHERE: Refusal = {
  plugin: NAME,
  isFinal: true,
  reasons: ["node(s) didn't match Pod's node affinity/selector"],
};
const CONFLICT: Refusal = { plugin: NAME, isFinal: true, reasons: ['pod affinity terms conflict'] };

/** A pod is only where its node selector and its required node affinity allow. */
export const nodeAffinity: Filter = {
  name: NAME,
  prepare({ pod }) {
    const required = requiredNodes(pod.spec);
    if (required === undefined) return undefined;
    const only = namedNodes(pod);
    if (only?.size === 0) return CONFLICT;
    return {
      check: ({ node }) => (node !== undefined && required.matches(node) ? undefined : ELSEWHERE),
      ...(only === undefined ? {} : { only }),
    };
  },
  changes: ['node'],
  mayHelp(change, { pod }) {
    if (change.kind !== 'node' || change.after === undefined) return false;
    const required = requiredNodes(pod.spec);
    if (required === undefined || !required.matches(change.after)) return required === undefined;
    return change.before === undefined || !required.matches(change.before);
  },
};

/** The nodes that every term names, as the pods of daemon sets do; undefined where a term names none. */
function namedNodes(pod: Pod): ReadonlySet<string> | undefined {
  const terms =
    pod.spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms ?? [];
  if (terms.length === 0) return undefined;
  const names = new Set<string>();
  for (const term of terms) {
    const ofTerm = namesOf(term);
    if (ofTerm === undefined) return undefined;
    for (const name of ofTerm) names.add(name);
  }
  return names;
}

/** The names that all requirements of a term have in common. */
function namesOf({ matchFields = [] }: NodeSelectorTerm): readonly string[] | undefined {
  const lists = matchFields
    .filter(({ key, operator }) => key === 'metadata.name' && operator === 'In')
    .map(({ values = [] }) => values);
  const [first, ...others] = lists;
  return first?.filter(name => others.every(list => list.includes(name)));
}
