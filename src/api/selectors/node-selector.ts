import type { Affinity, Node, NodeSelectorTerm, PodSpec } from '../types/gen/core-v1.ts';
import type { LabelOperator, LabelRequirement } from './label-requirement.ts';
import { LabelSelector, labelRequirement } from './label-selector.ts';
import { SelectorSyntaxError } from './selector-syntax-error.ts';

/** Which nodes are meant: by labels and by name, as pods and volumes say it. Pure. */

/** One term of a node selector, ready to be asked about many nodes. */
export interface NodeTerm {
  matches(node: Node): boolean;
}

const OPERATORS: Readonly<Record<string, LabelOperator>> = {
  In: 'in',
  NotIn: 'notin',
  Exists: 'exists',
  DoesNotExist: '!',
  Gt: 'gt',
  Lt: 'lt',
};
/** The one field that terms may name. */
const NAME_FIELD = 'metadata.name';

/** A term that asks for nothing, or that nobody can read, matches no node. */
export function nodeTerm(term: NodeSelectorTerm): NodeTerm | undefined {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return undefined;
  const selector = selectorOf(matchExpressions);
  if (selector === undefined || matchFields.some(field => !isReadable(field))) return { matches: () => false };
  return {
    matches: node =>
      selector.matches(node.metadata.labels) &&
      matchFields.every(({ key, operator, values = [] }) => {
        const have = key === NAME_FIELD ? node.metadata.name : '';
        return (values[0] === have) === (operator === 'In');
      }),
  };
}

/** Terms of which one has to match; none of them: no node. */
export function nodeTerms(terms: readonly NodeSelectorTerm[]): NodeTerm {
  const read = terms.map(nodeTerm).filter(term => term !== undefined);
  return { matches: node => read.some(term => term.matches(node)) };
}

/** Where a pod may be by its `nodeSelector` and its required node affinity; undefined where it names neither. */
export function requiredNodes(spec: Pick<PodSpec, 'nodeSelector' | 'affinity'>): NodeTerm | undefined {
  const wanted = Object.entries(spec.nodeSelector ?? {});
  const required = requiredTerms(spec.affinity);
  if (wanted.length === 0 && required === undefined) return undefined;
  const terms = required === undefined ? undefined : nodeTerms(required);
  return {
    matches(node) {
      const labels = node.metadata.labels ?? {};
      return (
        wanted.every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value) &&
        (terms === undefined || terms.matches(node))
      );
    },
  };
}

function requiredTerms(affinity: Affinity | undefined): readonly NodeSelectorTerm[] | undefined {
  return affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
}

function selectorOf(expressions: NonNullable<NodeSelectorTerm['matchExpressions']>): LabelSelector | undefined {
  const requirements: LabelRequirement[] = [];
  for (const { key, operator, values = [] } of expressions) {
    const known = Object.hasOwn(OPERATORS, operator) ? OPERATORS[operator] : undefined;
    if (known === undefined) return undefined;
    try {
      requirements.push(labelRequirement(key, known, values));
    } catch (error) {
      if (error instanceof SelectorSyntaxError) return undefined;
      throw error;
    }
  }
  return new LabelSelector(requirements);
}

/** Upstream reads one value of In and NotIn, and nothing else. */
function isReadable({ operator, values = [] }: NonNullable<NodeSelectorTerm['matchFields']>[number]): boolean {
  return (operator === 'In' || operator === 'NotIn') && values.length === 1;
}
