import { type LabelSelector, labelSelectorOf } from '../../api/selectors/label-selector.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import { timeOf } from '../../api/time.ts';
import type { Deployment, ReplicaSet } from '../../api/types/gen/apps-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { errorMessage, isAlreadyExists, isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { OwnedObjects } from '../pods/owned-objects.ts';
import { controllerOf } from '../pods/pod-from-template.ts';
import { hasEnded } from '../pods/pod-state.ts';
import { DEPLOYMENTS, PODS, REPLICA_SETS } from '../resources.ts';
import { type DeploymentAction, type DeploymentPlan, planDeployment } from './plan.ts';
import { presentSet, REVISION } from './revisions.ts';
import { withCondition } from './status.ts';

const KIND = { apiVersion: 'apps/v1', kind: 'Deployment' };

/** Brings the pods of a deployment to its template and number: by a rolling update or by making them anew, with history, pause and a time limit for progress. */
export const deploymentController: ControllerRow = {
  name: 'deployment-controller',
  inputs: [DEPLOYMENTS, REPLICA_SETS, PODS],
  outputs: [DEPLOYMENTS, REPLICA_SETS],
  workers: 5,
  make: parts => new DeploymentReconciler(parts),
};

class DeploymentReconciler implements Reconciler {
  readonly name = 'deployment-controller';
  readonly #parts: ControllerParts;
  readonly #deployments: Informed<Deployment>;
  readonly #sets: OwnedObjects<ReplicaSet, Deployment>;
  readonly #pods: OwnedObjects<Pod, ReplicaSet>;
  readonly #writer: ResourceClient<Deployment>;
  readonly #setWriter: ResourceClient<ReplicaSet>;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#deployments = parts.informed<Deployment>(DEPLOYMENTS);
    this.#writer = parts.client<Deployment>(DEPLOYMENTS);
    this.#setWriter = parts.client<ReplicaSet>(REPLICA_SETS);
    this.#deployments.onChange(({ key }) => parts.enqueue(key));
    this.#sets = new OwnedObjects<ReplicaSet, Deployment>({
      objects: parts.informed<ReplicaSet>(REPLICA_SETS),
      owners: this.#deployments,
      kind: KIND,
      selectorOf: deployment => selectorOf(deployment),
      enqueue: key => parts.enqueue(key),
      writer: this.#setWriter,
    });
    const sets = parts.informed<ReplicaSet>(REPLICA_SETS);
    this.#pods = new OwnedObjects<Pod, ReplicaSet>({
      objects: parts.informed<Pod>(PODS),
      owners: sets,
      kind: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
      selectorOf: () => undefined,
      // only Recreate waits for single pods; all else is told by the sets
      enqueue: key => {
        const set = sets.store.getByKey(key);
        const owner = set === undefined ? undefined : this.#sets.ownerOf(set);
        if (owner?.spec.strategy.type === 'Recreate') parts.enqueue(keyOf(owner));
      },
      writer: parts.client<Pod>(PODS),
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const deployment = this.#deployments.store.getByKey(key);
    const selector = deployment === undefined ? undefined : selectorOf(deployment);
    if (deployment === undefined || selector === undefined) return SETTLED;
    const sets = await this.#sets.claim(deployment, selector, () => this.#fresh(deployment, signal), signal);
    const now = this.#parts.clock.now();
    const plan = planDeployment({
      deployment,
      sets,
      hasOlderPods: this.#hasOlderPods(deployment, sets),
      now: { ms: now, text: timeOf(now) },
    });
    for (const action of plan.actions) {
      this.#parts.log.info(
        { key, action: action.kind, set: action.set.metadata.name, because: action.because },
        'deploying',
      );
      const collided = await this.#carryOut(deployment, action, signal);
      if (collided) return SETTLED;
    }
    await this.#tell(deployment, plan, signal);
    return plan.againInMs === undefined ? SETTLED : waitFor(plan.againInMs, 'the time for progress');
  }

  #fresh({ metadata }: Deployment, signal: AbortSignal): Promise<Deployment> {
    return this.#writer.get(metadata.namespace ?? '', metadata.name ?? '', signal);
  }

  #hasOlderPods(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
    const present = presentSet(deployment, sets);
    return sets.some(set => set !== present && this.#pods.of(set).some(pod => !hasEnded(pod)));
  }

  /** True where the plan is over, because the name of the new set is taken by another template. */
  async #carryOut(deployment: Deployment, action: DeploymentAction, signal: AbortSignal): Promise<boolean> {
    const { set } = action;
    switch (action.kind) {
      case 'create-set':
        return this.#create(deployment, set, signal);
      case 'update-set':
        await this.#setWriter.update(set, signal);
        return false;
      case 'scale-set': {
        await this.#setWriter.update(set, signal);
        const direction = action.to > action.from ? 'up' : 'down';
        if (action.to !== action.from)
          this.#record(
            deployment,
            'Normal',
            'ScalingReplicaSet',
            `Scaled ${direction} replica set ${set.metadata.name} from ${action.from} to ${action.to}`,
          );
        return false;
      }
      case 'delete-set':
        await this.#setWriter
          .delete(set.metadata.namespace ?? '', set.metadata.name ?? '', {}, signal)
          .catch(ignoreGone);
        return false;
    }
  }

  async #create(deployment: Deployment, set: ReplicaSet, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#setWriter.create(set, signal);
    } catch (error) {
      if (isAlreadyExists(error)) return this.#collided(deployment, set, signal);
      await this.#tellRefusal(deployment, set, error, signal);
      throw error;
    }
    const { replicas = 1 } = set.spec;
    if (replicas > 0)
      this.#record(
        deployment,
        'Normal',
        'ScalingReplicaSet',
        `Scaled up replica set ${set.metadata.name} from 0 to ${replicas}`,
      );
    return false;
  }

  /** The set may be ours, made a moment ago; else the name is another's, and the next try takes another one. */
  async #collided(deployment: Deployment, set: ReplicaSet, signal: AbortSignal): Promise<boolean> {
    const { namespace = '', name = '' } = set.metadata;
    const found = await this.#setWriter.get(namespace, name, signal);
    const isOurs = controllerOf(found)?.uid === deployment.metadata.uid;
    if (isOurs && presentSet(deployment, [found]) !== undefined) return true;
    const collisionCount = (deployment.status.collisionCount ?? 0) + 1;
    await this.#writer.updateStatus({ ...deployment, status: { ...deployment.status, collisionCount } }, signal);
    return true;
  }

  async #tellRefusal(deployment: Deployment, set: ReplicaSet, error: unknown, signal: AbortSignal): Promise<void> {
    const message = `Failed to create new replica set "${set.metadata.name}": ${errorMessage(error)}`;
    this.#record(deployment, 'Warning', 'ReplicaSetCreateError', message);
    const wording = { type: 'Progressing', status: 'False', reason: 'ReplicaSetCreateError', message };
    const conditions = withCondition(deployment.status.conditions ?? [], wording, timeOf(this.#parts.clock.now()));
    if (conditions === deployment.status.conditions) return;
    // the refusal itself is what the caller hears of
    await this.#writer
      .updateStatus({ ...deployment, status: { ...deployment.status, conditions } }, signal)
      .catch(() => {});
  }

  async #tell(deployment: Deployment, { status, revision }: DeploymentPlan, signal: AbortSignal): Promise<void> {
    const present = deployment.metadata.annotations ?? {};
    const isNumbered = revision === undefined || present[REVISION] === revision;
    if (isNumbered && equalValues(deployment.status, status)) return;
    const annotations = isNumbered ? present : { ...present, [REVISION]: revision };
    const told = { ...deployment, metadata: { ...deployment.metadata, annotations }, status };
    await this.#writer.updateStatus(told, signal).catch(ignoreGone);
  }

  #record(object: Deployment, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.events.record({ ...KIND, object }, type, reason, message);
  }
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

function selectorOf({ spec }: Deployment): LabelSelector | undefined {
  const selector = labelSelectorOf(spec.selector);
  // one that matches everything would take every set of the namespace
  return selector === undefined || selector.isEmpty() ? undefined : selector;
}
