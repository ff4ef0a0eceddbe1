import type { StatefulSet, StatefulSetStatus } from '../../api/types/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/types/gen/core-v1.ts';
import type { OwnerReference } from '../../api/types/gen/meta-v1.ts';
import { availableInMs, hasEnded, isReady } from '../pods/pod-state.ts';
import { claimOwners, isStaleClaim } from './claim-owners.ts';
import {
  claimsOf,
  identityLabels,
  memberOf,
  ordinalOf,
  ordinalsOf,
  POD_NAME,
  revisionFor,
  revisionOf,
  type SetRevision,
} from './members.ts';

export type SetAction =
  | {
      readonly kind: 'create-claims';
      readonly pod: string;
      readonly claims: readonly PersistentVolumeClaim[];
      readonly because: string;
    }
  | {
      readonly kind: 'create';
      readonly pod: Pod;
      readonly claims: readonly PersistentVolumeClaim[];
      readonly because: string;
    }
  | { readonly kind: 'delete'; readonly pod: Pod; readonly because: string }
  | {
      readonly kind: 'label';
      readonly pod: Pod;
      readonly labels: { readonly [label: string]: string };
      readonly because: string;
    }
  | {
      readonly kind: 'own-claim';
      readonly claim: PersistentVolumeClaim;
      readonly owners: readonly OwnerReference[];
      readonly because: string;
    };

export interface SetWorld {
  readonly set: StatefulSet;
  /** The set's own. */
  readonly pods: readonly Pod[];
  /** By name, of the namespace. */
  readonly claim: (name: string) => PersistentVolumeClaim | undefined;
  readonly current: SetRevision;
  readonly update: SetRevision;
  /** In ms. */
  readonly now: number;
}

export interface SetPlan {
  readonly actions: readonly SetAction[];
  /** Ms until a pod that is ready counts as available; undefined: not by time. */
  readonly againInMs: number | undefined;
}

interface Member {
  readonly ordinal: number;
  readonly pod: Pod | undefined;
}

/**
 * The next steps of a set, in upstream's order: members from the first on, each only when the one before is available (all at once under Parallel); then those
 * beyond the number, from the last on; then members of another revision, from the last on, one at a time.
 */
export function planStatefulSet(world: SetWorld): SetPlan {
  const { set, pods, now } = world;
  if (set.metadata.deletionTimestamp !== undefined) return { actions: [], againInMs: undefined };
  const { start, count } = ordinalsOf(set);
  const byOrdinal = new Map(pods.map(pod => [ordinalOf(set, pod), pod]));
  const members = Array.from(
    { length: count },
    (_, i): Member => ({ ordinal: start + i, pod: byOrdinal.get(start + i) }),
  );
  const surplus = pods
    .filter(pod => !isWithin(ordinalOf(set, pod) ?? -1, start, count))
    .sort((a, b) => (ordinalOf(set, b) ?? 0) - (ordinalOf(set, a) ?? 0));
  const actions: SetAction[] = [];
  const isWhole = planMembers(world, members, actions) && planSurplus(world, members, surplus, actions);
  if (isWhole) planUpdate(world, members, actions);
  const waits = pods
    .map(pod => availableInMs(pod, set.spec.minReadySeconds ?? 0, now))
    .filter(ms => ms !== undefined && ms > 0);
  return { actions, againInMs: waits.length === 0 ? undefined : Math.min(...(waits as number[])) };
}

function isWithin(ordinal: number, start: number, count: number): boolean {
  return ordinal >= start && ordinal < start + count;
}

function isParallel({ spec }: StatefulSet): boolean {
  return spec.podManagementPolicy === 'Parallel';
}

/** False where something has to happen first, before anything is deleted; under Parallel nothing waits. */
function planMembers(world: SetWorld, members: readonly Member[], actions: SetAction[]): boolean {
  for (const member of members) if (!planMember(world, member, actions) && !isParallel(world.set)) return false;
  return true;
}

/** True where the member is as it has to be. */
function planMember(world: SetWorld, { ordinal, pod }: Member, actions: SetAction[]): boolean {
  const { set } = world;
  if (pod !== undefined && hasEnded(pod)) {
    if (pod.metadata.deletionTimestamp === undefined)
      actions.push({ kind: 'delete', pod, because: 'it has ended, and a member has to run' });
    return false;
  }
  const claims = claimsOf(set, ordinal);
  if (pod === undefined) {
    const created = memberOf(set, ordinal, revisionFor(set, ordinal, world.current, world.update));
    const isStale = claims.some(({ metadata }) => {
      const known = world.claim(metadata.name ?? '');
      return known !== undefined && isStaleClaim(set, known, created);
    });
    if (!isStale)
      actions.push({
        kind: 'create',
        pod: created,
        claims: missing(world, claims),
        because: 'the set has no such member',
      });
    return false;
  }
  if (pod.status.phase === 'Pending') {
    const absent = missing(world, claims);
    if (absent.length > 0)
      actions.push({
        kind: 'create-claims',
        pod: pod.metadata.name ?? '',
        claims: absent,
        because: 'the pod waits for them',
      });
  }
  planIdentity(pod, ordinal, actions);
  planOwners(world, pod, claims, actions);
  return isAvailable(world, pod);
}

function missing(world: SetWorld, claims: readonly PersistentVolumeClaim[]): PersistentVolumeClaim[] {
  return claims.filter(({ metadata }) => world.claim(metadata.name ?? '') === undefined);
}

function planIdentity(pod: Pod, ordinal: number, actions: SetAction[]): void {
  const { name = '', labels, deletionTimestamp } = pod.metadata;
  if (labels?.[POD_NAME] === name || deletionTimestamp !== undefined) return;
  actions.push({
    kind: 'label',
    pod,
    labels: identityLabels(name, ordinal),
    because: 'its name is not among its labels',
  });
}

function planOwners(world: SetWorld, pod: Pod, claims: readonly PersistentVolumeClaim[], actions: SetAction[]): void {
  for (const { metadata } of claims) {
    const claim = world.claim(metadata.name ?? '');
    const owners = claim === undefined ? undefined : claimOwners(world.set, pod, claim);
    if (claim !== undefined && owners !== undefined)
      actions.push({ kind: 'own-claim', claim, owners, because: 'the retention policy of the set' });
  }
}

/** False where pods beyond the number are still there. */
function planSurplus(
  world: SetWorld,
  members: readonly Member[],
  surplus: readonly Pod[],
  actions: SetAction[],
): boolean {
  const { set } = world;
  for (const pod of surplus) planOwners(world, pod, claimsOf(set, ordinalOf(set, pod) ?? -1), actions);
  const because = 'the set is to have fewer members';
  if (isParallel(set)) {
    for (const pod of surplus)
      if (pod.metadata.deletionTimestamp === undefined) actions.push({ kind: 'delete', pod, because });
    return true;
  }
  const [last] = surplus;
  if (last === undefined) return true;
  // the first that is not available may go, whatever it is: it would never become so by waiting
  const all = [...members.map(({ pod }) => pod), ...surplus.toReversed()];
  const firstUnavailable = all.find(pod => pod === undefined || !isAvailable(world, pod));
  if (last.metadata.deletionTimestamp === undefined && (isAvailable(world, last) || last === firstUnavailable))
    actions.push({ kind: 'delete', pod: last, because });
  return false;
}

/** The last member that is not of the update goes, once all behind it are available. */
function planUpdate(world: SetWorld, members: readonly Member[], actions: SetAction[]): void {
  const { set, update } = world;
  if (set.spec.updateStrategy.type === 'OnDelete') return;
  const from = set.spec.updateStrategy.rollingUpdate?.partition ?? 0;
  for (const { pod } of members.slice(from).toReversed()) {
    if (pod === undefined) return;
    const isGoing = pod.metadata.deletionTimestamp !== undefined;
    if (revisionOf(pod) !== update.name && !isGoing) {
      actions.push({ kind: 'delete', pod, because: 'it is of another revision' });
      return;
    }
    if (!isAvailable(world, pod)) return;
  }
}

function isAvailable({ set, now }: SetWorld, pod: Pod): boolean {
  return (
    pod.metadata.deletionTimestamp === undefined &&
    pod.status.phase === 'Running' &&
    availableInMs(pod, set.spec.minReadySeconds ?? 0, now) === 0
  );
}

/** The status of a set by its pods. An update that has reached all of them becomes the current revision. */
export function statefulSetStatus(world: SetWorld, collisionCount: number): StatefulSetStatus {
  const { set, pods, current, update } = world;
  const live = pods.filter(pod => pod.metadata.deletionTimestamp === undefined);
  const ready = pods.filter(pod => pod.status.phase === 'Running' && isReady(pod));
  const counts = {
    replicas: pods.length,
    readyReplicas: ready.length,
    availableReplicas: ready.filter(pod => availableInMs(pod, set.spec.minReadySeconds ?? 0, world.now) === 0).length,
    currentReplicas: live.filter(pod => revisionOf(pod) === current.name).length,
    updatedReplicas: live.filter(pod => revisionOf(pod) === update.name).length,
  };
  const { count } = ordinalsOf(set);
  const isRolling = set.spec.updateStrategy.type !== 'OnDelete';
  const isComplete =
    isRolling && [counts.updatedReplicas, counts.readyReplicas, counts.replicas].every(each => each === count);
  return {
    observedGeneration: set.metadata.generation ?? 0,
    ...counts,
    ...(isComplete ? { currentReplicas: counts.updatedReplicas } : {}),
    currentRevision: isComplete ? update.name : current.name,
    updateRevision: update.name,
    collisionCount,
    ...(set.status.conditions === undefined ? {} : { conditions: set.status.conditions }),
  };
}
