import { equalValues } from '../../api/semantic-equal.ts';
import type { Lease } from '../../api/types/gen/coordination-v1.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { errorMessage } from '../../base/errors.ts';
import { ADVANCED, type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { podsOfNodes } from '../pods/pods-of-node.ts';
import { LEASES, NODES, PODS } from '../resources.ts';
import { NodeWrites } from './node-writes.ts';
import {
  conditionOf,
  executeTaint,
  type GracePeriods,
  hasExecuteTaint,
  isExcluded,
  labelsToSet,
  NOT_READY,
  type NodeHealth,
  type Now,
  observed,
  scheduleTaints,
  silentConditions,
  UNREACHABLE,
  withExecuteTaint,
  zoneOf,
} from './plan.ts';
import { TaintQueue } from './taint-queue.ts';
import { type EvictionRates, judgeZones, type ZoneCount, type ZoneState } from './zones.ts';

export interface NodeLifecycleSettings {
  /** From one look at all nodes to the next. */
  readonly periodMs: number;
  readonly grace: GracePeriods;
  readonly rates: EvictionRates;
}

/** Upstream's. */
export const DEFAULT_NODE_LIFECYCLE: NodeLifecycleSettings = {
  periodMs: 5000,
  grace: { monitorMs: 50_000, startupMs: 60_000 },
  rates: { normal: 0.1, secondary: 0.01, largeZone: 50, unhealthy: 0.55 },
};

/** Where kubelets keep their leases. */
const LEASE_NAMESPACE = 'kube-node-lease';
/** Nodes at a time within a look at all of them; upstream's. */
const AT_ONCE = 8;
/** Keys: `monitor`, `node/<name>`, `pod/<namespace>/<name>`, `zone/<zone>`. */
const MONITOR = 'monitor';
const ZONE = 'zone/';

/** Says of nodes that are silent that nobody knows, taints nodes by their conditions, and sends pods away from those that are lost, slowly where many are. */
export function nodeLifecycleController(settings: NodeLifecycleSettings): ControllerRow {
  return {
    name: 'node-lifecycle-controller',
    alias: 'nodelifecycle',
    eventSource: 'node-controller',
    inputs: [NODES, LEASES, PODS],
    outputs: [NODES, PODS],
    workers: 12,
    make: parts => new NodeLifecycle(parts, settings),
  };
}

interface Known {
  readonly node: Node;
  readonly health: NodeHealth;
}

class NodeLifecycle implements Reconciler {
  readonly name = 'node-lifecycle-controller';
  readonly #parts: ControllerParts;
  readonly #settings: NodeLifecycleSettings;
  readonly #nodes: Informed<Node>;
  readonly #leases: Informed<Lease>;
  readonly #pods: Informed<Pod>;
  readonly #podsOf: (node: string) => readonly Pod[];
  readonly #writes: NodeWrites;
  readonly #known = new Map<string, Known>();
  /** Nodes some of whose pods could not be told to be unready. */
  readonly #retry = new Set<string>();
  readonly #queues = new Map<string, TaintQueue>();
  #zones: ReadonlyMap<string, ZoneState> = new Map();

  constructor(parts: ControllerParts, settings: NodeLifecycleSettings) {
    this.#parts = parts;
    this.#settings = settings;
    this.#nodes = parts.informed<Node>(NODES);
    this.#leases = parts.informed<Lease>(LEASES, { namespace: LEASE_NAMESPACE });
    this.#pods = parts.informed<Pod>(PODS);
    this.#podsOf = podsOfNodes(this.#pods);
    this.#writes = new NodeWrites(parts);
    this.#nodes.onChange(({ key, before, after }) => {
      if (after !== undefined && (before === undefined || !looksSame(before, after))) parts.enqueue(`node/${key}`);
    });
    this.#pods.onChange(({ key, before, after }) => {
      const { nodeName = '' } = after?.spec ?? {};
      if (nodeName !== '' && nodeName !== before?.spec.nodeName) parts.enqueue(`pod/${key}`);
    });
    parts.enqueue(MONITOR);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const name = key.slice(key.indexOf('/') + 1);
    if (key === MONITOR) return this.#monitor(signal);
    if (key.startsWith(ZONE)) return this.#taintOne(name, signal);
    if (key.startsWith('pod/')) return this.#lookAtPod(name, signal);
    const node = this.#nodes.store.get('', name);
    const tainted = node === undefined ? undefined : await this.#writes.taint(node, scheduleTaints, signal);
    if (tainted !== undefined) await this.#writes.labels(tainted, labelsToSet, signal);
    return SETTLED;
  }

  /** A pod that comes to a node which is known to be lost is not ready. */
  async #lookAtPod(key: string, signal: AbortSignal): Promise<Outcome> {
    const pod = this.#pods.store.getByKey(key);
    const node = pod === undefined ? undefined : this.#known.get(pod.spec.nodeName ?? '')?.node;
    if (pod !== undefined && node !== undefined && executeTaint(node) !== undefined)
      await this.#writes.markNotReady(pod, signal);
    return SETTLED;
  }

  async #monitor(signal: AbortSignal): Promise<Outcome> {
    const nodes = this.#nodes.store.list();
    this.#forget(nodes);
    const looked: Node[] = [];
    const waiting = [...nodes];
    const work = async (): Promise<void> => {
      for (let node = waiting.pop(); node !== undefined && !signal.aborted; node = waiting.pop()) {
        const { name } = node.metadata;
        const current = await this.#try(`node ${name} is looked at again later`, this.#lookAt(node, signal));
        if (current !== undefined) looked.push(current);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (!signal.aborted) await this.#judge(looked, signal);
    // not before all nodes are judged: who is cut off from all of them sends nobody away
    for (const zone of this.#queues.keys()) this.#parts.enqueue(`${ZONE}${zone}`);
    return waitFor(this.#settings.periodMs, 'the next look at all nodes');
  }

  #forget(nodes: readonly Node[]): void {
    const there = new Set(nodes.map(({ metadata }) => metadata.name));
    for (const [name, { node }] of this.#known) {
      if (there.has(name)) continue;
      this.#known.delete(name);
      this.#retry.delete(name);
      this.#queueOf(zoneOf(node)).delete(name);
      this.#record(node, 'RemovingNode', `Node ${name} event: Removing Node ${name} from Controller`);
    }
  }

  /** The node as it is after what was done about it; undefined where it is gone. */
  async #lookAt(node: Node, signal: AbortSignal): Promise<Node | undefined> {
    const { name = '' } = node.metadata;
    const isNew = !this.#known.has(name);
    if (isNew) this.#record(node, 'RegisteredNode', `Node ${name} event: Registered Node ${name} in Controller`);
    let wasReady = false;
    const current = await this.#writes.conditions(
      node,
      (fresh, timeNow) => {
        wasReady = conditionOf(fresh, 'Ready')?.status === 'True';
        const now = this.#now();
        const health = observed(
          this.#known.get(name)?.health,
          fresh,
          this.#leases.store.get(LEASE_NAMESPACE, name),
          now,
        );
        this.#known.set(name, { node: fresh, health });
        return silentConditions(fresh, health, this.#settings.grace, now, timeNow);
      },
      signal,
    );
    const health = this.#known.get(name)?.health;
    if (current === undefined || health === undefined) return undefined;
    this.#known.set(name, { node: current, health });
    const ready = conditionOf(current, 'Ready')?.status;
    if (ready !== undefined)
      await this.#try(`the taints of node ${name} are changed later`, this.#sendAway(current, signal));
    const isLost = wasReady && ready !== 'True';
    if (isLost) this.#record(current, 'NodeNotReady', `Node ${name} status is now: NodeNotReady`);
    // who was killed in between may have left pods that say that they are ready
    if (isLost || (isNew && ready === 'Unknown') || (this.#retry.has(name) && !wasReady && ready !== undefined))
      await this.#markPods(name, signal);
    else this.#retry.delete(name);
    return current;
  }

  /** Unlike upstream, a node that was not known is not freed of its taints first: pods that have their time would get it anew with every start. */
  async #sendAway(node: Node, signal: AbortSignal): Promise<void> {
    const { name = '' } = node.metadata;
    const key = executeTaint(node);
    const queue = this.#queueOf(zoneOf(node));
    if (key === undefined) queue.delete(name);
    else if (hasExecuteTaint(node, key)) return;
    else if (!hasExecuteTaint(node, key === NOT_READY ? UNREACHABLE : NOT_READY)) {
      queue.add(name);
      return;
    }
    // pods that are sent away already are sent away for another reason now, or not any more
    await this.#writes.taint(node, (fresh, timeNow) => withExecuteTaint(fresh, executeTaint(fresh), timeNow), signal);
  }

  async #markPods(node: string, signal: AbortSignal): Promise<void> {
    this.#retry.add(node);
    for (const pod of this.#podsOf(node)) await this.#writes.markNotReady(pod, signal);
    this.#retry.delete(node);
  }

  async #judge(nodes: readonly Node[], signal: AbortSignal): Promise<void> {
    const counts = new Map<string, ZoneCount>();
    for (const node of nodes.filter(each => !isExcluded(each))) {
      const { ready, notReady } = counts.get(zoneOf(node)) ?? { ready: 0, notReady: 0 };
      const isReady = conditionOf(node, 'Ready')?.status === 'True';
      counts.set(zoneOf(node), isReady ? { ready: ready + 1, notReady } : { ready, notReady: notReady + 1 });
    }
    const { states, rates, turn } = judgeZones(this.#zones, counts, this.#settings.rates);
    this.#zones = states;
    for (const [zone, rate] of rates) this.#queueOf(zone).setRate(rate);
    if (turn === 'back') {
      this.#parts.log.info('some nodes are ready again: all get their time anew');
      const seenAt = this.#now().monotonic;
      for (const [name, { node, health }] of this.#known)
        this.#known.set(name, { node, health: { ...health, seenAt } });
    }
    if (turn !== 'all-lost') return;
    this.#parts.log.info('no node is ready: nobody is sent away');
    for (const node of nodes) {
      this.#queueOf(zoneOf(node)).delete(node.metadata.name ?? '');
      const freed = this.#writes.taint(node, (fresh, now) => withExecuteTaint(fresh, undefined, now), signal);
      await this.#try(`the taints of node ${node.metadata.name} stay`, freed);
    }
  }

  async #taintOne(zone: string, signal: AbortSignal): Promise<Outcome> {
    const queue = this.#queueOf(zone);
    const next = queue.next();
    if (next === undefined) return SETTLED;
    if (typeof next === 'number') return waitFor(next, 'nodes are emptied one after another');
    const known = this.#known.get(next)?.node;
    const wanted = known === undefined ? undefined : executeTaint(known);
    if (known === undefined || wanted === undefined) {
      queue.delete(next);
      return ADVANCED;
    }
    // one that cannot be tainted does not hold up the others
    queue.postpone(next);
    const taint = (fresh: Node, timeNow: string) => {
      const key = executeTaint(fresh);
      return key === undefined ? undefined : withExecuteTaint(fresh, key, timeNow);
    };
    const tainted = await this.#writes.taint(known, taint, signal);
    if (tainted === undefined || executeTaint(tainted) === undefined) queue.delete(next);
    else queue.took(next);
    return ADVANCED;
  }

  #queueOf(zone: string): TaintQueue {
    const queue = this.#queues.get(zone) ?? new TaintQueue(this.#settings.rates.normal, this.#parts.clock);
    this.#queues.set(zone, queue);
    return queue;
  }

  #now(): Now {
    return { monotonic: this.#parts.clock.monotonic(), wall: this.#parts.clock.now() };
  }

  #record(node: Node, reason: string, message: string): void {
    this.#parts.events.record({ apiVersion: 'v1', kind: 'Node', object: node }, 'Normal', reason, message);
  }

  /** One node that makes trouble does not keep from the others. */
  async #try<R>(what: string, done: Promise<R>): Promise<R | undefined> {
    try {
      return await done;
    } catch (error) {
      this.#parts.log.warn({ because: errorMessage(error) }, what);
      return undefined;
    }
  }
}

/** Heartbeats alone change nothing here. */
function looksSame(a: Node, b: Node): boolean {
  const of = ({ metadata, spec, status }: Node): object => ({
    uid: metadata.uid,
    labels: metadata.labels,
    taints: spec.taints,
    unschedulable: spec.unschedulable,
    conditions: (status.conditions ?? []).map(({ type, status: value }) => [type, value]),
  });
  return equalValues(of(a), of(b));
}
