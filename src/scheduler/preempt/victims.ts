import type { PodDisruptionBudget } from '../../api/types/gen/policy-v1.ts';
import type { PodChecks } from '../filter/all.ts';
import type { Refusal } from '../filter/filter.ts';
import type { NodeInfo } from '../node-info.ts';
import { checkNode, type Nominations } from '../place-pod.ts';
import type { PodInfo } from '../pod-info.ts';
import { byBudget } from './budgets.ts';

/** Pods whose removal makes room on a node. */
export interface Victims {
  readonly node: string;
  /** Those that matter most come first. */
  readonly pods: readonly PodInfo[];
  /** How many of them a disruption budget protects. */
  readonly violations: number;
}

export interface VictimOptions {
  readonly nominations: Nominations;
  readonly budgetsOf: (namespace: string) => readonly PodDisruptionBudget[];
  /** In ms: pods that do not say when they started started now. */
  readonly now: number;
}

const NO_VICTIMS: Refusal = {
  plugin: 'DefaultPreemption',
  isFinal: true,
  reasons: ['No preemption victims found for incoming pod'],
};

/**
 * As few pods of lower priority as have to go for a pod to fit on a node: all of them are thought away, and then one after the other is kept that can be, first those
 * that a budget protects, those that matter more before others. A refusal where it does not fit even so. Pure.
 */
export function victimsOn(pod: PodInfo, node: NodeInfo, checks: PodChecks, options: VictimOptions): Victims | Refusal {
  const lower = [...node.pods.values()].filter(each => each.priority < pod.priority);
  if (lower.length === 0) return NO_VICTIMS;
  const supposed = node.copy();
  const supposedChecks = checks.copy();
  const remove = (each: PodInfo): void => {
    supposed.remove(each.uid);
    supposedChecks.count(each, supposed, -1);
  };
  const isKept = (each: PodInfo): boolean => {
    supposed.add(each);
    supposedChecks.count(each, supposed, 1);
    if (checkNode(pod, supposed, supposedChecks, options.nominations) === undefined) return true;
    remove(each);
    return false;
  };
  for (const each of lower) remove(each);
  const refusal = checkNode(pod, supposed, supposedChecks, options.nominations);
  if (refusal !== undefined) return refusal;
  const isMoreImportant = importance(options.now);
  const { breaking, harmless } = byBudget(lower.toSorted(isMoreImportant), options.budgetsOf);
  const violating = breaking.filter(each => !isKept(each));
  const others = harmless.filter(each => !isKept(each));
  return {
    node: node.name,
    pods: [...violating, ...others].toSorted(isMoreImportant),
    violations: violating.length,
  };
}

/** When a pod started, in ms. */
export function startOf({ pod }: PodInfo, now: number): number {
  const { startTime } = pod.status;
  return startTime === undefined ? now : Date.parse(startTime);
}

/** Those that matter more come first: higher priority, then those that have run for longer. */
function importance(now: number): (a: PodInfo, b: PodInfo) => number {
  return (a, b) => b.priority - a.priority || startOf(a, now) - startOf(b, now);
}
