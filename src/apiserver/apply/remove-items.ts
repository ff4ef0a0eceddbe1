import { isJsonObject, setMember } from '../patch/json-value.ts';
import type { PathElement } from './path-element.ts';
import { fieldElement } from './path-element.ts';
import type { PathSet } from './path-set.ts';
import { ANY, type ListShape, type MapShape, type Shape } from './shape.ts';
import { atomOf, entryShape, knownElement } from './walk.ts';

/**
 * The object without the fields, items and entries of a set. A list or map that loses everything below it stays as an empty one; null is what is left
 * of one of which all was removed at once. What stays is not copied.
 */
export function removeItems(shape: Shape, value: unknown, remove: PathSet): unknown {
  const atom = atomOf(shape, value);
  if (atom.kind === 'scalar') return value;
  if (atom.kind === 'list') return Array.isArray(value) && !atom.atomic ? itemsWithout(atom, value, remove) : null;
  return isJsonObject(value) && !atom.atomic ? entriesWithout(atom, value, remove) : null;
}

function itemsWithout(list: ListShape, items: readonly unknown[], remove: PathSet): unknown {
  const kept: unknown[] = [];
  for (const item of items) {
    const rest = without(list.of, knownElement(list, item), item, remove);
    if (rest !== undefined) kept.push(rest.value);
  }
  return kept.length > 0 ? kept : null;
}

function entriesWithout(map: MapShape, entries: Readonly<Record<string, unknown>>, remove: PathSet): unknown {
  const kept: Record<string, unknown> = {};
  let isEmpty = true;
  for (const [name, value] of Object.entries(entries)) {
    const rest = without(entryShape(map, name) ?? ANY, fieldElement(name), value, remove);
    if (rest === undefined) continue;
    setMember(kept, name, rest.value);
    isEmpty = false;
  }
  return isEmpty ? null : kept;
}

/** What stays of a value at one step; undefined where it goes. */
function without(
  shape: Shape,
  element: PathElement,
  value: unknown,
  remove: PathSet,
): { readonly value: unknown } | undefined {
  const node = remove.nodes.get(element.text);
  if (node === undefined) return { value };
  if (node.member) return undefined;
  if (node.children === undefined) return { value };
  const rest = removeItems(shape, value, node.children);
  if (rest !== null) return { value: rest };
  return { value: Array.isArray(value) ? [] : isJsonObject(value) ? {} : null };
}
