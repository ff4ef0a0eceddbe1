import { equalValues } from '../../api/semantic-equal.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Condition } from '../../api/types/gen/meta-v1.ts';
import type { PodDisruptionBudget } from '../../api/types/gen/policy-v1.ts';
import { scaled } from '../pods/int-or-percent.ts';
import { conditionOf, hasEnded, isReady } from '../pods/pod-state.ts';

/** How many pods of a budget may be missing: upstream's rules, words and times. */

type Status = PodDisruptionBudget['status'];

/** Whom an eviction has announced for longer than this is not going to be deleted. */
const DELETION_MS = 120_000;
/** The same for a pod that says itself that it is about to be deleted. */
const STALE_MS = 120_000;
const ALLOWED = 'DisruptionAllowed';

/** True where the number of pods that there should be is that of their controllers, not that of the pods. */
export function needsScale({ spec }: PodDisruptionBudget): boolean {
  return spec.maxUnavailable !== undefined || typeof spec.minAvailable === 'string';
}

export interface Expectation {
  readonly expectedPods: number;
  readonly desiredHealthy: number;
}

/** `scale` is the sum of what the controllers of the pods want; it counts where `needsScale` says so. */
export function expectation({ spec }: PodDisruptionBudget, pods: number, scale: number): Expectation {
  const { minAvailable, maxUnavailable } = spec;
  if (maxUnavailable !== undefined)
    return { expectedPods: scale, desiredHealthy: Math.max(0, scale - scaled(maxUnavailable, scale, 'up')) };
  if (minAvailable === undefined) return { expectedPods: 0, desiredHealthy: 0 };
  if (typeof minAvailable === 'number') return { expectedPods: pods, desiredHealthy: minAvailable };
  return { expectedPods: scale, desiredHealthy: scaled(minAvailable, scale, 'up') };
}

export interface BudgetJudgement {
  /** What the status should be; undefined where it is. */
  readonly status: Status | undefined;
  /** Pods that an eviction has announced, and that nobody deleted. */
  readonly notDeleted: readonly Pod[];
  /** When the next of those that were announced is late, in ms since the epoch. */
  readonly lookAgainAt: number | undefined;
}

export function judge(
  budget: PodDisruptionBudget,
  pods: readonly Pod[],
  { expectedPods, desiredHealthy }: Expectation,
  now: number,
  timeNow: string,
): BudgetJudgement {
  const announced = budget.status.disruptedPods ?? {};
  const lateAt = ({ metadata: { name = '' } }: Pod): number | undefined =>
    Object.hasOwn(announced, name) ? Date.parse(announced[name] ?? '') + DELETION_MS : undefined;
  const staying = pods.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
  const waiting = staying.filter(pod => (lateAt(pod) ?? -1) >= now);
  const notDeleted = staying.filter(pod => (lateAt(pod) ?? now) < now);
  const currentHealthy = staying.filter(pod => isReady(pod) && !((lateAt(pod) ?? -1) > now)).length;
  const surplus = expectedPods <= 0 ? 0 : Math.max(0, currentHealthy - desiredHealthy);
  const disruptedPods = Object.fromEntries(
    waiting.map(({ metadata: { name = '' } }) => [name, announced[name] ?? timeNow]),
  );
  const observedGeneration = budget.metadata.generation;
  const wanted: Status = {
    currentHealthy,
    desiredHealthy,
    expectedPods,
    disruptionsAllowed: surplus,
    ...(waiting.length === 0 ? {} : { disruptedPods }),
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    conditions: withCondition(
      budget,
      surplus > 0
        ? { status: 'True', reason: 'SufficientPods', message: '' }
        : { status: 'False', reason: 'InsufficientPods', message: '' },
      observedGeneration,
      timeNow,
    ),
  };
  const had = { ...budget.status, disruptedPods: waiting.length === 0 ? undefined : budget.status.disruptedPods };
  const isSame = equalValues(had, wanted) && Object.keys(announced).length === waiting.length;
  const times = waiting.map(pod => lateAt(pod) ?? now);
  return {
    status: isSame ? undefined : wanted,
    notDeleted,
    lookAgainAt: times.length === 0 ? undefined : Math.min(...times) + 1,
  };
}

/** Nobody may be missing while it is not known how many should be there; undefined where the status says so. */
export function failedStatus(budget: PodDisruptionBudget, message: string, timeNow: string): Status | undefined {
  const condition = { status: 'False', reason: 'SyncFailed', message } as const;
  const conditions = withCondition(budget, condition, budget.status.observedGeneration, timeNow);
  const wanted = { ...budget.status, disruptionsAllowed: 0, conditions };
  return equalValues(budget.status, wanted) ? undefined : wanted;
}

function withCondition(
  { status }: PodDisruptionBudget,
  condition: Pick<Condition, 'status' | 'reason' | 'message'>,
  observedGeneration: number | undefined,
  timeNow: string,
): readonly Condition[] {
  const conditions = status.conditions ?? [];
  const known = conditions.find(({ type }) => type === ALLOWED);
  const wanted: Condition = {
    type: ALLOWED,
    ...condition,
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    lastTransitionTime: known?.status === condition.status ? known.lastTransitionTime : timeNow,
  };
  if (known === undefined) return [...conditions, wanted];
  return conditions.map(each => (each === known ? wanted : each));
}

/**
 * When a pod that says that it is about to be deleted, and is not, has to take that back, in ms since the epoch. Undefined for others: kubelets may
 * take their time, and pods that have ended need not be right.
 */
export function staleFrom(pod: Pod): number | undefined {
  const condition = conditionOf(pod, 'DisruptionTarget');
  if (condition?.status !== 'True' || condition.reason === 'TerminationByKubelet') return undefined;
  if (pod.metadata.deletionTimestamp !== undefined || hasEnded(pod)) return undefined;
  return Date.parse(condition.lastTransitionTime ?? '1970-01-01T00:00:00Z') + STALE_MS;
}

/** The conditions of a pod that takes it back. */
export function withoutDisruption({ metadata, status }: Pod, timeNow: string): Pod['status']['conditions'] {
  return (status.conditions ?? []).map(condition =>
    condition.type === 'DisruptionTarget'
      ? {
          type: condition.type,
          status: 'False' as const,
          lastTransitionTime: timeNow,
          ...(metadata.generation === undefined ? {} : { observedGeneration: metadata.generation }),
        }
      : condition,
  );
}

/** A selector as upstream's events print it. */
export function selectorText(selector: PodDisruptionBudget['spec']['selector']): string {
  if (selector === undefined) return 'nil';
  const labels = Object.entries(selector.matchLabels ?? {})
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, value]) => `${key}: ${value},`);
  const expressions = (selector.matchExpressions ?? []).map(
    ({ key, operator, values = [] }) =>
      `LabelSelectorRequirement{Key:${key},Operator:${operator},Values:[${values.join(' ')}],},`,
  );
  return `&LabelSelector{MatchLabels:map[string]string{${labels.join('')}},MatchExpressions:[]LabelSelectorRequirement{${expressions.join('')}},}`;
}
