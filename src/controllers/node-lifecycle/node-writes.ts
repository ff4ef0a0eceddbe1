import { timeOf } from '../../api/time.ts';
import type { Node, NodeCondition, Pod, Taint } from '../../api/types/gen/core-v1.ts';
import { errorCode, isNotFound } from '../../base/errors.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts } from '../controller.ts';
import { conditionOf } from '../pods/pod-state.ts';
import { NODES, PODS } from '../resources.ts';

/** Kubelets write their nodes too: so often a write is tried again on the node as it is by then. Upstream's number. */
const TRIES = 5;

/** What node-lifecycle writes. Every write is of the object that was judged: where that has changed, it is judged again. */
export class NodeWrites {
  readonly #parts: ControllerParts;
  readonly #nodes: ResourceClient<Node>;
  readonly #pods: ResourceClient<Pod>;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#nodes = parts.client<Node>(NODES);
    this.#pods = parts.client<Pod>(PODS);
  }

  /** The node as it is then; undefined where it is gone. */
  taint(node: Node, wanted: (node: Node, timeNow: string) => readonly Taint[] | undefined, signal: AbortSignal) {
    return this.#change(node, signal, current => {
      const taints = wanted(current, this.#timeNow());
      const { name = '', uid, resourceVersion } = current.metadata;
      if (taints === undefined) return undefined;
      const patch = { metadata: { uid, resourceVersion }, spec: { taints: taints.length === 0 ? null : taints } };
      return this.#nodes.patch({ namespace: '', name }, 'strategic', patch, signal);
    });
  }

  conditions(
    node: Node,
    wanted: (node: Node, timeNow: string) => readonly NodeCondition[] | undefined,
    signal: AbortSignal,
  ) {
    return this.#change(node, signal, current => {
      const conditions = wanted(current, this.#timeNow());
      if (conditions === undefined) return undefined;
      return this.#nodes.updateStatus({ ...current, status: { ...current.status, conditions } }, signal);
    });
  }

  labels(node: Node, wanted: (node: Node) => Readonly<Record<string, string>> | undefined, signal: AbortSignal) {
    return this.#change(node, signal, current => {
      const labels = wanted(current);
      const { name = '', uid } = current.metadata;
      return labels === undefined
        ? undefined
        : this.#nodes.patch({ namespace: '', name }, 'strategic', { metadata: { uid, labels } }, signal);
    });
  }

  /** A pod of a node that is not ready is not either. One that is gone, or says so, is fine. */
  async markNotReady(pod: Pod, signal: AbortSignal): Promise<void> {
    if ((conditionOf(pod, 'Ready')?.status ?? 'False') === 'False') return;
    const { namespace = '', name = '', uid } = pod.metadata;
    const condition = { type: 'Ready', status: 'False', lastTransitionTime: this.#timeNow() };
    const patch = { metadata: { uid }, status: { conditions: [condition] } };
    try {
      await this.#pods.patch({ namespace, name, subresource: 'status' }, 'strategic', patch, signal);
    } catch (error) {
      if (isNotFound(error)) return;
      throw error;
    }
    const target = { apiVersion: 'v1', kind: 'Pod', object: pod };
    this.#parts.events.record(target, 'Warning', 'NodeNotReady', 'Node is not ready');
  }

  #timeNow(): string {
    return timeOf(this.#parts.clock.now());
  }

  async #change(
    node: Node,
    signal: AbortSignal,
    write: (current: Node) => Promise<Node> | undefined,
  ): Promise<Node | undefined> {
    let current = node;
    for (let left = TRIES; ; left -= 1)
      try {
        return (await write(current)) ?? current;
      } catch (error) {
        if (isNotFound(error)) return undefined;
        if (errorCode(error) !== 'aborted' || left === 0) throw error;
        try {
          current = await this.#nodes.get('', node.metadata.name ?? '', signal);
        } catch (gone) {
          if (isNotFound(gone)) return undefined;
          throw gone;
        }
        // another node by now: what was judged is gone
        if (current.metadata.uid !== node.metadata.uid) return undefined;
      }
  }
}
