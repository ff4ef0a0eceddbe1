import { type JsonObject, sameJson } from '../patch/json-value.ts';
import { fieldElement, type PathElement } from './path-element.ts';
import { type PathSet, PathSetDraft } from './path-set.ts';
import { ANY, type ListShape, type MapShape, type Shape } from './shape.ts';
import { type Atom, asList, asMap, atomOf, bothNames, entryShape, isEmptyValue, knownElement, member } from './walk.ts';

/** How two objects differ. No path is in more than one of the sets. */
export interface Comparison {
  readonly added: PathSet;
  readonly modified: PathSet;
  readonly removed: PathSet;
}

/** Compares two objects of a shape; what is an empty list or map to both is compared as a value, so that empty and missing stay two things. */
export function compareObjects(shape: Shape, left: unknown, right: unknown): Comparison {
  const walk = new CompareWalk();
  walk.compare(shape, left, right);
  return { added: walk.added.set(), modified: walk.modified.set(), removed: walk.removed.set() };
}

/** The comparison with each of its sets passed through a filter. */
export function filterComparison(comparison: Comparison, filter: (set: PathSet) => PathSet): Comparison {
  const { added, modified, removed } = comparison;
  return { added: filter(added), modified: filter(modified), removed: filter(removed) };
}

class CompareWalk {
  readonly added = new PathSetDraft();
  readonly modified = new PathSetDraft();
  readonly removed = new PathSetDraft();
  readonly #path: PathElement[] = [];

  compare(shape: Shape, left: unknown, right: unknown): void {
    if (left === right && left !== undefined) return;
    const atom = atomOf(shape, right === undefined ? left : right);
    const leftAtom = left === undefined || right === undefined ? atom : atomOf(shape, left);
    if (leftAtom !== atom) this.#atom(leftAtom, left, right);
    if (this.#atom(atom, left, right)) return;
    if (left === undefined) this.added.insert(this.#path);
    else if (right === undefined) this.removed.insert(this.#path);
  }

  /** True where the value counts as one. */
  #atom(atom: Atom, left: unknown, right: unknown): boolean {
    switch (atom.kind) {
      case 'scalar':
        return this.#leaf(left, right);
      case 'list': {
        const [l, r] = [asList(left), asList(right)];
        if (atom.atomic || (isEmptyValue(l) && isEmptyValue(r))) return this.#leaf(left, right);
        this.#items(atom, l ?? [], r ?? []);
        return false;
      }
      case 'map': {
        const [l, r] = [asMap(left), asMap(right)];
        if (atom.atomic || (isEmptyValue(l) && isEmptyValue(r))) return this.#leaf(left, right);
        this.#entries(atom, l, r);
        return false;
      }
    }
  }

  #leaf(left: unknown, right: unknown): true {
    if (left === undefined) this.added.insert(this.#path);
    else if (right === undefined) this.removed.insert(this.#path);
    else if (!sameJson(left, right)) this.modified.insert(this.#path);
    return true;
  }

  #entries(map: MapShape, left: JsonObject | undefined, right: JsonObject | undefined): void {
    for (const name of bothNames(left, right)) {
      const [l, r] = [member(left, name), member(right, name)];
      if (l === r) continue;
      this.#path.push(fieldElement(name));
      this.compare(entryShape(map, name) ?? ANY, l, r);
      this.#path.pop();
    }
  }

  #items(list: ListShape, left: readonly unknown[], right: readonly unknown[]): void {
    const found = new Map<string, { element: PathElement; left: unknown[]; right: unknown[] }>();
    for (const [items, side] of [
      [left, 'left'],
      [right, 'right'],
    ] as const)
      for (const item of items) {
        const element = knownElement(list, item);
        let both = found.get(element.text);
        if (both === undefined) {
          both = { element, left: [], right: [] };
          found.set(element.text, both);
        }
        both[side].push(item);
      }
    for (const each of found.values()) {
      this.#path.push(each.element);
      this.#element(list.of, each.left, each.right);
      this.#path.pop();
    }
  }

  /** Elements that come twice are one value together. */
  #element(of: Shape, left: readonly unknown[], right: readonly unknown[]): void {
    const [l, r] = [left[0], right[0]];
    if (left.length <= 1 && right.length <= 1) this.compare(of, l, r);
    else if (left.length > 1 && right.length > 1) {
      if (!sameJson(left, right)) this.modified.insert(this.#path);
    } else if (left.length > 1) {
      if (r !== undefined) this.compare(of, undefined, r);
      this.removed.insert(this.#path);
    } else {
      if (l !== undefined) this.compare(of, l, undefined);
      this.added.insert(this.#path);
    }
  }
}
