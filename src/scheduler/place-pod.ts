import { TimeSlice } from '../base/time-slice.ts';
import { PodChecks, prepareChecks } from './filter/all.ts';
import type { Refusal } from './filter/filter.ts';
import type { Diagnosis } from './fit-error.ts';
import type { NodeInfo } from './node-info.ts';
import type { Picture } from './picture.ts';
import type { PodInfo } from './pod-info.ts';
import { totalScores } from './score/all.ts';
import { takeSteps } from './steps.ts';

/** Where a pod goes, or why it goes nowhere. */
export type Placement =
  | { readonly kind: 'node'; readonly node: string }
  | { readonly kind: 'no-nodes' }
  | { readonly kind: 'refused'; readonly diagnosis: Diagnosis; readonly checks: PodChecks | undefined };

/** Nodes are kept for pods that others were removed for; they count before they are there. */
export interface Nominations {
  nominatedOn(node: string): readonly PodInfo[];
  /** The node that is kept for a pod. */
  nodeOf(uid: string): string | undefined;
}

export interface PlaceOptions {
  readonly nominations: Nominations;
  /** 0 <= x < 1: decides between nodes that are equally good. */
  readonly random: () => number;
  /** The place in the order of nodes where the search begins. */
  readonly start: number;
}

/** Upstream: a search ends early when it has found enough nodes, but at least so many and so many percent. */
const MIN_NODES = 100;
const MIN_PERCENT = 5;

/** How many nodes that fit are enough: all of up to 100, then from 50 % down to 5 % as they become many. */
export function enoughNodes(total: number): number {
  if (total < MIN_NODES) return total;
  const percent = Math.max(MIN_PERCENT, 50 - Math.trunc(total / 125));
  return Math.max(MIN_NODES, Math.trunc((total * percent) / 100));
}

/**
 * Finds the best node for a pod in a picture that stands still meanwhile; lets others run in between. Returns how many nodes it has asked about, too:
 * the next search begins behind them.
 */
export async function placePod(
  pod: PodInfo,
  picture: Picture,
  options: PlaceOptions,
): Promise<{ readonly placement: Placement; readonly asked: number }> {
  const { nodes } = picture;
  if (nodes.length === 0) return { placement: { kind: 'no-nodes' }, asked: 0 };
  const slice = new TimeSlice();
  const checks = await takeSteps(prepareChecks(pod, picture), slice);
  if (!(checks instanceof PodChecks)) {
    const diagnosis = {
      total: nodes.length,
      everywhere: checks,
      byNode: new Map<string, Refusal>(),
      rejectors: new Set([checks.plugin]),
    };
    return { placement: { kind: 'refused', diagnosis, checks: undefined }, asked: 0 };
  }
  const kept = picture.node(options.nominations.nodeOf(pod.uid) ?? '');
  if (kept !== undefined && checkNode(pod, kept, checks, options.nominations) === undefined)
    return { placement: { kind: 'node', node: kept.name }, asked: 0 };
  const asked = await search(pod, candidates(picture, checks), checks, options, slice);
  if (asked.feasible.length === 0) {
    const diagnosis = {
      total: nodes.length,
      byNode: asked.refusals,
      ...(checks.only === undefined ? {} : { elsewhere: "node(s) didn't satisfy plugin(s) [NodeAffinity]" }),
      rejectors: new Set([
        ...(checks.only === undefined ? [] : ['NodeAffinity']),
        ...[...asked.refusals.values()].map(({ plugin }) => plugin),
      ]),
    };
    return { placement: { kind: 'refused', diagnosis, checks }, asked: asked.refusals.size };
  }
  const node = await best(pod, picture, asked.feasible, options.random, slice);
  return { placement: { kind: 'node', node }, asked: asked.feasible.length + asked.refusals.size };
}

/**
 * Asks about one node. Pods that a node is kept for count as if they were there, unless they matter less; but the pod has to fit without them as well,
 * because they may end up elsewhere.
 */
export function checkNode(
  pod: PodInfo,
  node: NodeInfo,
  checks: PodChecks,
  nominations: Nominations,
): Refusal | undefined {
  const kept = nominations.nominatedOn(node.name).filter(each => each.priority >= pod.priority && each.uid !== pod.uid);
  if (kept.length === 0) return checks.check(node);
  const supposed = node.copy();
  const supposedChecks = checks.copy();
  for (const each of kept) {
    supposed.add(each);
    supposedChecks.count(each, supposed, 1);
  }
  return supposedChecks.check(supposed) ?? checks.check(node);
}

function candidates(picture: Picture, { only }: PodChecks): readonly NodeInfo[] {
  if (only === undefined) return picture.nodes;
  return [...only].map(name => picture.node(name)).filter(info => info !== undefined);
}

async function search(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  checks: PodChecks,
  { nominations, start }: PlaceOptions,
  slice: TimeSlice,
): Promise<{ readonly feasible: readonly NodeInfo[]; readonly refusals: ReadonlyMap<string, Refusal> }> {
  const enough = enoughNodes(nodes.length);
  const feasible: NodeInfo[] = [];
  const refusals = new Map<string, Refusal>();
  for (let i = 0; i < nodes.length && feasible.length < enough; i += 1) {
    const node = nodes[(start + i) % nodes.length];
    if (node === undefined) continue;
    const refusal = checkNode(pod, node, checks, nominations);
    if (refusal === undefined) feasible.push(node);
    else refusals.set(node.name, refusal);
    if (slice.used) await slice.breathe();
  }
  return { feasible, refusals };
}

/** The node with the most; one of them by chance where several have it. */
async function best(
  pod: PodInfo,
  picture: Picture,
  feasible: readonly NodeInfo[],
  random: () => number,
  slice: TimeSlice,
): Promise<string> {
  if (feasible.length === 1) return feasible[0]?.name ?? '';
  const totals = await takeSteps(totalScores(pod, picture, feasible), slice);
  const most = Math.max(...totals);
  const winners = feasible.filter((_, i) => totals[i] === most);
  return winners[Math.floor(random() * winners.length)]?.name ?? '';
}
