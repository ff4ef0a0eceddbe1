import type { ObjectMeta, OwnerReference } from '../../api/types/gen/meta-v1.ts';
import { AbsentOwners } from './absent-owners.ts';
import {
  alternateIdentity,
  disagrees,
  type Identity,
  identityOf,
  isSameIdentity,
  type KindName,
  matches,
} from './identity.ts';

export interface GraphNode {
  identity: Identity;
  owners: readonly OwnerReference[];
  /** Nodes that name this one as an owner. */
  readonly dependents: Set<GraphNode>;
  /** Only heard of, in owner references, or of a kind that is no longer watched: whether there is such an object has to be asked. */
  virtual: boolean;
  beingDeleted: boolean;
  /** Deleted, and kept by `foregroundDeletion` until its dependents are gone. */
  deletingDependents: boolean;
  /** How often a live read told nothing new of it; the pauses between them grow. */
  looks: number;
}

/** What is to be done after the graph has changed. */
export type Attempt =
  /** See whether the object has to go, or its finalizer. */
  | { readonly kind: 'collect'; readonly uid: string }
  /** Take the references to it away from its dependents. */
  | { readonly kind: 'orphan'; readonly uid: string }
  /** Tell that an object names an owner that is not in its namespace. */
  | { readonly kind: 'tell'; readonly dependent: Identity; readonly owner: OwnerReference };

export const ORPHAN_FINALIZER = 'orphan';
export const FOREGROUND_FINALIZER = 'foregroundDeletion';

/**
 * Who depends on whom, by uid, as far as watches and references told. It changes nothing but itself: every change returns what is to be attempted. It may
 * lag behind, so nothing is deleted on its word alone.
 */
export class DependencyGraph {
  readonly absent = new AbsentOwners();
  readonly #nodes = new Map<string, GraphNode>();

  get size(): number {
    return this.#nodes.size;
  }

  get(uid: string): GraphNode | undefined {
    return this.#nodes.get(uid);
  }

  /** An object came or changed. Another uid under the same name is another object: the one before is gone then. */
  observe(kind: KindName, before: ObjectMeta | undefined, after: ObjectMeta): Attempt[] {
    if (before !== undefined && before.uid !== after.uid)
      return [...this.remove(kind, before), ...this.observe(kind, undefined, after)];
    const attempts: Attempt[] = [];
    const identity = identityOf(kind, after);
    const owners = after.ownerReferences ?? [];
    const known = this.#nodes.get(identity.uid);
    const node = known ?? newNode(identity, owners, false);
    if (known === undefined) {
      this.#nodes.set(identity.uid, node);
      this.#link(node, owners, attempts);
    } else {
      if (known.virtual) this.#confirm(known, identity, attempts);
      this.#changeOwners(known, owners, attempts);
    }
    node.beingDeleted = after.deletionTimestamp !== undefined;
    node.deletingDependents = isHeldBy(after, FOREGROUND_FINALIZER);
    const begins = (finalizer: string): boolean =>
      isHeldBy(after, finalizer) && (before === undefined || !isHeldBy(before, finalizer));
    if (begins(ORPHAN_FINALIZER)) attempts.push({ kind: 'orphan', uid: identity.uid });
    else if (begins(FOREGROUND_FINALIZER)) attempts.push(...collectAll(node.dependents), collect(node));
    return attempts;
  }

  /** A watch told that the object is gone. */
  remove(kind: KindName, last: ObjectMeta): Attempt[] {
    const node = this.#nodes.get(last.uid ?? '');
    return node === undefined ? [] : this.#drop(node, identityOf(kind, last));
  }

  /** A live read told that there is no such object. What references say of an owner may be wrong, and differ: only those that say just this are proven wrong. */
  disprove(identity: Identity): Attempt[] {
    const node = this.#nodes.get(identity.uid);
    if (node === undefined) return [];
    const differing = [...node.dependents].filter(dependent => disagrees(dependent, identity));
    if (node.virtual ? differing.length === 0 : isSameIdentity(node.identity, identity))
      return this.#drop(node, identity);
    const matching = [...node.dependents].filter(dependent => matches(dependent, identity));
    if (matching.length > 0) this.absent.add(identity);
    if (node.virtual && isSameIdentity(node.identity, identity)) {
      const other = alternateIdentity(differing, identity);
      if (other !== undefined) node.identity = other;
    }
    return collectAll(matching);
  }

  /** The kind is not watched any more: nobody would tell that its objects are gone. */
  unwatch({ apiVersion, kind }: KindName): Attempt[] {
    const left = [...this.#nodes.values()].filter(
      ({ identity }) => identity.apiVersion === apiVersion && identity.kind === kind,
    );
    for (const node of left) {
      node.virtual = true;
      node.looks = 0;
    }
    return collectAll(left);
  }

  /** Adds a node to the dependents of its owners; what is not known yet becomes virtual, and is asked for. */
  #link(node: GraphNode, owners: readonly OwnerReference[], attempts: Attempt[]): void {
    let isDoubtful = false;
    const { namespace } = node.identity;
    for (const owner of owners) {
      const known = this.#nodes.get(owner.uid);
      const ownerNode = known ?? newNode(identityOf(owner, { ...owner, namespace }), [], true);
      ownerNode.dependents.add(node);
      if (known === undefined) {
        this.#nodes.set(owner.uid, ownerNode);
        attempts.push(collect(ownerNode));
        continue;
      }
      if (isDoubtful) continue;
      const told = ownerNode.identity;
      const isElsewhere = told.namespace !== '' && told.namespace !== namespace;
      if (isElsewhere && !ownerNode.virtual) attempts.push({ kind: 'tell', dependent: node.identity, owner });
      isDoubtful =
        isElsewhere ||
        !isSameIdentity(told, identityOf(owner, { ...owner, namespace: told.namespace })) ||
        (ownerNode.virtual && told.namespace !== namespace);
    }
    if (isDoubtful) attempts.push(collect(node));
  }

  /** A virtual node turned out to be an object; who said otherwise of it is looked at. */
  #confirm(node: GraphNode, identity: Identity, attempts: Attempt[]): void {
    node.virtual = false;
    node.looks = 0;
    if (isSameIdentity(node.identity, identity)) return;
    node.identity = identity;
    for (const dependent of node.dependents) {
      if (!disagrees(dependent, identity)) continue;
      const owner = dependent.owners.find(reference => reference.uid === identity.uid);
      const isElsewhere = identity.namespace !== '' && dependent.identity.namespace !== identity.namespace;
      if (isElsewhere && owner !== undefined) attempts.push({ kind: 'tell', dependent: dependent.identity, owner });
      attempts.push(collect(dependent));
    }
  }

  #changeOwners(node: GraphNode, owners: readonly OwnerReference[], attempts: Attempt[]): void {
    const before = node.owners;
    const next = new Map(owners.map(owner => [owner.uid, owner]));
    const past = new Set(before.map(owner => owner.uid));
    // an owner that waits for blocking dependents may have waited for this one
    for (const owner of before) {
      const ownerNode = this.#nodes.get(owner.uid);
      const stillBlocks = next.get(owner.uid)?.blockOwnerDeletion === true;
      if (owner.blockOwnerDeletion === true && !stillBlocks && ownerNode !== undefined)
        attempts.push(collect(ownerNode));
    }
    node.owners = owners;
    const added = owners.filter(owner => !past.has(owner.uid));
    this.#link(node, added, attempts);
    for (const owner of before) if (!next.has(owner.uid)) this.#nodes.get(owner.uid)?.dependents.delete(node);
  }

  #drop(node: GraphNode, identity: Identity): Attempt[] {
    this.#nodes.delete(node.identity.uid);
    const owners = node.owners.flatMap(owner => this.#nodes.get(owner.uid) ?? []);
    for (const owner of owners) owner.dependents.delete(node);
    if (node.dependents.size > 0) this.absent.add(identity);
    return [...collectAll(node.dependents), ...collectAll(owners.filter(owner => owner.deletingDependents))];
  }
}

function newNode(identity: Identity, owners: readonly OwnerReference[], virtual: boolean): GraphNode {
  const state = { virtual, beingDeleted: false, deletingDependents: false, looks: 0 };
  return { identity, owners, dependents: new Set(), ...state };
}

/** True for what is deleted and waits for this finalizer. */
export function isHeldBy({ deletionTimestamp, finalizers }: ObjectMeta, finalizer: string): boolean {
  return deletionTimestamp !== undefined && (finalizers ?? []).includes(finalizer);
}

function collect({ identity }: GraphNode): Attempt {
  return { kind: 'collect', uid: identity.uid };
}

function collectAll(nodes: Iterable<GraphNode>): Attempt[] {
  return [...nodes].map(collect);
}
