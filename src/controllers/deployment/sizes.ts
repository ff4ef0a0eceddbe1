import type { Deployment, ReplicaSet } from '../../api/types/gen/apps-v1.ts';
import { rollingLimits } from './limits.ts';
import { byAge, desiredOf, maxOf } from './revisions.ts';

/** A set and how many pods it shall have. */
export interface Size {
  readonly set: ReplicaSet;
  readonly replicas: number;
}

const wantedBy = (set: ReplicaSet): number => set.spec.replicas ?? 1;
const sum = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number): number =>
  sets.reduce((total, set) => total + count(set), 0);
const availableIn = (set: ReplicaSet): number => set.status?.availableReplicas ?? 0;
const isActive = (set: ReplicaSet): boolean => wantedBy(set) > 0;

/** How many pods the set of the present template has when it is made. */
export function firstSize(deployment: Deployment, older: readonly ReplicaSet[]): number {
  return grown(deployment, older, 0);
}

/** As many as the surge leaves room for, and no more than wanted. */
function grown(deployment: Deployment, all: readonly ReplicaSet[], present: number): number {
  const wanted = deployment.spec.replicas ?? 1;
  if (deployment.spec.strategy.type === 'Recreate') return wanted;
  const room = wanted + rollingLimits(deployment).maxSurge - sum(all, wantedBy);
  return room <= 0 ? present : present + Math.min(room, wanted - present);
}

/** True where the wanted number was changed since a set was written last: then the sets are scaled in proportion, before the roll-out goes on. */
export function wasScaled(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.filter(isActive).some(set => {
    const desired = desiredOf(set);
    return desired !== undefined && desired !== deployment.spec.replicas;
  });
}

/** One step of a rolling update: the new set grows while there is room, else older ones shrink while enough pods are available. Those whose pods are not come first. */
export function rollingSizes(
  deployment: Deployment,
  present: ReplicaSet,
  older: readonly ReplicaSet[],
): readonly Size[] {
  const wanted = deployment.spec.replicas ?? 1;
  const all = [...older, present];
  const now = wantedBy(present);
  const next = now > wanted ? wanted : now === wanted ? now : grown(deployment, all, now);
  if (next !== now) return [{ set: present, replicas: next }];
  return shrunk(deployment, present, byAge(older.filter(isActive)));
}

function shrunk(deployment: Deployment, present: ReplicaSet, older: readonly ReplicaSet[]): readonly Size[] {
  const wanted = deployment.spec.replicas ?? 1;
  const minAvailable = wanted - rollingLimits(deployment).maxUnavailable;
  const notYet = wantedBy(present) - availableIn(present);
  let mayGo = sum([...older, present], wantedBy) - minAvailable - notYet;
  if (mayGo <= 0) return [];
  const sizes = new Map(older.map(set => [set, wantedBy(set)]));
  const take = (set: ReplicaSet, count: number): number => {
    sizes.set(set, (sizes.get(set) ?? 0) - count);
    return count;
  };
  for (const set of older) mayGo -= take(set, Math.max(0, Math.min(mayGo, wantedBy(set) - availableIn(set))));
  let spare = sum([...older, present], availableIn) - minAvailable;
  for (const set of older) spare -= take(set, Math.max(0, Math.min(spare, sizes.get(set) ?? 0)));
  return older.flatMap(set => (sizes.get(set) === wantedBy(set) ? [] : [{ set, replicas: sizes.get(set) ?? 0 }]));
}

/** Sizes after the wanted number was changed, or while the deployment is paused: one active set takes it all, several share it in proportion. */
export function scaledSizes(
  deployment: Deployment,
  present: ReplicaSet | undefined,
  older: readonly ReplicaSet[],
): readonly Size[] {
  const wanted = deployment.spec.replicas ?? 1;
  const all = present === undefined ? older : [...older, present];
  const active = all.filter(isActive);
  if (active.length < 2) {
    const only = active[0] ?? present ?? byAge(older).at(-1);
    return only === undefined ? [] : [{ set: only, replicas: wanted }];
  }
  if (present !== undefined && isSaturated(deployment, present))
    return older.filter(isActive).map(set => ({ set, replicas: 0 }));
  return deployment.spec.strategy.type === 'RollingUpdate' ? proportional(deployment, active) : [];
}

function isSaturated(deployment: Deployment, set: ReplicaSet): boolean {
  const { replicas } = deployment.spec;
  return wantedBy(set) === replicas && desiredOf(set) === replicas && availableIn(set) === replicas;
}

/** The largest first; of equals the newer when growing, the older when shrinking. What rounding leaves goes to the first. */
function proportional(deployment: Deployment, active: readonly ReplicaSet[]): readonly Size[] {
  const wanted = deployment.spec.replicas ?? 1;
  const allowed = wanted > 0 ? wanted + rollingLimits(deployment).maxSurge : 0;
  const change = allowed - sum(active, wantedBy);
  const aged = change > 0 ? byAge(active).toReversed() : byAge(active);
  const ordered = aged.toSorted((a, b) => wantedBy(b) - wantedBy(a));
  let done = 0;
  const sizes = ordered.map(set => {
    const share = change === 0 ? 0 : shareOf(deployment, set, change - done);
    done += share;
    return { set, replicas: wantedBy(set) + share };
  });
  return sizes.map((size, index) =>
    index === 0 ? { ...size, replicas: Math.max(0, size.replicas + change - done) } : size,
  );
}

function shareOf(deployment: Deployment, set: ReplicaSet, left: number): number {
  if (left === 0) return 0;
  const wanted = deployment.spec.replicas ?? 1;
  const size = wantedBy(set);
  if (wanted === 0) return Math.max(-size, left);
  const before = maxOf(set) || (deployment.status.replicas ?? 0);
  if (before === 0) return 0;
  const exact = (size * (wanted + rollingLimits(deployment).maxSurge)) / before;
  const share = Math.round(exact) - size;
  return left > 0 ? Math.min(share, left) : Math.max(share, left);
}
