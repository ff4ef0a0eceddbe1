import { fieldElement, type PathElement } from './path-element.ts';
import { PathSet, PathSetDraft } from './path-set.ts';
import { ANY, type ListShape, type MapShape, type Shape } from './shape.ts';
import { asList, asMap, atomOf, entryShape, isField, knownElement } from './walk.ts';

/** Every value, item and entry that an object of a shape mentions. */
export function fieldSetOf(shape: Shape, value: unknown): PathSet {
  const draft = new PathSetDraft();
  new FieldSetWalk(draft).value(shape, value);
  return draft.set();
}

class FieldSetWalk {
  readonly #draft: PathSetDraft;
  readonly #path: PathElement[] = [];

  constructor(draft: PathSetDraft) {
    this.#draft = draft;
  }

  value(shape: Shape, value: unknown): void {
    const atom = atomOf(shape, value);
    if (atom.kind === 'scalar' || atom.atomic) this.#draft.insert(this.#path);
    else if (atom.kind === 'list') this.#items(atom, asList(value) ?? []);
    else this.#entries(atom, asMap(value) ?? {});
  }

  #entries(map: MapShape, entries: Readonly<Record<string, unknown>>): void {
    for (const [name, value] of Object.entries(entries)) {
      this.#path.push(fieldElement(name));
      this.value(entryShape(map, name) ?? ANY, value);
      // nothing lies below it, or it is there by the will of who wrote it
      if (value === null || isEmptyMap(value) || !isField(map, name)) this.#draft.insert(this.#path);
      this.#path.pop();
    }
  }

  /** Of elements that come twice only that they are there is told. */
  #items(list: ListShape, items: readonly unknown[]): void {
    const elements = items.map(item => knownElement(list, item));
    const counts = new Map<string, number>();
    for (const { text } of elements) counts.set(text, (counts.get(text) ?? 0) + 1);
    for (const [i, element] of elements.entries()) {
      this.#path.push(element);
      if (counts.get(element.text) === 1) this.value(list.of, items[i]);
      this.#draft.insert(this.#path);
      this.#path.pop();
    }
  }
}

function isEmptyMap(value: unknown): boolean {
  const map = asMap(value);
  return map !== undefined && Object.keys(map).length === 0;
}

/** The set with every named field on the way to its members: with `spec` where there is `spec.replicas`, but no entries of maps and lists. */
export function withNamedFields(shape: Shape | undefined, set: PathSet): PathSet {
  const atom = shape === undefined ? undefined : atomOf(shape, undefined);
  const map = atom?.kind === 'map' ? atom : undefined;
  const nodes = new Map(set.nodes);
  let changed = false;
  for (const [text, node] of set.nodes) {
    const { element, children } = node;
    if (children === undefined) continue;
    const below = withNamedFields(childShape(shape, map, element), children);
    const isNamed = element.kind === 'field' && map !== undefined && isField(map, element.name);
    const isMember = node.member || isNamed;
    if (below === children && isMember === node.member) continue;
    nodes.set(text, { element, member: isMember, children: below });
    changed = true;
  }
  return changed ? PathSet.of(nodes) : set;
}

function childShape(shape: Shape | undefined, map: MapShape | undefined, element: PathElement): Shape | undefined {
  if (element.kind === 'field') return map === undefined ? undefined : entryShape(map, element.name);
  return element.kind === 'key' && shape?.kind === 'list' ? shape.of : undefined;
}
