import type { PathElement } from './path-element.ts';
import { PathSet } from './path-set.ts';
import type { MapShape, Shape } from './shape.ts';
import { atomOf, entryShape } from './walk.ts';

/** Sets that need nothing, by the shape that was asked about last: the same ones come again and again. */
const UP_TO_DATE = new WeakMap<PathSet, Shape>();

/**
 * A set of what was managed under an older schema, as the shape has it now: where paths lead into a list, struct or map that has become one value, the
 * manager has the whole of it. The same set where nothing changed.
 */
export function reconcileSet(shape: Shape, set: PathSet): PathSet {
  if (UP_TO_DATE.get(set) === shape) return set;
  const atomics: PathElement[][] = [];
  collect(shape, set, false, [], atomics);
  if (atomics.length === 0) {
    UP_TO_DATE.set(set, shape);
    return set;
  }
  const found = PathSet.ofPaths(atomics);
  return set.recursiveDifference(found).union(found);
}

/** `isLeaf`: the path that leads here is in the set, and none below it. */
function collect(
  shape: Shape,
  set: PathSet | undefined,
  isLeaf: boolean,
  path: PathElement[],
  found: PathElement[][],
): void {
  // what has no schema cannot have changed
  if (shape.kind === 'scalar' || (shape.kind === 'any' && !shape.atomic)) return;
  const atom = atomOf(shape, undefined);
  if (atom.kind === 'scalar') return;
  if (atom.atomic) {
    if (!isLeaf && (atom.kind === 'list' || set !== undefined)) found.push([...path]);
    return;
  }
  if (set === undefined) return;
  for (const { element, member, children } of set.nodes.values()) {
    const below = atom.kind === 'list' ? atom.of : belowMap(atom, element);
    if (below === undefined) continue;
    path.push(element);
    collect(below, children, member && children === undefined, path, found);
    path.pop();
  }
}

function belowMap(map: MapShape, element: PathElement): Shape | undefined {
  return element.kind === 'field' ? entryShape(map, element.name) : map.of;
}
