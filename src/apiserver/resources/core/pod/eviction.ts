import { labelSelectorOf } from '../../../../api/selectors/label-selector.ts';
import {
  ApiError,
  badRequestError,
  forbiddenError,
  invalidError,
  tooManyRequestsError,
} from '../../../../api/status.ts';
import type { Pod } from '../../../../api/types/gen/core-v1.ts';
import type { Condition } from '../../../../api/types/gen/meta-v1.ts';
import type { Eviction, PodDisruptionBudget } from '../../../../api/types/gen/policy-v1.ts';
import type { Time } from '../../../../api/types/scalars.ts';
import { invalid } from '../../../../api/validation/field-error.ts';

/** Budgets remember so many evictions that their controller has not seen yet (MaxDisruptedPodSize upstream). */
const MAX_DISRUPTED_PODS = 2000;
const REFUSED = "Cannot evict pod as it would violate the pod's disruption budget.";
const IGNORE_ERRORS = 'ignoreStoreReadErrorWithClusterBreakingPotential';
const BUDGETS = { group: 'policy', resource: 'poddisruptionbudget' };

export type EvictionDecision =
  /** No budget guards the pod, or it does no work: delete it. `sameVersion`: only as it was seen. */
  | { readonly kind: 'delete'; readonly because: string; readonly sameVersion: boolean }
  /** Store this budget first, with its resourceVersion as the precondition; on conflict decide anew. Then delete. */
  | { readonly kind: 'charge'; readonly because: string; readonly budget: PodDisruptionBudget };

/**
 * What an eviction does, given the budgets of the pod's namespace. Throws 429 with the cause DisruptionBudget where the
 * budget forbids it, 500 where more than one budget selects the pod.
 */
export function decideEviction(pod: Pod, budgets: readonly PodDisruptionBudget[], now: Time): EvictionDecision {
  const { phase } = pod.status;
  const gone = phase === 'Succeeded' || phase === 'Failed' || pod.metadata.deletionTimestamp !== undefined;
  if (gone || phase === 'Pending')
    return { kind: 'delete', because: 'the pod does no work that a budget counts', sameVersion: !gone };
  const [budget, ...others] = budgets.filter(candidate => guards(candidate, pod));
  if (others.length > 0)
    throw new ApiError(
      'InternalError',
      'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
    );
  if (budget === undefined) return { kind: 'delete', because: 'no budget selects the pod', sameVersion: false };
  if (!isReady(pod) && mayGoUnready(budget))
    return { kind: 'delete', because: 'the pod is not ready and its budget lets such pods go', sameVersion: true };
  return {
    kind: 'charge',
    because: `budget ${budget.metadata.name ?? ''} allows it`,
    budget: charge(budget, pod, now),
  };
}

/** Throws 400 where the body names another pod than the path, 422 for an option that is no eviction's. */
export function checkEviction(eviction: Eviction, podName: string): void {
  if (eviction.metadata.name !== podName) throw badRequestError('name in URL does not match name in Eviction object');
  if (eviction.deleteOptions?.[IGNORE_ERRORS] === true)
    throw invalidError({ group: 'policy', kind: 'Eviction' }, podName, [
      invalid(`deleteOptions.${IGNORE_ERRORS}`, true, 'can not be set for pod eviction, try after removing the option'),
    ]);
}

function guards(budget: PodDisruptionBudget, pod: Pod): boolean {
  if (budget.metadata.namespace !== pod.metadata.namespace) return false;
  try {
    return labelSelectorOf(budget.spec.selector)?.matches(pod.metadata.labels) === true;
  } catch {
    // A budget whose selector cannot be read guards nothing, as upstream has it.
    return false;
  }
}

function isReady(pod: Pod): boolean {
  return pod.status.conditions?.some(c => c.type === 'Ready' && c.status === 'True') === true;
}

function mayGoUnready({ spec, status }: PodDisruptionBudget): boolean {
  if (spec.unhealthyPodEvictionPolicy === 'AlwaysAllow') return true;
  return status.desiredHealthy > 0 && status.currentHealthy >= status.desiredHealthy;
}

function charge(budget: PodDisruptionBudget, pod: Pod, now: Time): PodDisruptionBudget {
  const { metadata, status } = budget;
  const name = metadata.name ?? '';
  const refuse = (message: string, retryAfterSeconds: number): never => {
    throw tooManyRequestsError(REFUSED, retryAfterSeconds, [{ reason: 'DisruptionBudget', message }]);
  };
  if ((status.observedGeneration ?? 0) < (metadata.generation ?? 0))
    refuse(`The disruption budget ${name} is still being processed by the server.`, 10);
  if (status.disruptionsAllowed < 0) throw forbiddenError(BUDGETS, name, 'pdb disruptions allowed is negative');
  if (Object.keys(status.disruptedPods ?? {}).length > MAX_DISRUPTED_PODS)
    throw forbiddenError(
      BUDGETS,
      name,
      'DisruptedPods map too big - too many evictions not confirmed by PDB controller',
    );
  if (status.disruptionsAllowed === 0) refuse(exhausted(budget), 0);
  const disruptionsAllowed = status.disruptionsAllowed - 1;
  return {
    ...budget,
    status: {
      ...status,
      disruptionsAllowed,
      disruptedPods: { ...status.disruptedPods, [pod.metadata.name ?? '']: now },
      ...(disruptionsAllowed === 0 ? { conditions: withoutRoom(budget, now) } : {}),
    },
  };
}

function exhausted({ metadata: { name }, status }: PodDisruptionBudget): string {
  const condition = status.conditions?.find(c => c.type === 'DisruptionAllowed');
  const because = condition?.status === 'False' && condition.message !== '' ? condition : undefined;
  if (because?.reason === 'SyncFailed')
    return `The disruption budget ${name} does not allow evicting pods currently because it failed sync: ${because.message}`;
  if (status.currentHealthy <= status.desiredHealthy)
    return `The disruption budget ${name} needs ${status.desiredHealthy} healthy pods and has ${status.currentHealthy} currently`;
  const base = `The disruption budget ${name} does not allow evicting pods currently`;
  return because === undefined ? base : `${base} (${because.reason}): ${because.message}`;
}

function withoutRoom({ metadata, status }: PodDisruptionBudget, now: Time): readonly Condition[] {
  const others = (status.conditions ?? []).filter(c => c.type !== 'DisruptionAllowed');
  const before = status.conditions?.find(c => c.type === 'DisruptionAllowed');
  return [
    ...others,
    {
      type: 'DisruptionAllowed',
      status: 'False',
      reason: 'InsufficientPods',
      message: '',
      observedGeneration: metadata.generation,
      lastTransitionTime: before?.status === 'False' ? before.lastTransitionTime : now,
    },
  ];
}
