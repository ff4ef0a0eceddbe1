import { type LabelSelector, labelSelectorOf } from '../../api/selectors/label-selector.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import type { ControllerRevision, StatefulSet } from '../../api/types/gen/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/types/gen/core-v1.ts';
import { errorMessage, isAlreadyExists, isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { EXPIRES_MS, Expectations } from '../pods/expectations.ts';
import { OwnedObjects } from '../pods/owned-objects.ts';
import { CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS, PODS, STATEFUL_SETS } from '../resources.ts';
import { RevisionHistory } from '../revisions/history.ts';
import { ordinalOf, revisionOf, type SetRevision, STATEFUL_SET, templateOf } from './members.ts';
import { planStatefulSet, type SetAction, type SetWorld, statefulSetStatus } from './plan.ts';

/** Keeps numbered pods of a template, each with its name and its claims, in order. */
export const statefulSetController: ControllerRow = {
  name: 'statefulset-controller',
  alias: 'statefulset',
  inputs: [STATEFUL_SETS, PODS, CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS],
  outputs: [STATEFUL_SETS, PODS, CONTROLLER_REVISIONS, PERSISTENT_VOLUME_CLAIMS],
  workers: 5,
  make: parts => new StatefulSets(parts),
};

class StatefulSets implements Reconciler {
  readonly name = 'statefulset-controller';
  readonly #parts: ControllerParts;
  readonly #sets: Informed<StatefulSet>;
  readonly #claims: Informed<PersistentVolumeClaim>;
  readonly #pods: OwnedObjects<Pod, StatefulSet>;
  readonly #history: RevisionHistory<StatefulSet>;
  readonly #writer: ResourceClient<StatefulSet>;
  readonly #podWriter: ResourceClient<Pod>;
  readonly #claimWriter: ResourceClient<PersistentVolumeClaim>;
  readonly #expectations: Expectations;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#sets = parts.informed<StatefulSet>(STATEFUL_SETS);
    this.#claims = parts.informed<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS);
    this.#writer = parts.client<StatefulSet>(STATEFUL_SETS);
    this.#podWriter = parts.client<Pod>(PODS);
    this.#claimWriter = parts.client<PersistentVolumeClaim>(PERSISTENT_VOLUME_CLAIMS);
    this.#expectations = new Expectations(parts.clock);
    this.#sets.onChange(({ key }) => parts.enqueue(key));
    this.#pods = new OwnedObjects<Pod, StatefulSet>({
      objects: parts.informed<Pod>(PODS),
      owners: this.#sets,
      kind: STATEFUL_SET,
      selectorOf,
      isMember: (set, pod) => ordinalOf(set, pod) !== undefined,
      enqueue: key => parts.enqueue(key),
      writer: this.#podWriter,
      onOwned: (key, change) => this.#expectations.observe(key, change),
    });
    this.#history = new RevisionHistory<StatefulSet>(parts, STATEFUL_SET, this.#sets, this.#writer, selectorOf);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const set = this.#sets.store.getByKey(key);
    if (set === undefined) {
      this.#expectations.forget(key);
      return SETTLED;
    }
    if (!this.#expectations.satisfied(key)) return waitFor(EXPIRES_MS, 'its own writes are not seen yet');
    const selector = selectorOf(set);
    if (selector === undefined) return SETTLED;
    const { namespace = '', name = '' } = set.metadata;
    const pods = await this.#pods.claim(set, selector, () => this.#writer.get(namespace, name, signal), signal);
    if (set.metadata.deletionTimestamp !== undefined) return SETTLED;
    const history = await this.#history.of(set, selector, signal);
    const all = [history.current, ...history.old];
    const current = all.find(({ metadata }) => metadata.name === set.status.currentRevision) ?? history.current;
    const world: SetWorld = {
      set,
      pods,
      claim: claim => this.#claims.store.get(namespace, claim),
      current: asRevision(current),
      update: asRevision(history.current),
      now: this.#parts.clock.now(),
    };
    const { actions, againInMs } = planStatefulSet(world);
    const error = await this.#carryOut(set, actions, signal);
    await this.#tell(world, signal);
    if (error !== undefined) throw error;
    const live = new Set([current.metadata.name ?? '', ...pods.map(revisionOf)]);
    await this.#history.clean(set, history, revision => live.has(revision.metadata.name ?? ''), signal);
    return againInMs === undefined ? SETTLED : waitFor(againInMs + 1, 'a pod is not ready for long enough');
  }

  /** Stops at the first failure, for the order of members is what a set promises. */
  async #carryOut(set: StatefulSet, actions: readonly SetAction[], signal: AbortSignal): Promise<Error | undefined> {
    if (actions.length === 0) return undefined;
    const key = keyOf(set);
    this.#expectations.begin(key);
    try {
      for (const action of actions) {
        this.#parts.log.info({ key, because: action.because }, action.kind);
        await this.#act(set, action, signal);
      }
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      this.#expectations.end(key);
    }
  }

  async #act(set: StatefulSet, action: SetAction, signal: AbortSignal): Promise<void> {
    switch (action.kind) {
      case 'create':
        await this.#createClaims(set, action.pod.metadata.name ?? '', action.claims, signal);
        return this.#create(set, action.pod, signal);
      case 'create-claims':
        return this.#createClaims(set, action.pod, action.claims, signal);
      case 'delete':
        return this.#delete(set, action.pod, signal);
      case 'label': {
        const { namespace = '', name = '', uid } = action.pod.metadata;
        const patch = { metadata: { uid, labels: action.labels } };
        await this.#podWriter.patch({ namespace, name }, 'merge', patch, signal);
        return;
      }
      case 'own-claim': {
        const metadata = { ...action.claim.metadata, ownerReferences: action.owners };
        await this.#claimWriter.update({ ...action.claim, metadata }, signal).catch(ignoreGone);
      }
    }
  }

  async #createClaims(
    set: StatefulSet,
    pod: string,
    claims: readonly PersistentVolumeClaim[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const claim of claims) {
      const what = `Claim ${claim.metadata.name} Pod ${pod} in StatefulSet ${set.metadata.name}`;
      try {
        await this.#claimWriter.create(claim, signal);
        this.#record(set, 'Normal', 'SuccessfulCreate', `create ${what} success`);
      } catch (error) {
        if (isAlreadyExists(error)) continue;
        this.#record(set, 'Warning', 'FailedCreate', `create ${what} failed error: ${errorMessage(error)}`);
        throw error;
      }
    }
  }

  async #create(set: StatefulSet, pod: Pod, signal: AbortSignal): Promise<void> {
    const what = `Pod ${pod.metadata.name} in StatefulSet ${set.metadata.name}`;
    try {
      const created = await this.#podWriter.create(pod, signal);
      this.#expectations.created(keyOf(set), created);
      this.#record(set, 'Normal', 'SuccessfulCreate', `create ${what} successful`);
    } catch (error) {
      // the store does not show it yet, or it is another's: either way no second one is made
      if (!isAlreadyExists(error))
        this.#record(set, 'Warning', 'FailedCreate', `create ${what} failed error: ${errorMessage(error)}`);
      throw error;
    }
  }

  async #delete(set: StatefulSet, pod: Pod, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid } = pod.metadata;
    const what = `Pod ${name} in StatefulSet ${set.metadata.name}`;
    try {
      await this.#podWriter.delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal);
      this.#expectations.deleted(keyOf(set), pod);
      this.#record(set, 'Normal', 'SuccessfulDelete', `delete ${what} successful`);
    } catch (error) {
      if (isNotFound(error)) return;
      this.#record(set, 'Warning', 'FailedDelete', `delete ${what} failed error: ${errorMessage(error)}`);
      throw error;
    }
  }

  async #tell(world: SetWorld, signal: AbortSignal): Promise<void> {
    const { set } = world;
    const status = statefulSetStatus(world, set.status.collisionCount ?? 0);
    const shown = { ...set.status, collisionCount: set.status.collisionCount ?? 0 };
    if (!equalValues(shown, status)) await this.#writer.updateStatus({ ...set, status }, signal).catch(ignoreGone);
  }

  #record(set: StatefulSet, type: 'Normal' | 'Warning', reason: string, message: string): void {
    this.#parts.events.record({ ...STATEFUL_SET, object: set }, type, reason, message);
  }
}

function selectorOf({ spec }: StatefulSet): LabelSelector | undefined {
  const selector = labelSelectorOf(spec.selector);
  return selector === undefined || selector.isEmpty() ? undefined : selector;
}

function asRevision(revision: ControllerRevision): SetRevision {
  return { name: revision.metadata.name ?? '', template: templateOf(revision) };
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}
