import { fieldElement } from './path-element.ts';
import { type PathNode, PathSet } from './path-set.ts';

/** Fields that a way of writing never changes, whatever is sent. */
export interface FieldResets {
  /** Paths of fields that are reset with all below them (`status`, `metadata.labels`). */
  readonly fieldResets: readonly string[];
  /** Where this is said, all is reset but what lies at these paths; `*` is any step. */
  readonly fieldsKept?: readonly string[];
}

type Filter = (set: PathSet) => PathSet;

/** Takes what is reset out of a set. */
export function resetFilter({ fieldResets, fieldsKept }: FieldResets): Filter {
  if (fieldsKept !== undefined) return set => onlyAt(set, fieldsKept.map(steps));
  if (fieldResets.length === 0) return set => set;
  const reset = PathSet.ofPaths(fieldResets.map(path => path.split('.').map(fieldElement)));
  return set => set.recursiveDifference(reset);
}

function steps(path: string): readonly string[] {
  return path.split('.');
}

/** The paths that lead to a pattern, or below its end. */
function onlyAt(set: PathSet, patterns: readonly (readonly string[])[]): PathSet {
  if (patterns.some(pattern => pattern.length === 0)) return set;
  const nodes = new Map<string, PathNode>();
  for (const [text, { element, member, children }] of set.nodes) {
    const matching = patterns.filter(([step]) => step === '*' || text === `f:${step}`);
    if (matching.length === 0) continue;
    const below =
      children === undefined
        ? PathSet.EMPTY
        : onlyAt(
            children,
            matching.map(([, ...rest]) => rest),
          );
    if (member || !below.isEmpty) nodes.set(text, { element, member, children: below.isEmpty ? undefined : below });
  }
  return PathSet.of(nodes);
}
