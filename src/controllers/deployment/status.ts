import type { Deployment, DeploymentCondition, DeploymentStatus, ReplicaSet } from '../../api/types/gen/apps-v1.ts';
import type { Time } from '../../api/types/scalars.ts';
import { rollingLimits } from './limits.ts';

const counted = (sets: readonly ReplicaSet[], count: (set: ReplicaSet) => number | undefined): number =>
  sets.reduce((total, set) => total + (count(set) ?? 0), 0);

/** What the sets of a deployment add up to, with whether enough pods are available. `present` is the set of the template of now. */
export function countedStatus(
  deployment: Deployment,
  present: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  now: Time,
): DeploymentStatus {
  const { spec, status, metadata } = deployment;
  const available = counted(sets, set => set.status?.availableReplicas);
  const enough = available >= (spec.replicas ?? 1) - rollingLimits(deployment).maxUnavailable;
  const conditions = withCondition(
    status.conditions ?? [],
    {
      type: 'Available',
      status: enough ? 'True' : 'False',
      reason: enough ? 'MinimumReplicasAvailable' : 'MinimumReplicasUnavailable',
      message: enough ? 'Deployment has minimum availability.' : 'Deployment does not have minimum availability.',
    },
    now,
  );
  return {
    observedGeneration: metadata.generation,
    replicas: counted(sets, set => set.status?.replicas),
    updatedReplicas: present?.status?.replicas ?? 0,
    readyReplicas: counted(sets, set => set.status?.readyReplicas),
    availableReplicas: available,
    unavailableReplicas: Math.max(0, counted(sets, set => set.spec.replicas) - available),
    terminatingReplicas: counted(sets, set => set.status?.terminatingReplicas),
    ...(status.collisionCount === undefined ? {} : { collisionCount: status.collisionCount }),
    conditions,
  };
}

/** Upstream's values where nothing limits the time: then there is no condition of progress. */
const NO_DEADLINE = 2_147_483_647;

export function hasDeadline({ spec }: Deployment): boolean {
  return spec.progressDeadlineSeconds !== undefined && spec.progressDeadlineSeconds !== NO_DEADLINE;
}

export function conditionOf(
  conditions: readonly DeploymentCondition[] | undefined,
  type: string,
): DeploymentCondition | undefined {
  return conditions?.find(condition => condition.type === type);
}

type Wording = Pick<DeploymentCondition, 'type' | 'status' | 'reason' | 'message'>;

/** With a condition set; the same array where its status and reason say so already. The time of transition moves with the status alone. */
export function withCondition(
  conditions: readonly DeploymentCondition[],
  wording: Wording,
  now: Time,
): readonly DeploymentCondition[] {
  const known = conditionOf(conditions, wording.type);
  if (known?.status === wording.status && known.reason === wording.reason) return conditions;
  const lastTransitionTime = known?.status === wording.status ? known.lastTransitionTime : now;
  return [...withoutCondition(conditions, wording.type), { ...wording, lastUpdateTime: now, lastTransitionTime }];
}

export function withoutCondition(
  conditions: readonly DeploymentCondition[],
  type: string,
): readonly DeploymentCondition[] {
  return conditions.some(each => each.type === type) ? conditions.filter(each => each.type !== type) : conditions;
}

/** All pods are of the present template, wanted, and available. */
export function isComplete({ spec, metadata }: Deployment, status: DeploymentStatus): boolean {
  const wanted = spec.replicas ?? 1;
  return (
    status.updatedReplicas === wanted &&
    status.replicas === wanted &&
    status.availableReplicas === wanted &&
    (status.observedGeneration ?? 0) >= (metadata.generation ?? 0)
  );
}

function isProgressing({ status: before }: Deployment, after: DeploymentStatus): boolean {
  const older = (status: DeploymentStatus): number => (status.replicas ?? 0) - (status.updatedReplicas ?? 0);
  return (
    (after.updatedReplicas ?? 0) > (before.updatedReplicas ?? 0) ||
    older(after) < older(before) ||
    (after.readyReplicas ?? 0) > (before.readyReplicas ?? 0) ||
    (after.availableReplicas ?? 0) > (before.availableReplicas ?? 0)
  );
}

/** The counted status with the conditions of a roll-out: how it goes, and why pods cannot be made. `now` in ms and as text. */
export function rolloutStatus(
  deployment: Deployment,
  present: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
  now: { readonly ms: number; readonly text: Time },
): DeploymentStatus {
  const status = countedStatus(deployment, present, sets, now.text);
  const conditions = withFailure(withProgress(deployment, present, status, now), present, sets);
  return { ...status, conditions };
}

function withProgress(
  deployment: Deployment,
  present: ReplicaSet | undefined,
  status: DeploymentStatus,
  now: { readonly ms: number; readonly text: Time },
): readonly DeploymentCondition[] {
  const conditions = status.conditions ?? [];
  if (!hasDeadline(deployment)) return withoutCondition(conditions, 'Progressing');
  const known = conditionOf(deployment.status.conditions, 'Progressing');
  if (status.replicas === status.updatedReplicas && known?.reason === 'NewReplicaSetAvailable') return conditions;
  const subject =
    present === undefined ? `Deployment "${deployment.metadata.name}"` : `ReplicaSet "${present.metadata.name}"`;
  const told = (status: string, reason: string, message: string): Wording => ({
    type: 'Progressing',
    status,
    reason,
    message: `${subject} ${message}`,
  });
  if (isComplete(deployment, status))
    return withCondition(conditions, told('True', 'NewReplicaSetAvailable', 'has successfully progressed.'), now.text);
  if (isProgressing(deployment, status)) {
    // written anew with every step, because the deadline counts from the last one
    const lastTransitionTime = known?.status === 'True' ? known.lastTransitionTime : now.text;
    const progress = told('True', 'ReplicaSetUpdated', 'is progressing.');
    return [
      ...withoutCondition(conditions, 'Progressing'),
      { ...progress, lastUpdateTime: now.text, lastTransitionTime },
    ];
  }
  if (isTimedOut(deployment, known, now.ms))
    return withCondition(conditions, told('False', 'ProgressDeadlineExceeded', 'has timed out progressing.'), now.text);
  return conditions;
}

function isTimedOut(deployment: Deployment, known: DeploymentCondition | undefined, now: number): boolean {
  if (known === undefined || known.reason === 'NewReplicaSetAvailable') return false;
  if (known.reason === 'ProgressDeadlineExceeded') return true;
  return deadlineAt(deployment, known) < now;
}

function deadlineAt({ spec }: Deployment, condition: DeploymentCondition): number {
  return Date.parse(condition.lastUpdateTime ?? '') + (spec.progressDeadlineSeconds ?? 0) * 1000;
}

/** When to look whether the time for progress is over, in ms; undefined where nothing waits for it. */
export function progressCheckMs(deployment: Deployment, status: DeploymentStatus, now: number): number | undefined {
  const known = conditionOf(status.conditions, 'Progressing');
  if (!hasDeadline(deployment) || known === undefined || isComplete(deployment, status)) return undefined;
  if (known.reason === 'ProgressDeadlineExceeded') return undefined;
  return Math.max(0, deadlineAt(deployment, known) - now) + 1000;
}

function withFailure(
  conditions: readonly DeploymentCondition[],
  present: ReplicaSet | undefined,
  sets: readonly ReplicaSet[],
): readonly DeploymentCondition[] {
  const failures = [...(present === undefined ? [] : [present]), ...sets].flatMap(set =>
    (set.status?.conditions ?? []).filter(condition => condition.type === 'ReplicaFailure'),
  );
  const failure = failures[0];
  const others = withoutCondition(conditions, 'ReplicaFailure');
  if (failure === undefined) return others;
  const known = conditionOf(conditions, 'ReplicaFailure');
  if (known?.status === failure.status && known.reason === failure.reason) return conditions;
  return [...others, { ...failure, lastUpdateTime: failure.lastTransitionTime }];
}
