import { type JsonObject, setMember } from '../patch/json-value.ts';
import type { PathElement } from './path-element.ts';
import { ANY, type ListShape, type MapShape, type Shape } from './shape.ts';
import { type Atom, asList, asMap, atomOf, bothNames, entryShape, isEmptyValue, knownElement, member } from './walk.ts';

/**
 * Two objects of a shape as one: what both have is as the right one says, nothing goes away. Lists are in the order of the left one where the right one
 * does not change it. Undefined where nothing is left. What is taken from either is not copied.
 */
export function mergeObjects(shape: Shape, left: unknown, right: unknown): unknown {
  return mergeAtom(atomOf(shape, right === undefined ? left : right), left, right);
}

function mergeAtom(atom: Atom, left: unknown, right: unknown): unknown {
  if (atom.kind === 'scalar' || atom.atomic) return later(left, right);
  if (atom.kind === 'list') {
    const [l, r] = [asList(left), asList(right)];
    return isEmptyValue(l) && isEmptyValue(r) ? later(left, right) : mergeLists(atom, l ?? [], r ?? []);
  }
  const [l, r] = [asMap(left), asMap(right)];
  return isEmptyValue(l) && isEmptyValue(r) ? later(left, right) : mergeMaps(atom, l, r);
}

function later(left: unknown, right: unknown): unknown {
  return right === undefined ? left : right;
}

function mergeMaps(map: MapShape, left: JsonObject | undefined, right: JsonObject | undefined): unknown {
  const merged: JsonObject = {};
  let isEmpty = true;
  for (const name of bothNames(left, right)) {
    const value = mergeObjects(entryShape(map, name) ?? ANY, member(left, name), member(right, name));
    if (value === undefined) continue;
    setMember(merged, name, value);
    isEmpty = false;
  }
  return isEmpty ? undefined : merged;
}

interface Items {
  readonly elements: readonly PathElement[];
  /** By the texts of their steps. An element that comes twice is null: it is merged with nothing. */
  readonly values: ReadonlyMap<string, unknown>;
}

function indexed(list: ListShape, items: readonly unknown[]): Items {
  const elements: PathElement[] = [];
  const values = new Map<string, unknown>();
  for (const item of items) {
    const element = knownElement(list, item);
    values.set(element.text, values.has(element.text) ? null : item);
    elements.push(element);
  }
  return { elements, values };
}

/** The right list's order counts for what is in both; what the left one has alone stays where it was between them. */
function mergeLists(list: ListShape, leftItems: readonly unknown[], rightItems: readonly unknown[]): unknown {
  const left = indexed(list, leftItems);
  const right = indexed(list, rightItems);
  const shared = right.elements.filter(({ text }) => left.values.has(text)).map(({ text }) => text);
  let nextShared = shared[0];
  let sharedTaken = 0;
  const advanceShared = (): void => {
    sharedTaken += 1;
    nextShared = shared[sharedTaken];
  };
  const merged = new Set<string>();
  const items: unknown[] = [];
  const add = (l: unknown, r: unknown): void => {
    const value = mergeObjects(list.of, l, r);
    if (value !== undefined) items.push(value);
  };
  const takeRight = (text: string): void => {
    merged.add(text);
    add(left.values.get(text), right.values.get(text));
  };
  for (let l = 0, r = 0; l < left.elements.length || r < right.elements.length; ) {
    const [leftText, rightText] = [left.elements[l]?.text, right.elements[r]?.text];
    if (leftText !== undefined && rightText !== undefined) {
      if (leftText === rightText) {
        takeRight(leftText);
        l += 1;
        r += 1;
        advanceShared();
        continue;
      }
      if (right.values.has(leftText) && nextShared !== undefined && nextShared !== leftText) {
        l += 1;
        continue;
      }
    }
    if (leftText !== undefined) {
      if (!right.values.has(leftText)) {
        add(leftItems[l], undefined);
        l += 1;
        continue;
      }
      if (merged.has(leftText)) l += 1;
    }
    if (rightText !== undefined) {
      takeRight(rightText);
      r += 1;
      if (nextShared === rightText) advanceShared();
    }
  }
  return items.length > 0 ? items : undefined;
}
