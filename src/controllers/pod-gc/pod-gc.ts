import { timeOf } from '../../api/time.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Change } from '../../client/object-store.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { hasEnded } from '../pods/pod-state.ts';
import { NODES, PODS } from '../resources.ts';
import {
  failure,
  isDeleted,
  isOutOfService,
  isUnscheduledDeleted,
  orphans,
  outOfService,
  type Removal,
  surplus,
} from './plan.ts';

/** Upstream's default of --terminated-pod-gc-threshold. */
export const TERMINATED_POD_THRESHOLD = 12_500;
/** A node that is missing may be new, or be made again: its pods are left alone that long. */
const QUARANTINE_MS = 40_000;
/** Pods removed at a time. */
const BATCH = 20;

const BY_NODE = 'node of pod-gc';
const ENDED = 'ended';
/** Keys: `ended`, `node/<name>`, `pod/<namespace>/<name>`. */
const NODE = 'node/';
const POD = 'pod/';

/** Removes pods that nobody else would: too many that have ended, those of nodes that are gone or out of service, and those deleted before they had a node. */
export function podGarbageCollector(terminatedPodThreshold: number): ControllerRow {
  return {
    name: 'pod-garbage-collector-controller',
    alias: 'podgc',
    inputs: [PODS, NODES],
    outputs: [PODS],
    workers: 1,
    make: parts => new PodGarbageCollector(parts, terminatedPodThreshold),
  };
}

class PodGarbageCollector implements Reconciler {
  readonly name = 'pod-garbage-collector-controller';
  readonly #parts: ControllerParts;
  readonly #threshold: number;
  readonly #pods: Informed<Pod>;
  readonly #nodes: Informed<Node>;
  readonly #writer: ResourceClient<Pod>;
  readonly #nodeReader: ResourceClient<Node>;
  /** Since when a node is missing that has pods, on the clock that never goes back. */
  readonly #missingSince = new Map<string, number>();

  constructor(parts: ControllerParts, threshold: number) {
    this.#parts = parts;
    this.#threshold = threshold;
    this.#pods = parts.informed<Pod>(PODS);
    this.#nodes = parts.informed<Node>(NODES);
    this.#writer = parts.client<Pod>(PODS);
    // as this controller's account: the process, by whose rights the stores are filled, may list nodes and not get one
    this.#nodeReader = parts.client<Node>(NODES);
    this.#pods.store.addIndex(BY_NODE, ({ spec }) => ((spec.nodeName ?? '') === '' ? [] : [spec.nodeName ?? '']));
    this.#pods.store.addIndex(ENDED, pod => (hasEnded(pod) ? [''] : []));
    this.#pods.onChange(change => this.#onPod(change));
    this.#nodes.onChange(({ key, after }) => {
      this.#missingSince.delete(key);
      if (after === undefined || isOutOfService(after)) parts.enqueue(`${NODE}${key}`);
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    if (key.startsWith(NODE)) return this.#lookAtNode(key.slice(NODE.length), signal);
    if (key === ENDED) await this.#remove(surplus(this.#pods.store.byIndex(ENDED, ''), this.#threshold), key, signal);
    else {
      const pod = this.#pods.store.getByKey(key.slice(POD.length));
      if (pod !== undefined && isUnscheduledDeleted(pod)) await this.#remove([{ pod }], key, signal);
    }
    return SETTLED;
  }

  #onPod({ key, before, after }: Change<Pod>): void {
    if (after === undefined) return;
    if (isUnscheduledDeleted(after)) this.#parts.enqueue(`${POD}${key}`);
    if (hasEnded(after) && (before === undefined || !hasEnded(before))) this.#parts.enqueue(ENDED);
    const { nodeName = '' } = after.spec;
    if (nodeName === '') return;
    const node = this.#nodes.store.get('', nodeName);
    if (node === undefined || (isDeleted(after) && isOutOfService(node))) this.#parts.enqueue(`${NODE}${nodeName}`);
  }

  async #lookAtNode(name: string, signal: AbortSignal): Promise<Outcome> {
    const node = this.#nodes.store.get('', name);
    const pods = this.#pods.store.byIndex(BY_NODE, name);
    if (node !== undefined || pods.length === 0) {
      this.#missingSince.delete(name);
      if (node !== undefined) await this.#remove(outOfService(node, pods), `${NODE}${name}`, signal);
      return SETTLED;
    }
    const now = this.#parts.clock.monotonic();
    const since = this.#missingSince.get(name) ?? now;
    this.#missingSince.set(name, since);
    const left = since + QUARANTINE_MS - now;
    if (left > 0) return waitFor(left, 'a node that is missing may come back');
    if (await this.#exists(name, signal)) return waitFor(QUARANTINE_MS, 'a node that is not seen yet');
    await this.#remove(orphans(pods), `${NODE}${name}`, signal);
    // what stays has finalizers, and what comes late is of a node that is gone just as well
    return waitFor(QUARANTINE_MS, 'pods of a node that is gone');
  }

  async #exists(name: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#nodeReader.get('', name, signal);
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  /** Tries all; the first failure is thrown at the end. */
  async #remove(removals: readonly Removal[], because: string, signal: AbortSignal): Promise<void> {
    let problem: unknown;
    for (let at = 0; at < removals.length; at += BATCH) {
      const results = await Promise.allSettled(
        removals.slice(at, at + BATCH).map(removal => this.#removeOne(removal, because, signal)),
      );
      signal.throwIfAborted();
      problem ??= results.find(result => result.status === 'rejected')?.reason;
    }
    if (problem !== undefined) throw problem;
  }

  async #removeOne(removal: Removal, because: string, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid } = removal.pod.metadata;
    this.#parts.log.info({ pod: keyOf(removal.pod), because }, 'removing a pod');
    const patch = failure(removal, timeOf(this.#parts.clock.now()));
    try {
      if (patch !== undefined)
        await this.#writer.patch({ namespace, name, subresource: 'status' }, 'strategic', patch, signal);
      const preconditions = uid === undefined ? {} : { preconditions: { uid } };
      await this.#writer.delete(namespace, name, { gracePeriodSeconds: 0, ...preconditions }, signal);
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
