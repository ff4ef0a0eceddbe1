import { podRequests } from '../api/pod-resources.ts';
import type { Node, Pod } from '../api/types/gen/core-v1.ts';
import type { Change } from '../client/object-store.ts';
import { Cluster } from './cluster.ts';
import type { ClusterChange } from './cluster-change.ts';
import { differs } from './filter/filter.ts';
import { NominatedPods } from './nominated-pods.ts';
import { type PodInfo, podInfo } from './pod-info.ts';
import type { SchedulingQueue } from './scheduling-queue.ts';

/** The scheduler that pods are for that name none: the server writes it into them. */
const DEFAULT_NAME = 'default-scheduler';

/** What the scheduler knows of nodes and pods: where each pod is or waits. Changes of objects are brought in one by one, in their order. */
export class World {
  readonly cluster = new Cluster();
  readonly nominated = new NominatedPods();
  readonly #schedulerName: string;
  #queue: SchedulingQueue | undefined;

  constructor(schedulerName = DEFAULT_NAME) {
    this.#schedulerName = schedulerName;
  }

  /** The queue looks at the cluster, and so is made after it. */
  set queue(queue: SchedulingQueue) {
    this.#queue = queue;
  }

  nodeChanged({ before, after }: Change<Node>): void {
    if (after === undefined) this.cluster.removeNode(before?.metadata.name ?? '');
    else this.cluster.setNode(after);
    if (before === undefined || after === undefined || isOtherNode(before, after))
      this.#changed({ kind: 'node', before, after });
  }

  podChanged({ key, before, after }: Change<Pod>): void {
    if (before !== undefined && after !== undefined && before.metadata.uid !== after.metadata.uid) {
      this.podChanged({ key, before, after: undefined });
      this.podChanged({ key, before: undefined, after });
    } else if (after === undefined) {
      if (before !== undefined) this.#podGone(before);
    } else if ((after.spec.nodeName ?? '') !== '') this.#podOnNode(before, after);
    else if (after.spec.schedulerName === this.#schedulerName) this.#podWaits(before, after);
  }

  /** Something else has changed that decisions depend on. */
  objectChanged(change: ClusterChange): void {
    this.#changed(change);
  }

  /** What was assumed of a pod is taken back: others may have its place. */
  forget(info: PodInfo): void {
    if (!this.cluster.isAssumed(info.uid)) return;
    this.cluster.remove(info.uid);
    this.#freed(info.pod);
  }

  #podGone(pod: Pod): void {
    const { uid = '' } = pod.metadata;
    const hadNode = this.cluster.has(uid);
    this.cluster.remove(uid);
    this.#queue?.remove(uid);
    const kept = this.nominated.nodeOf(uid);
    this.nominated.remove(uid);
    if (hadNode) this.#freed(pod);
    else if (kept !== undefined) this.#placeFreed(pod);
  }

  #podOnNode(before: Pod | undefined, after: Pod): void {
    const info = podInfo(after);
    this.cluster.confirm(info);
    this.#queue?.remove(info.uid);
    this.nominated.remove(info.uid);
    const known = before !== undefined && (before.spec.nodeName ?? '') !== '' ? before : undefined;
    if (known === undefined || isOtherPod(known, after)) this.#changed({ kind: 'pod', before: known, after });
  }

  #podWaits(before: Pod | undefined, after: Pod): void {
    const info = podInfo(after);
    const isBeingBound = this.cluster.isAssumed(info.uid);
    // one that is being bound is in the queue as long as its binding may fail
    if (!isBeingBound || this.#queue?.get(info.uid) !== undefined) this.#queue?.update(info);
    if (isBeingBound) return;
    const [was, is] = [before?.status.nominatedNodeName ?? '', after.status.nominatedNodeName ?? ''];
    // what the server does not say yet is kept as it was decided here
    if (is !== '' || was !== '') this.nominated.set(info, is);
    else this.nominated.set(info, this.nominated.nodeOf(info.uid) ?? '');
    if (before !== undefined && was !== '' && was !== is) this.#placeFreed(before);
  }

  /** A pod has left a node. */
  #freed(pod: Pod): void {
    this.#changed({ kind: 'pod', before: pod, after: undefined });
  }

  /** A node is kept for a pod no more, which helps those that do not matter more than it. */
  #placeFreed(pod: Pod): void {
    const priority = pod.spec.priority ?? 0;
    this.#queue?.changed({ kind: 'pod', before: pod, after: undefined }, each => each.priority <= priority);
  }

  #changed(change: ClusterChange): void {
    this.#queue?.changed(change);
  }
}

/** True if a node differs in what decisions depend on. A kubelet writes its status all the time. */
function isOtherNode(before: Node, after: Node): boolean {
  return (
    differs(before.spec.unschedulable, after.spec.unschedulable) ||
    differs(before.status.allocatable, after.status.allocatable) ||
    differs(before.metadata.labels, after.metadata.labels) ||
    differs(before.spec.taints, after.spec.taints)
  );
}

/** The same of a pod on a node. */
function isOtherPod(before: Pod, after: Pod): boolean {
  return (
    differs(before.metadata.labels, after.metadata.labels) ||
    differs(podRequests(before, 'spec-and-status'), podRequests(after, 'spec-and-status'))
  );
}
