import { equalValues } from '../../api/semantic-equal.ts';
import { timeOf } from '../../api/time.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { type ApiObject, keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { conditionOf } from '../pods/pod-state.ts';
import { podsOfNodes } from '../pods/pods-of-node.ts';
import { NODES, PODS } from '../resources.ts';
import { countsFrom, executeTaints, toleratedMs } from './plan.ts';

/** Deletes pods from nodes whose taints they do not put up with, or not for so long. */
export const taintEvictionController: ControllerRow = {
  name: 'taint-eviction-controller',
  inputs: [NODES, PODS],
  outputs: [PODS],
  workers: 8,
  make: parts => new TaintEviction(parts),
};

/** A pod that goes when its time is over. */
interface Scheduled {
  readonly uid: string | undefined;
  /** Ms since the epoch. */
  readonly from: number;
  /** Its time is over: what takes it back comes too late. */
  readonly isOver: boolean;
}

class TaintEviction implements Reconciler {
  readonly name = 'taint-eviction-controller';
  readonly #parts: ControllerParts;
  readonly #nodes: Informed<Node>;
  readonly #pods: Informed<Pod>;
  readonly #writer: ResourceClient<Pod>;
  readonly #scheduled = new Map<string, Scheduled>();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#nodes = parts.informed<Node>(NODES);
    this.#pods = parts.informed<Pod>(PODS);
    this.#writer = parts.client<Pod>(PODS);
    const podsOf = podsOfNodes(this.#pods);
    this.#nodes.onChange(({ key, before, after }) => {
      const [had, has] = [before, after].map(node => executeTaints(node?.spec.taints));
      if (!equalValues(had, has)) for (const pod of podsOf(key)) parts.enqueue(keyOf(pod));
    });
    this.#pods.onChange(({ key, before, after }) => {
      const [was, is] = [before, after].map(pod => [pod?.metadata.uid, pod?.spec.nodeName, pod?.spec.tolerations]);
      if (!equalValues(was, is)) parts.enqueue(key);
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const pod = this.#pods.store.getByKey(key);
    const { nodeName = '' } = pod?.spec ?? {};
    const taints = executeTaints(nodeName === '' ? [] : this.#nodes.store.get('', nodeName)?.spec.taints);
    const tolerated = pod === undefined || taints.length === 0 ? undefined : toleratedMs(pod, taints);
    if (pod === undefined || tolerated === undefined) {
      this.#cancel(key);
      return SETTLED;
    }
    if (pod.metadata.deletionTimestamp !== undefined) {
      this.#scheduled.delete(key);
      return SETTLED;
    }
    const now = this.#parts.clock.now();
    const { uid } = pod.metadata;
    const known = this.#scheduled.get(key);
    const from = known?.uid === uid && known !== undefined ? known.from : countsFrom(pod, taints, now);
    const leftMs = from + tolerated - now;
    this.#scheduled.set(key, { uid, from, isOver: leftMs <= 0 });
    if (leftMs > 0) return waitFor(leftMs, 'the pod puts up with it for a while');
    await this.#evict(pod, signal);
    this.#scheduled.delete(key);
    return SETTLED;
  }

  #cancel(key: string): void {
    const scheduled = this.#scheduled.get(key);
    this.#scheduled.delete(key);
    if (scheduled === undefined || scheduled.isOver) return;
    const [namespace, name] = key.split('/');
    this.#record({ metadata: { namespace, name } }, `Cancelling deletion of Pod ${key}`);
  }

  async #evict(pod: Pod, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid, generation } = pod.metadata;
    this.#record(pod, `Marking for deletion Pod ${keyOf(pod)}`);
    const condition = {
      type: 'DisruptionTarget',
      ...(generation === undefined ? {} : { observedGeneration: generation }),
      status: 'True',
      reason: 'DeletionByTaintManager',
      message: 'Taint manager: deleting due to NoExecute taint',
    };
    const known = conditionOf(pod, condition.type);
    const isTold = known?.status === 'True' && known.reason === condition.reason;
    const lastTransitionTime = known?.status === 'True' ? known.lastTransitionTime : timeOf(this.#parts.clock.now());
    const patch = { metadata: { uid }, status: { conditions: [{ ...condition, lastTransitionTime }] } };
    try {
      if (!isTold) await this.#writer.patch({ namespace, name, subresource: 'status' }, 'strategic', patch, signal);
      // another pod may have the name by now
      await this.#writer.delete(namespace, name, uid === undefined ? {} : { preconditions: { uid } }, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  #record(object: ApiObject, message: string): void {
    const target = { apiVersion: 'v1', kind: 'Pod', object };
    this.#parts.events.record(target, 'Normal', 'TaintManagerEviction', message);
  }
}
