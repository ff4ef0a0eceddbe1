import type { Deployment, DeploymentStatus, ReplicaSet } from '../../api/types/gen/apps-v1.ts';
import type { Time } from '../../api/types/scalars.ts';
import {
  byAge,
  newReplicaSet,
  nextRevision,
  presentSet,
  REVISION,
  revisionOf,
  withRevision,
  withSize,
} from './revisions.ts';
import { firstSize, rollingSizes, type Size, scaledSizes, wasScaled } from './sizes.ts';
import {
  conditionOf,
  countedStatus,
  hasDeadline,
  isComplete,
  progressCheckMs,
  rolloutStatus,
  withCondition,
} from './status.ts';

/** What is known of a deployment when it is looked at. */
export interface DeploymentFacts {
  readonly deployment: Deployment;
  /** All that belong to it. */
  readonly sets: readonly ReplicaSet[];
  /** True where pods of other sets than the present one have not ended yet: what Recreate waits for. */
  readonly hasOlderPods: boolean;
  readonly now: { readonly ms: number; readonly text: Time };
}

/** What one look at a deployment asks for; the status counts as of before. */
export type DeploymentAction =
  | { readonly kind: 'create-set'; readonly set: ReplicaSet; readonly because: string }
  | { readonly kind: 'update-set'; readonly set: ReplicaSet; readonly because: string }
  | {
      readonly kind: 'scale-set';
      readonly set: ReplicaSet;
      readonly from: number;
      readonly to: number;
      readonly because: string;
    }
  | { readonly kind: 'delete-set'; readonly set: ReplicaSet; readonly because: string };

export interface DeploymentPlan {
  readonly actions: readonly DeploymentAction[];
  readonly status: DeploymentStatus;
  /** The number of the present revision, as the deployment is to carry it; undefined while there is none. */
  readonly revision: string | undefined;
  /** Look again by then although nothing changes (ms). */
  readonly againInMs: number | undefined;
}

/** The next step of a deployment. Pure; carried out and looked at again it comes to rest. */
export function planDeployment(facts: DeploymentFacts): DeploymentPlan {
  const { deployment, sets, now } = facts;
  const present = presentSet(deployment, sets);
  const older = byAge(sets.filter(set => set !== present));
  const isEnding = deployment.metadata.deletionTimestamp !== undefined;
  const paused = deployment.spec.paused === true;
  const follows = !isEnding && !paused && !wasScaled(deployment, sets);
  const actions = isEnding ? [] : actionsOf(facts, present, older, follows);
  const counted =
    isEnding || !follows
      ? countedStatus(deployment, present, sets, now.text)
      : rolloutStatus(deployment, present, sets, now);
  const status = withNews(deployment, counted, present, actions, now.text);
  return {
    actions,
    status,
    revision: revisionAfter(present, actions),
    againInMs: follows ? progressCheckMs(deployment, status, now.ms) : undefined,
  };
}

function actionsOf(
  facts: DeploymentFacts,
  present: ReplicaSet | undefined,
  older: readonly ReplicaSet[],
  follows: boolean,
): readonly DeploymentAction[] {
  const { deployment } = facts;
  const numbered = present === undefined ? undefined : withRevision(present, deployment, nextRevision(older));
  const renumbering: readonly DeploymentAction[] =
    numbered === undefined || numbered === present
      ? []
      : [{ kind: 'update-set', set: numbered, because: `it is revision ${revisionOf(numbered)}` }];
  // what is written twice in one step would be refused as stale
  if (renumbering.length > 0) return renumbering;
  if (!follows) {
    const because = deployment.spec.paused === true ? 'paused' : `${deployment.spec.replicas} replicas are wanted now`;
    const sizes = scales(deployment, scaledSizes(deployment, present, older), because);
    return deployment.spec.paused === true && sizes.length === 0 ? outdated(deployment, older) : sizes;
  }
  return deployment.spec.strategy.type === 'Recreate'
    ? recreate(facts, present, older)
    : roll(deployment, present, older);
}

function roll(
  deployment: Deployment,
  present: ReplicaSet | undefined,
  older: readonly ReplicaSet[],
): readonly DeploymentAction[] {
  if (present === undefined) return [creation(deployment, older, firstSize(deployment, older))];
  const sizes = scales(deployment, rollingSizes(deployment, present, older), 'rolling update');
  return sizes.length > 0 || !isComplete(deployment, deployment.status) ? sizes : outdated(deployment, older);
}

function recreate(
  { deployment, hasOlderPods }: DeploymentFacts,
  present: ReplicaSet | undefined,
  older: readonly ReplicaSet[],
): readonly DeploymentAction[] {
  const running = older.filter(set => set.spec.replicas !== 0).map(set => ({ set, replicas: 0 }));
  if (running.length > 0) return scales(deployment, running, 'recreate: older pods go first');
  if (hasOlderPods || older.some(set => (set.status?.replicas ?? 0) > 0)) return [];
  const wanted = deployment.spec.replicas ?? 1;
  if (present === undefined) return [creation(deployment, older, wanted)];
  const sizes = scales(deployment, [{ set: present, replicas: wanted }], 'recreate: older pods are gone');
  return sizes.length > 0 || !isComplete(deployment, deployment.status) ? sizes : outdated(deployment, older);
}

function creation(deployment: Deployment, older: readonly ReplicaSet[], replicas: number): DeploymentAction {
  return { kind: 'create-set', set: newReplicaSet(deployment, older, replicas), because: 'no set has this template' };
}

function scales(deployment: Deployment, sizes: readonly Size[], because: string): readonly DeploymentAction[] {
  return sizes.flatMap(({ set, replicas }) => {
    const sized = withSize(set, deployment, replicas);
    const from = set.spec.replicas ?? 1;
    if (sized === set) return [];
    return [{ kind: 'scale-set' as const, set: sized, from, to: replicas, because }];
  });
}

/** Sets beyond the limit of history, oldest revision first; one that still has pods, or has not been looked at, stays. */
function outdated(deployment: Deployment, older: readonly ReplicaSet[]): readonly DeploymentAction[] {
  const { revisionHistoryLimit } = deployment.spec;
  if (revisionHistoryLimit === undefined) return [];
  const alive = older.filter(set => set.metadata.deletionTimestamp === undefined);
  return alive
    .toSorted((a, b) => Number(revisionOf(a) - revisionOf(b)))
    .slice(0, Math.max(0, alive.length - revisionHistoryLimit))
    .filter(isIdle)
    .map(set => ({ kind: 'delete-set', set, because: `more than ${revisionHistoryLimit} old revisions` }));
}

function isIdle({ spec, status, metadata }: ReplicaSet): boolean {
  const isObserved = (metadata.generation ?? 0) <= (status?.observedGeneration ?? 0);
  return spec.replicas === 0 && (status?.replicas ?? 0) === 0 && isObserved;
}

function revisionAfter(present: ReplicaSet | undefined, actions: readonly DeploymentAction[]): string | undefined {
  const made = actions.find(({ kind }) => kind === 'create-set' || kind === 'update-set')?.set;
  return (made ?? present)?.metadata.annotations?.[REVISION];
}

/** What the actions bring is told with them: a pause, its end, a set that was found or is made. */
function withNews(
  deployment: Deployment,
  status: DeploymentStatus,
  present: ReplicaSet | undefined,
  actions: readonly DeploymentAction[],
  now: Time,
): DeploymentStatus {
  if (!hasDeadline(deployment) || deployment.metadata.deletionTimestamp !== undefined) return status;
  const conditions = status.conditions ?? [];
  const known = conditionOf(conditions, 'Progressing');
  const progress = (reason: string, message: string, state = 'True'): DeploymentStatus => ({
    ...status,
    conditions: withCondition(conditions, { type: 'Progressing', status: state, reason, message }, now),
  });
  const created = actions.find(({ kind }) => kind === 'create-set');
  if (created !== undefined)
    return progress('NewReplicaSetCreated', `Created new replica set "${created.set.metadata.name}"`);
  const paused = deployment.spec.paused === true;
  if (known?.reason !== 'ProgressDeadlineExceeded') {
    if (paused && known?.reason !== 'DeploymentPaused')
      return progress('DeploymentPaused', 'Deployment is paused', 'Unknown');
    if (!paused && known?.reason === 'DeploymentPaused')
      return progress('DeploymentResumed', 'Deployment is resumed', 'Unknown');
  }
  if (present !== undefined && known === undefined)
    return progress('FoundNewReplicaSet', `Found new replica set "${present.metadata.name}"`);
  return status;
}
