import type { Pod } from '../../api/types/gen/core-v1.ts';
import { TimeSlice } from '../../base/time-slice.ts';
import type { PodChecks } from '../filter/all.ts';
import type { Refusal } from '../filter/filter.ts';
import { type Diagnosis, fitErrorText } from '../fit-error.ts';
import type { NodeInfo } from '../node-info.ts';
import type { Picture } from '../picture.ts';
import type { Nominations } from '../place-pod.ts';
import type { PodInfo } from '../pod-info.ts';
import { bestVictims } from './best-victims.ts';
import { type Victims, victimsOn } from './victims.ts';

/** What removing other pods can do for one that fits nowhere. */
export type Preemption =
  | { readonly kind: 'victims'; readonly victims: Victims }
  /** Nothing; a node that was kept for it is kept no more. */
  | { readonly kind: 'useless'; readonly message: string }
  /** It may not, or has done so already: a node that is kept for it is kept on. */
  | { readonly kind: 'not-now'; readonly message: string };

export interface PreemptionOptions {
  readonly picture: Picture;
  readonly nominations: Nominations;
  /** 0 <= x < 1: where among the nodes the search begins. */
  readonly random: () => number;
  /** In ms since the epoch. */
  readonly now: number;
}

const NOT_HELPFUL = 'Preemption is not helpful for scheduling';
const NEVER = 'not eligible due to preemptionPolicy=Never.';
const TERMINATING = 'not eligible due to a terminating pod on the nominated node.';
/** Upstream: enough to choose from are 100 nodes, or a tenth where that is more. */
const MIN_CANDIDATES = 100;
const CANDIDATE_PART = 10;

/** Looks for the node where the least has to go for a pod. Changes nothing; lets others run in between. */
export async function findPreemption(
  pod: PodInfo,
  diagnosis: Diagnosis,
  checks: PodChecks | undefined,
  options: PreemptionOptions,
): Promise<Preemption> {
  const reason = whyNot(pod, diagnosis, options);
  if (reason !== undefined) return { kind: 'not-now', message: told(reason) };
  const nodes = [...diagnosis.byNode]
    .filter(([, { isFinal }]) => !isFinal)
    .map(([name]) => options.picture.node(name))
    .filter(node => node !== undefined);
  const { candidates, refusals } = await tryOut(pod, nodes, checks, options);
  const victims = bestVictims(candidates, options.now);
  if (victims !== undefined) return { kind: 'victims', victims };
  const text = fitErrorText({ total: diagnosis.total, byNode: refusals, elsewhere: NOT_HELPFUL });
  return { kind: 'useless', message: told(text) };
}

/** Upstream's two plugins speak in turn: of devices, which are not given out here and so not given back, and of preemption. */
function told(message: string): string {
  return `no new claims to deallocate, preemption: ${message}`;
}

function whyNot(pod: PodInfo, { byNode }: Diagnosis, { picture, nominations }: PreemptionOptions): string | undefined {
  if (pod.pod.spec.preemptionPolicy === 'Never') return NEVER;
  const kept = nominations.nodeOf(pod.uid) ?? '';
  // a node that will not do any more, whoever goes, is no reason to wait
  if (byNode.get(kept)?.isFinal === true) return undefined;
  const onIt = [...(picture.node(kept)?.pods.values() ?? [])];
  return onIt.some(each => each.priority < pod.priority && isGoingForOthers(each.pod)) ? TERMINATING : undefined;
}

/** True for a pod that is on its way out because a scheduler removed it. */
function isGoingForOthers({ metadata, status }: Pod): boolean {
  if (metadata.deletionTimestamp === undefined) return false;
  const condition = status.conditions?.find(({ type }) => type === 'DisruptionTarget');
  return condition?.status === 'True' && condition.reason === 'PreemptionByScheduler';
}

async function tryOut(
  pod: PodInfo,
  nodes: readonly NodeInfo[],
  checks: PodChecks | undefined,
  { picture, nominations, random, now }: PreemptionOptions,
): Promise<{ readonly candidates: readonly Victims[]; readonly refusals: ReadonlyMap<string, Refusal> }> {
  const candidates: Victims[] = [];
  const refusals = new Map<string, Refusal>();
  if (checks === undefined) return { candidates, refusals };
  const enough = Math.max(MIN_CANDIDATES, Math.trunc(nodes.length / CANDIDATE_PART));
  const start = Math.floor(random() * nodes.length);
  const slice = new TimeSlice();
  const budgetsOf = (namespace: string) => picture.disruptionBudgets(namespace);
  for (let i = 0; i < nodes.length && !isEnough(candidates, enough); i += 1) {
    const node = nodes[(start + i) % nodes.length];
    if (node === undefined) continue;
    const victims = victimsOn(pod, node, checks, { nominations, budgetsOf, now });
    if ('reasons' in victims) refusals.set(node.name, victims);
    else if (victims.pods.length > 0) candidates.push(victims);
    if (slice.used) await slice.breathe();
  }
  return { candidates, refusals };
}

function isEnough(candidates: readonly Victims[], enough: number): boolean {
  return candidates.length >= enough && candidates.some(({ violations }) => violations === 0);
}
