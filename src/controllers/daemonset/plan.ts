import type { DaemonSet } from '../../api/types/gen/apps-v1.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { scaled } from '../pods/int-or-percent.ts';
import { availableInMs, isReady } from '../pods/pod-state.ts';
import { REVISION_HASH } from '../revisions/plan.ts';
import { byAge, type Fitness, isPresent, nodeOfDaemon } from './daemon-pod.ts';

/** Which pods a daemon set makes and deletes: upstream's order and limits. */

export interface DaemonWorld {
  readonly set: DaemonSet;
  readonly nodes: readonly Node[];
  readonly fitness: (node: Node) => Fitness;
  /** The pods of the set but for those that have ended and are deleted. */
  readonly pods: readonly Pod[];
  /** Of the present template. */
  readonly hash: string;
  /** Ms since the epoch. */
  readonly now: number;
  /** For how long a failed pod of a node has to wait for its deletion, in ms: 0 not at all. */
  readonly heldBackMs: (node: string) => number;
}

export interface Removal {
  readonly pod: Pod;
  readonly node: string;
  readonly because: 'failed' | 'succeeded' | 'surplus' | 'not here' | 'no node' | 'outdated';
}

export interface DaemonPlan {
  /** Nodes that get a pod. */
  readonly create: readonly string[];
  readonly remove: readonly Removal[];
  /** When to look again for failed pods that are held back, in ms. */
  readonly againInMs: number | undefined;
}

const isDeleted = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;

/** Pods by the names of their nodes. */
export function podsByNode(pods: readonly Pod[]): ReadonlyMap<string, readonly Pod[]> {
  const result = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = nodeOfDaemon(pod);
    if (node === undefined) continue;
    const known = result.get(node);
    if (known === undefined) result.set(node, [pod]);
    else known.push(pod);
  }
  return result;
}

/** First each node has what it should; only then a step of the update is made. */
export function planDaemons(world: DaemonWorld): DaemonPlan {
  const plan = planNodes(world);
  if (plan.create.length > 0 || plan.remove.length > 0) return plan;
  if (world.set.spec.updateStrategy.type === 'OnDelete') return plan;
  const { maxSurge, maxUnavailable, desired } = rollingLimits(world);
  const step = maxSurge === 0 ? replaceStep(world, maxUnavailable) : surgeStep(world, maxSurge, desired);
  return { ...step, againInMs: plan.againInMs };
}

function planNodes(world: DaemonWorld): DaemonPlan {
  const { nodes, fitness, heldBackMs } = world;
  const found = podsByNode(world.pods);
  const create: string[] = [];
  const remove: Removal[] = [];
  const held: number[] = [];
  for (const node of nodes) {
    const { name = '' } = node.metadata;
    const { shouldRun, mayStay } = fitness(node);
    const pods = found.get(name);
    if (pods === undefined) {
      if (shouldRun) create.push(name);
      continue;
    }
    const living = pods.filter(pod => !isDeleted(pod));
    if (!mayStay) {
      remove.push(...living.map(pod => ({ pod, node: name, because: 'not here' as const })));
      continue;
    }
    const running: Pod[] = [];
    for (const pod of living) {
      const heldMs = pod.status.phase === 'Failed' ? heldBackMs(name) : 0;
      if (heldMs > 0) held.push(heldMs);
      else if (pod.status.phase === 'Failed') remove.push({ pod, node: name, because: 'failed' });
      else if (pod.status.phase === 'Succeeded') remove.push({ pod, node: name, because: 'succeeded' });
      else running.push(pod);
    }
    if (surgeOf(world.set, 1) === 0)
      remove.push(
        ...byAge(running)
          .slice(1)
          .map(pod => ({ pod, node: name, because: 'surplus' as const })),
      );
    else if (running.length === 0 && shouldRun) create.push(name);
    else remove.push(...surplusOfSurge(world, running).map(pod => ({ pod, node: name, because: 'surplus' as const })));
  }
  const there = new Set(nodes.map(({ metadata }) => metadata.name));
  // those that were placed are the pod garbage collector's
  for (const [node, pods] of found)
    if (!there.has(node))
      for (const pod of pods) if ((pod.spec.nodeName ?? '') === '') remove.push({ pod, node, because: 'no node' });
  return { create, remove, againInMs: held.length === 0 ? undefined : Math.min(...held) };
}

/** With a surge two may be there: one of the present template that is not available yet, and an older one that is ready. */
function surplusOfSurge({ set, hash, now }: DaemonWorld, running: readonly Pod[]): readonly Pod[] {
  if (running.length <= 1) return [];
  const ordered = byAge(running);
  const isNew = (pod: Pod): boolean => pod.metadata.labels?.[REVISION_HASH] === hash;
  const newest = ordered.find(isNew);
  const oldest = ordered.find(pod => !isNew(pod));
  const others = ordered.filter(pod => pod !== newest && pod !== oldest);
  if (newest === undefined || oldest === undefined) return others;
  return !isReady(oldest) || isAvailable(newest, set, now) ? [...others, oldest] : others;
}

function isAvailable(pod: Pod, { spec }: DaemonSet, now: number): boolean {
  return availableInMs(pod, spec.minReadySeconds ?? 0, now) === 0;
}

function surgeOf({ spec }: DaemonSet, nodes: number): number {
  const { type, rollingUpdate } = spec.updateStrategy;
  return type === 'OnDelete' ? 0 : scaled(rollingUpdate?.maxSurge, nodes, 'up');
}

interface RollingLimits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
  readonly desired: number;
}

/** Percentages are of the nodes that should have a pod, rounded up; both zero would be a standstill. */
function rollingLimits({ set, nodes, fitness }: DaemonWorld): RollingLimits {
  const desired = nodes.filter(node => fitness(node).shouldRun).length;
  const maxSurge = surgeOf(set, desired);
  const maxUnavailable = scaled(set.spec.updateStrategy.rollingUpdate?.maxUnavailable, desired, 'up');
  return { maxSurge, maxUnavailable: maxSurge === 0 && maxUnavailable === 0 ? 1 : maxUnavailable, desired };
}

interface OnNode {
  readonly node: string;
  readonly present: Pod | undefined;
  readonly outdated: Pod | undefined;
  /** More than one of a kind: the next look at all nodes clears that. */
  readonly isCrowded: boolean;
}

/** By the names of nodes, so that an update goes the same way after a restart. Nodes that should have a pod and have none are among them. */
function updatesByNode({ set, nodes, fitness, pods, hash }: DaemonWorld): readonly OnNode[] {
  const found = podsByNode(pods);
  const wanted = nodes.filter(node => fitness(node).shouldRun).map(({ metadata }) => metadata.name ?? '');
  return [...new Set([...found.keys(), ...wanted])].toSorted().map(node => {
    const living = (found.get(node) ?? []).filter(pod => !isDeleted(pod));
    const present = living.filter(pod => isPresent(pod, set, hash));
    const outdated = living.filter(pod => !present.includes(pod));
    return { node, present: present[0], outdated: outdated[0], isCrowded: present.length > 1 || outdated.length > 1 };
  });
}

/** Deletes as many outdated pods as may be missing; those that are not available count as missing already, and go at once. */
function replaceStep(world: DaemonWorld, maxUnavailable: number): Omit<DaemonPlan, 'againInMs'> {
  const { set, now } = world;
  const missing: Removal[] = [];
  const candidates: Removal[] = [];
  let unavailable = 0;
  for (const { node, present, outdated, isCrowded } of updatesByNode(world)) {
    if (isCrowded || (present === undefined) === (outdated === undefined)) unavailable += 1;
    else if (present !== undefined) unavailable += isAvailable(present, set, now) ? 0 : 1;
    else if (outdated !== undefined) {
      const removal: Removal = { pod: outdated, node, because: 'outdated' };
      if (isAvailable(outdated, set, now)) candidates.push(removal);
      else {
        missing.push(removal);
        unavailable += 1;
      }
    }
  }
  const left = Math.max(0, maxUnavailable - unavailable);
  return { create: [], remove: [...missing, ...candidates.slice(0, left)] };
}

/** Makes pods beside outdated ones, and deletes those once the new ones are available. */
function surgeStep(world: DaemonWorld, maxSurge: number, desired: number): Omit<DaemonPlan, 'againInMs'> {
  const { set, now, nodes, fitness } = world;
  const byName = new Map(nodes.map(node => [node.metadata.name ?? '', node]));
  const remove: Removal[] = [];
  const leaving: Removal[] = [];
  const atOnce: string[] = [];
  const candidates: string[] = [];
  let surging = 0;
  let available = 0;
  for (const { node: name, present, outdated, isCrowded } of updatesByNode(world)) {
    const node = byName.get(name);
    const first = outdated ?? present;
    if (isCrowded) surging += 1;
    else if (first !== undefined) available += isAvailable(first, set, now) ? 1 : 0;
    if (isCrowded || outdated === undefined) continue;
    const removal: Removal = { pod: outdated, node: name, because: 'outdated' };
    if (present !== undefined) {
      if (isAvailable(present, set, now)) remove.push(removal);
      else surging += 1;
    } else if (node === undefined) continue;
    else if (!fitness(node).shouldRun) (isAvailable(outdated, set, now) ? leaving : remove).push(removal);
    else (isAvailable(outdated, set, now) ? candidates : atOnce).push(name);
  }
  return {
    create: [...atOnce, ...candidates.slice(0, Math.max(0, maxSurge - surging))],
    // one that has to leave its node stays until enough are available elsewhere
    remove: [...remove, ...leaving.slice(0, Math.max(0, available - desired))],
  };
}

export interface StatusOfDaemons {
  readonly status: DaemonSet['status'];
  /** When the next pod that is ready counts as available, in ms. */
  readonly availableInMs: number | undefined;
}

/** Counts nodes, not pods: of several pods of a node the oldest stands for all. */
export function daemonStatus({ set, nodes, fitness, pods, hash, now }: DaemonWorld): StatusOfDaemons {
  const found = podsByNode(pods);
  const times: number[] = [];
  let [desired, current, misscheduled, ready, updated, available] = [0, 0, 0, 0, 0, 0];
  for (const node of nodes) {
    const [pod] = byAge(found.get(node.metadata.name ?? '') ?? []);
    if (!fitness(node).shouldRun) {
      misscheduled += pod === undefined ? 0 : 1;
      continue;
    }
    desired += 1;
    if (pod === undefined) continue;
    current += 1;
    updated += isPresent(pod, set, hash) ? 1 : 0;
    const leftMs = availableInMs(pod, set.spec.minReadySeconds ?? 0, now);
    if (leftMs === undefined) continue;
    ready += 1;
    if (leftMs > 0) times.push(leftMs);
    else available += 1;
  }
  return {
    status: {
      ...set.status,
      desiredNumberScheduled: desired,
      currentNumberScheduled: current,
      numberMisscheduled: misscheduled,
      numberReady: ready,
      updatedNumberScheduled: updated,
      numberAvailable: available,
      numberUnavailable: desired - available,
      ...(set.metadata.generation === undefined ? {} : { observedGeneration: set.metadata.generation }),
    },
    availableInMs: times.length === 0 ? undefined : Math.min(...times),
  };
}
