import type { LabelSelector } from '../../api/selectors/label-selector.ts';
import type { Pod, PodTemplateSpec } from '../../api/types/gen/core-v1.ts';
import type { Time } from '../../api/types/scalars.ts';
import { deletionOrder } from '../pods/deletion-order.ts';
import { availableInMs, isActive, isReady, isTerminating } from '../pods/pod-state.ts';

/** What is common to ReplicaSets and ReplicationControllers. */
export interface ReplicaSpec {
  readonly replicas: number;
  readonly minReadySeconds: number;
  readonly template: PodTemplateSpec;
}

export interface ReplicaCondition {
  readonly type: string;
  readonly status: string;
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly lastTransitionTime?: Time | undefined;
}

export interface ReplicaStatus {
  readonly replicas: number;
  readonly fullyLabeledReplicas?: number | undefined;
  readonly readyReplicas?: number | undefined;
  readonly availableReplicas?: number | undefined;
  readonly terminatingReplicas?: number | undefined;
  readonly observedGeneration?: number | undefined;
  readonly conditions?: readonly ReplicaCondition[] | undefined;
}

/** Upstream's burst: pods made or deleted in one go. */
export const BURST_REPLICAS = 500;

/** How many pods to make, or which to delete. */
export type ReplicaPlan =
  | { readonly kind: 'none' }
  | { readonly kind: 'create'; readonly count: number; readonly because: string }
  | { readonly kind: 'delete'; readonly pods: readonly Pod[]; readonly because: string };

/** `owned` are all pods of the owner; those that end or have ended do not count. `now` in ms. */
export function planReplicas(wanted: number, owned: readonly Pod[], now: number): ReplicaPlan {
  const active = owned.filter(isActive);
  const missing = wanted - active.length;
  const because = `${active.length} of ${wanted} replicas`;
  if (missing > 0) return { kind: 'create', count: Math.min(missing, BURST_REPLICAS), because };
  if (missing === 0) return { kind: 'none' };
  return { kind: 'delete', pods: deletionOrder(active, now).slice(0, Math.min(-missing, BURST_REPLICAS)), because };
}

export interface StatusInputs {
  readonly spec: ReplicaSpec;
  readonly generation: number;
  readonly owned: readonly Pod[];
  /** Matches what carries every label of the template. */
  readonly templateLabels: LabelSelector;
  /** Why pods could not be made or deleted. */
  readonly failure: { readonly reason: 'FailedCreate' | 'FailedDelete'; readonly message: string } | undefined;
  /** ReplicationControllers do not tell it. */
  readonly tellsTerminating: boolean;
  readonly now: number;
  readonly nowText: Time;
}

/** The status of an owner by its pods, and when it has to be computed again because a pod will be available then (ms; undefined: not by time). */
export function replicaStatus(
  present: ReplicaStatus,
  inputs: StatusInputs,
): { readonly status: ReplicaStatus; readonly againInMs: number | undefined } {
  const { spec, owned, now } = inputs;
  const active = owned.filter(isActive);
  const waits = active.map(pod => availableInMs(pod, spec.minReadySeconds, now)).filter(ms => ms !== undefined);
  const later = waits.filter(ms => ms > 0);
  const status: ReplicaStatus = {
    replicas: active.length,
    fullyLabeledReplicas: active.filter(pod => inputs.templateLabels.matches(pod.metadata.labels ?? {})).length,
    readyReplicas: active.filter(isReady).length,
    availableReplicas: waits.length - later.length,
    ...(inputs.tellsTerminating ? { terminatingReplicas: owned.filter(isTerminating).length } : {}),
    observedGeneration: inputs.generation,
    ...failureCondition(present.conditions, inputs),
  };
  return { status, againInMs: later.length === 0 ? undefined : Math.min(...later) };
}

/** The condition comes with the first failure and goes with the first success; in between it stays as it was. */
function failureCondition(
  present: readonly ReplicaCondition[] = [],
  { failure, nowText }: StatusInputs,
): { conditions?: readonly ReplicaCondition[] } {
  const others = present.filter(condition => condition.type !== 'ReplicaFailure');
  const known = present.find(condition => condition.type === 'ReplicaFailure');
  const told =
    failure === undefined
      ? undefined
      : (known ?? { type: 'ReplicaFailure', status: 'True', lastTransitionTime: nowText, ...failure });
  const conditions = told === undefined ? others : [...others, told];
  return conditions.length === 0 ? {} : { conditions };
}

/** True where writing the status would say nothing new. */
export function isSameStatus(a: ReplicaStatus, b: ReplicaStatus): boolean {
  const counts = (status: ReplicaStatus): readonly (number | undefined)[] => [
    status.replicas,
    status.fullyLabeledReplicas ?? 0,
    status.readyReplicas ?? 0,
    status.availableReplicas ?? 0,
    status.terminatingReplicas,
    status.observedGeneration ?? 0,
  ];
  const conditions = (status: ReplicaStatus): string => JSON.stringify(status.conditions ?? []);
  return counts(a).every((count, index) => count === counts(b)[index]) && conditions(a) === conditions(b);
}
