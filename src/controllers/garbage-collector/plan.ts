import type { ObjectMeta, OwnerReference } from '../../api/types/gen/meta-v1.ts';
import { FOREGROUND_FINALIZER, type GraphNode, isHeldBy, ORPHAN_FINALIZER } from './graph.ts';

/** What a live read told of an owner. */
export interface OwnerFound {
  readonly reference: OwnerReference;
  /** Solid: it is there. Dangling: it is not. Waiting: it is there, but only until its dependents are gone. */
  readonly state: 'solid' | 'dangling' | 'waiting';
}

export type Policy = 'Foreground' | 'Background' | 'Orphan';

/** What to do with an object, and why. */
export type Decision =
  | { readonly act: 'keep'; readonly because: string }
  /** Take the references to these uids away. */
  | { readonly act: 'unreference'; readonly uids: readonly string[]; readonly because: string }
  | {
      readonly act: 'delete';
      readonly policy: Policy;
      /** First let it not block its owners any more. */
      readonly unblocks: boolean;
      readonly because: string;
    }
  /** Take this finalizer away. */
  | { readonly act: 'finalize'; readonly finalizer: string; readonly because: string }
  /** Look at these first. */
  | { readonly act: 'look'; readonly uids: readonly string[]; readonly because: string };

/** True for what is on its way out by itself: what depends on it is looked at when it is gone. */
export function isLeaving({ virtual, beingDeleted, deletingDependents }: GraphNode): boolean {
  return !virtual && beingDeleted && !deletingDependents;
}

/** `live` is what is there under the owner's name; another uid is another object. */
export function ownerState({ uid }: OwnerReference, live: ObjectMeta | undefined): OwnerFound['state'] {
  if (live === undefined || live.uid !== uid) return 'dangling';
  return isHeldBy(live, FOREGROUND_FINALIZER) ? 'waiting' : 'solid';
}

/** What becomes of an owner that is deleted in the foreground: it goes when nothing blocks it. */
export function decideWaiting({ identity, dependents }: GraphNode): Decision {
  const blocking = [...dependents].filter(({ owners }) =>
    owners.some(owner => owner.uid === identity.uid && owner.blockOwnerDeletion === true),
  );
  if (blocking.length === 0)
    return { act: 'finalize', finalizer: FOREGROUND_FINALIZER, because: 'no dependent blocks it' };
  const uids = blocking.filter(node => !node.deletingDependents).map(node => node.identity.uid);
  return { act: 'look', uids, because: `${blocking.length} dependents block it` };
}

/** What becomes of an object whose owners were looked at. */
export function decide(node: GraphNode, live: ObjectMeta, owners: readonly OwnerFound[]): Decision {
  if (owners.length === 0) return { act: 'keep', because: 'it has no owner' };
  const inState = (state: OwnerFound['state']): readonly string[] =>
    owners.filter(owner => owner.state === state).map(owner => owner.reference.uid);
  const waiting = inState('waiting');
  if (inState('solid').length > 0) {
    // an owner that waits would wait for ever for what another one keeps
    const uids = [...inState('dangling'), ...waiting];
    return uids.length === 0
      ? { act: 'keep', because: 'all its owners are there' }
      : { act: 'unreference', uids, because: 'one owner is there, others are not or wait for it' };
  }
  if (waiting.length > 0 && node.dependents.size > 0) {
    // owners and dependents that all wait may be a circle: somebody has to let go
    const unblocks = [...node.dependents].some(dependent => dependent.deletingDependents);
    return { act: 'delete', policy: 'Foreground', unblocks, because: 'an owner waits for it, and it has dependents' };
  }
  return { act: 'delete', policy: policyOf(live), unblocks: false, because: 'no owner is left that keeps it' };
}

/** A finalizer that is there already says what whoever deleted it wants; else dependents follow by themselves. */
function policyOf({ finalizers = [] }: ObjectMeta): Policy {
  if (finalizers.includes(ORPHAN_FINALIZER)) return 'Orphan';
  return finalizers.includes(FOREGROUND_FINALIZER) ? 'Foreground' : 'Background';
}

/** True where a conflict came of changes that do not matter here: the object is the same, and so are its owners. */
export function isSameButNewer(before: ObjectMeta, now: ObjectMeta): boolean {
  return (
    now.uid === before.uid &&
    now.resourceVersion !== before.resourceVersion &&
    JSON.stringify(now.ownerReferences ?? []) === JSON.stringify(before.ownerReferences ?? [])
  );
}

/** A change of owner references: as a strategic patch, and for kinds that take none as the whole list by that of the object at hand. */
export interface ReferencesPatch {
  readonly strategic: object;
  merge(live: ObjectMeta): object;
}

/** Takes references away. The uid in it makes sure that it is this object, and no later one of its name. */
export function withoutReferences(uid: string, owners: readonly string[]): ReferencesPatch {
  return {
    strategic: { metadata: { uid, ownerReferences: owners.map(owner => ({ $patch: 'delete', uid: owner })) } },
    merge: live =>
      mergePatch(
        live,
        (live.ownerReferences ?? []).filter(reference => !owners.includes(reference.uid)),
      ),
  };
}

/** Lets an object not block its owners. */
export function withoutBlocking(before: ObjectMeta): ReferencesPatch {
  const free = (reference: OwnerReference): OwnerReference => ({ ...reference, blockOwnerDeletion: false });
  const blocking = (before.ownerReferences ?? []).filter(reference => reference.blockOwnerDeletion === true);
  return {
    strategic: { metadata: { uid: before.uid, ownerReferences: blocking.map(free) } },
    merge: live => mergePatch(live, (live.ownerReferences ?? []).map(free)),
  };
}

/** Undefined where the finalizer is gone already. */
export function withoutFinalizer(
  { resourceVersion, finalizers = [] }: ObjectMeta,
  finalizer: string,
): object | undefined {
  if (!finalizers.includes(finalizer)) return undefined;
  return { metadata: { resourceVersion, finalizers: finalizers.filter(each => each !== finalizer) } };
}

function mergePatch({ uid, resourceVersion }: ObjectMeta, ownerReferences: readonly OwnerReference[]): object {
  return { metadata: { uid, resourceVersion, ownerReferences } };
}

/** client-go's pauses for what is tried again: 5 ms, doubled each time, at most 1,000 s. */
const FIRST_LOOK_MS = 5;
const MAX_LOOK_MS = 1_000_000;

/** When to look again at what nobody tells of: a virtual node, or a kind that is not served. */
export function nextLookMs(looks: number): number {
  return Math.min(FIRST_LOOK_MS * 2 ** Math.min(looks, 30), MAX_LOOK_MS);
}
