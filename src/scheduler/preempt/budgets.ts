import { type LabelSelector, labelSelectorOf } from '../../api/selectors/label-selector.ts';
import type { PodDisruptionBudget } from '../../api/types/gen/policy-v1.ts';
import type { PodInfo } from '../pod-info.ts';

/** Pods that may be removed without breaking a disruption budget, and those that may not. Pure. */
export interface ByBudget {
  readonly breaking: readonly PodInfo[];
  readonly harmless: readonly PodInfo[];
}

/** Takes the pods in their order from what the budgets of their namespaces allow. */
export function byBudget(
  pods: readonly PodInfo[],
  budgetsOf: (namespace: string) => readonly PodDisruptionBudget[],
): ByBudget {
  const left = new Map<PodDisruptionBudget, number>();
  const breaking: PodInfo[] = [];
  const harmless: PodInfo[] = [];
  for (const pod of pods) {
    let isBreaking = false;
    for (const budget of budgetsOf(pod.namespace)) {
      if (!isUnder(pod, budget)) continue;
      const allowed = (left.get(budget) ?? budget.status.disruptionsAllowed) - 1;
      left.set(budget, allowed);
      if (allowed < 0) isBreaking = true;
    }
    (isBreaking ? breaking : harmless).push(pod);
  }
  return { breaking, harmless };
}

/** A selector that says nothing means nobody here, as upstream. A pod whose disruption is on its way is counted already. */
function isUnder({ pod }: PodInfo, { spec, status }: PodDisruptionBudget): boolean {
  const { labels = {}, name = '' } = pod.metadata;
  if (Object.keys(labels).length === 0 || Object.hasOwn(status.disruptedPods ?? {}, name)) return false;
  const selector = selectorOf(spec);
  return selector !== undefined && !selector.isEmpty() && selector.matches(labels);
}

function selectorOf(spec: PodDisruptionBudget['spec']): LabelSelector | undefined {
  try {
    return labelSelectorOf(spec.selector);
  } catch {
    return undefined;
  }
}
