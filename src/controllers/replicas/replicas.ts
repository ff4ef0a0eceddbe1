import { type LabelSelector, labelSelectorOf } from '../../api/selectors/label-selector.ts';
import { timeOf } from '../../api/time.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { LabelSelector as LabelSelectorObject } from '../../api/types/gen/meta-v1.ts';
import { errorMessage, isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { type ApiObject, keyOf, type ResourceId } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { EXPIRES_MS } from '../pods/expectations.ts';
import { OwnedObjects, type OwnerKind } from '../pods/owned-objects.ts';
import { PodControl } from '../pods/pod-control.ts';
import { slowStart } from '../pods/slow-start.ts';
import { PODS } from '../resources.ts';
import {
  isSameStatus,
  planReplicas,
  type ReplicaPlan,
  type ReplicaSpec,
  type ReplicaStatus,
  replicaStatus,
} from './plan.ts';

/** What differs between ReplicaSets and ReplicationControllers. */
export interface ReplicaKind<T extends ApiObject> {
  readonly name: string;
  readonly id: ResourceId;
  readonly owner: OwnerKind;
  readonly specOf: (object: T) => ReplicaSpec;
  readonly selectorOf: (object: T) => LabelSelectorObject | undefined;
  readonly statusOf: (object: T) => ReplicaStatus;
  readonly withStatus: (object: T, status: ReplicaStatus) => T;
  readonly tellsTerminating: boolean;
}

/** Keeps a number of pods of one template: makes what is missing, deletes what is too much, tells how many there are. */
export function replicaController<T extends ApiObject>(kind: ReplicaKind<T>): ControllerRow {
  return {
    name: kind.name,
    inputs: [kind.id, PODS],
    outputs: [kind.id, PODS],
    workers: 5,
    make: parts => new ReplicaReconciler(kind, parts),
  };
}

class ReplicaReconciler<T extends ApiObject> implements Reconciler {
  readonly name: string;
  readonly #kind: ReplicaKind<T>;
  readonly #parts: ControllerParts;
  readonly #owners: Informed<T>;
  readonly #pods: OwnedObjects<Pod, T>;
  readonly #writer: ResourceClient<T>;
  readonly #control: PodControl;

  constructor(kind: ReplicaKind<T>, parts: ControllerParts) {
    this.name = kind.name;
    this.#kind = kind;
    this.#parts = parts;
    this.#owners = parts.informed<T>(kind.id);
    this.#writer = parts.client<T>(kind.id);
    this.#control = new PodControl(parts, kind.owner);
    this.#owners.onChange(({ key }) => parts.enqueue(key));
    this.#pods = new OwnedObjects<Pod, T>({
      objects: parts.informed<Pod>(PODS),
      owners: this.#owners,
      kind: kind.owner,
      selectorOf: owner => this.#selector(owner),
      enqueue: key => parts.enqueue(key),
      writer: parts.client<Pod>(PODS),
      onOwned: (key, change) => this.#control.observe(key, change),
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const owner = this.#owners.store.getByKey(key);
    if (owner === undefined) {
      this.#control.forget(key);
      return SETTLED;
    }
    // they come with a change; a store that was filled anew may have missed what came and went in between
    if (!this.#control.satisfied(key)) return waitFor(EXPIRES_MS, 'its own writes are not seen yet');
    const selector = this.#selector(owner);
    if (selector === undefined) return SETTLED;
    const owned = await this.#pods.claim(owner, selector, () => this.#writer.get(...nameOf(owner), signal), signal);
    const spec = this.#kind.specOf(owner);
    const isEnding = owner.metadata.deletionTimestamp !== undefined;
    const plan: ReplicaPlan = isEnding ? { kind: 'none' } : planReplicas(spec.replicas, owned, this.#parts.clock.now());
    const error = await this.#carryOut(plan, owner, spec, signal);
    const outcome = await this.#tell(owner, owned, plan, error, signal);
    if (error !== undefined)
      return { kind: 'failed', error: error instanceof Error ? error : new Error(String(error)) };
    return outcome;
  }

  #selector(owner: T): LabelSelector | undefined {
    const selector = labelSelectorOf(this.#kind.selectorOf(owner));
    // one that matches everything would take every pod of the namespace
    return selector === undefined || selector.isEmpty() ? undefined : selector;
  }

  async #carryOut(plan: ReplicaPlan, owner: T, spec: ReplicaSpec, signal: AbortSignal): Promise<unknown> {
    if (plan.kind === 'none') return undefined;
    const key = keyOf(owner);
    this.#parts.log.info({ key, because: plan.because, plan: plan.kind }, 'scaling');
    return this.#control.writing(key, async () => {
      if (plan.kind === 'create') {
        const { error } = await slowStart(plan.count, () => this.#control.create(owner, spec.template, signal));
        return error;
      }
      const results = await Promise.allSettled(plan.pods.map(pod => this.#control.delete(owner, pod, signal)));
      return results.find(result => result.status === 'rejected')?.reason as unknown;
    });
  }

  async #tell(
    owner: T,
    owned: readonly Pod[],
    plan: ReplicaPlan,
    error: unknown,
    signal: AbortSignal,
  ): Promise<Outcome> {
    const spec = this.#kind.specOf(owner);
    const now = this.#parts.clock.now();
    const present = this.#kind.statusOf(owner);
    const reason = plan.kind === 'delete' ? 'FailedDelete' : 'FailedCreate';
    const { status, againInMs } = replicaStatus(present, {
      spec,
      generation: owner.metadata.generation ?? 0,
      owned,
      templateLabels: labelSelectorOf({ matchLabels: spec.template.metadata?.labels }) as LabelSelector,
      failure: error === undefined ? undefined : { reason, message: errorMessage(error) },
      tellsTerminating: this.#kind.tellsTerminating,
      now,
      nowText: timeOf(now),
    });
    if (!isSameStatus(present, status)) {
      try {
        await this.#writer.updateStatus(this.#kind.withStatus(owner, status), signal);
      } catch (failure) {
        if (!isNotFound(failure)) throw failure;
      }
    }
    return againInMs === undefined ? SETTLED : waitFor(againInMs + 1, 'a pod is not ready for long enough');
  }
}

function nameOf({ metadata }: ApiObject): [namespace: string, name: string] {
  return [metadata.namespace ?? '', metadata.name ?? ''];
}
