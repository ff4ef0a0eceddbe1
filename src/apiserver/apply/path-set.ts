import { compareElements, type PathElement } from './path-element.ts';

/** A step below which paths of a set lie; the path that ends in it may be one of them. */
export interface PathNode {
  readonly element: PathElement;
  /** True where the path that ends here is in the set. */
  readonly member: boolean;
  /** Never empty. */
  readonly children: PathSet | undefined;
}

type Nodes = ReadonlyMap<string, PathNode>;

/**
 * A set of paths, as a tree: what somebody manages of an object. A path may be in the set without those below or above it. Never changed once it is
 * made; an operation that changes nothing gives the same set again, by which callers see that.
 */
export class PathSet {
  static readonly EMPTY = new PathSet(new Map());
  /** By the texts of their steps. */
  readonly nodes: Nodes;
  #sorted: readonly PathNode[] | undefined;

  private constructor(nodes: Nodes) {
    this.nodes = nodes;
  }

  /** The nodes must be no empty ones, and must not change any more. */
  static of(nodes: Nodes): PathSet {
    return nodes.size === 0 ? PathSet.EMPTY : new PathSet(nodes);
  }

  /** An empty set of its own, to be filled before anybody else sees it. */
  static inTheMaking(): PathSet {
    return new PathSet(new Map());
  }

  static ofPaths(paths: Iterable<readonly PathElement[]>): PathSet {
    const draft = new PathSetDraft();
    for (const path of paths) draft.insert(path);
    return draft.set();
  }

  get isEmpty(): boolean {
    return this.nodes.size === 0;
  }

  has(path: readonly PathElement[]): boolean {
    let nodes: Nodes | undefined = this.nodes;
    let node: PathNode | undefined;
    for (const { text } of path) {
      node = nodes?.get(text);
      if (node === undefined) return false;
      nodes = node.children?.nodes;
    }
    return node?.member ?? false;
  }

  /** The nodes in upstream's order. */
  sorted(): readonly PathNode[] {
    this.#sorted ??= [...this.nodes.values()].sort((a, b) => compareElements(a.element, b.element));
    return this.#sorted;
  }

  /** All paths: at each step those that end there, then those that go on. */
  *paths(): Generator<readonly PathElement[]> {
    const nodes = this.sorted();
    for (const { element, member } of nodes) if (member) yield [element];
    for (const { element, children } of nodes)
      if (children !== undefined) for (const rest of children.paths()) yield [element, ...rest];
  }

  /** True for the same paths. What two sets share is not looked at. */
  equals(other: PathSet): boolean {
    if (this === other) return true;
    if (this.nodes.size !== other.nodes.size) return false;
    for (const [text, left] of this.nodes) {
      const right = other.nodes.get(text);
      if (left === right) continue;
      if (right === undefined || left.member !== right.member) return false;
      if (left.children === undefined || right.children === undefined) {
        if (left.children !== right.children) return false;
      } else if (!left.children.equals(right.children)) return false;
    }
    return true;
  }

  union(other: PathSet): PathSet {
    if (this === other || other.isEmpty) return this;
    if (this.isEmpty) return other;
    const nodes = new Map(this.nodes);
    let changed = false;
    for (const [text, right] of other.nodes) {
      const left = nodes.get(text);
      const joined = left === undefined ? right : joinNodes(left, right);
      if (joined === left) continue;
      nodes.set(text, joined);
      changed = true;
    }
    return changed ? new PathSet(nodes) : this;
  }

  intersection(other: PathSet): PathSet {
    if (this === other) return this;
    return this.#filter(left => {
      const right = other.nodes.get(left.element.text);
      if (right === undefined) return undefined;
      const children =
        left.children === undefined || right.children === undefined
          ? undefined
          : left.children.intersection(right.children);
      return withParts(left, left.member && right.member, children);
    });
  }

  /** Without the paths of `other`; what lies below those stays. */
  difference(other: PathSet): PathSet {
    if (other.isEmpty) return this;
    return this.#filter(left => {
      const right = other.nodes.get(left.element.text);
      if (right === undefined) return left;
      const children = right.children === undefined ? left.children : left.children?.difference(right.children);
      return withParts(left, left.member && !right.member, children);
    });
  }

  /** Without the paths of `other` and all that lies below them. */
  recursiveDifference(other: PathSet): PathSet {
    if (other.isEmpty) return this;
    return this.#filter(left => {
      const right = other.nodes.get(left.element.text);
      if (right === undefined) return left;
      if (right.member) return undefined;
      const children =
        right.children === undefined ? left.children : left.children?.recursiveDifference(right.children);
      return withParts(left, left.member, children);
    });
  }

  /** The set of what `keep` makes of each node. */
  #filter(keep: (node: PathNode) => PathNode | undefined): PathSet {
    let nodes: Map<string, PathNode> | undefined;
    for (const [text, node] of this.nodes) {
      const kept = keep(node);
      if (kept === node) continue;
      nodes ??= new Map(this.nodes);
      if (kept === undefined) nodes.delete(text);
      else nodes.set(text, kept);
    }
    return nodes === undefined ? this : PathSet.of(nodes);
  }
}

function joinNodes(left: PathNode, right: PathNode): PathNode {
  const children =
    left.children === undefined || right.children === undefined
      ? (left.children ?? right.children)
      : left.children.union(right.children);
  return withParts(left, left.member || right.member, children) ?? left;
}

function withParts(node: PathNode, member: boolean, children: PathSet | undefined): PathNode | undefined {
  const kept = children?.isEmpty === true ? undefined : children;
  if (node.member === member && node.children === kept) return node;
  return member || kept !== undefined ? { element: node.element, member, children: kept } : undefined;
}

interface DraftNode {
  readonly element: PathElement;
  member: boolean;
  children: PathSet | undefined;
}

/** A set in the making. Paths come in the order of a walk mostly, so the way to the last one is kept. */
export class PathSetDraft {
  readonly #nodes = new Map<string, DraftNode>();
  #trail: DraftNode[] = [];

  /** Adds a path. The empty one, which is the whole object, is nobody's. */
  insert(path: readonly PathElement[]): void {
    const trail = this.#trail;
    const last = path.length - 1;
    let depth = 0;
    while (depth <= last && trail[depth]?.element === path[depth]) depth += 1;
    trail.length = depth;
    let node = trail[depth - 1];
    for (; depth <= last; depth += 1) {
      const element = path[depth] as PathElement;
      const nodes = node === undefined ? this.#nodes : childrenOf(node);
      node = nodes.get(element.text);
      if (node === undefined) {
        node = { element, member: false, children: undefined };
        nodes.set(element.text, node);
      }
      trail.push(node);
    }
    if (node !== undefined) node.member = true;
  }

  /** The draft must not be used any more. */
  set(): PathSet {
    return PathSet.of(this.#nodes);
  }
}

function childrenOf(node: DraftNode): Map<string, DraftNode> {
  node.children ??= PathSet.inTheMaking();
  // nobody else has it yet
  return node.children.nodes as Map<string, DraftNode>;
}
