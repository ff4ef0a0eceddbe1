import { type LabelSelector, labelSelectorOf } from '../../api/selectors/label-selector.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import { ApiError } from '../../api/status.ts';
import type { DaemonSet } from '../../api/types/gen/apps-v1.ts';
import type { Node, Pod } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Change } from '../../client/object-store.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { EXPIRES_MS } from '../pods/expectations.ts';
import { OwnedObjects } from '../pods/owned-objects.ts';
import { PodControl } from '../pods/pod-control.ts';
import { hasEnded } from '../pods/pod-state.ts';
import { slowStart } from '../pods/slow-start.ts';
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from '../resources.ts';
import { RevisionHistory } from '../revisions/history.ts';
import { hashOf } from '../revisions/plan.ts';
import { daemonTemplate, type Fitness, fitnessOf } from './daemon-pod.ts';
import { FailedPods } from './failed-pods.ts';
import { hasPods, joinRevisions } from './history.ts';
import { type DaemonPlan, type DaemonWorld, daemonStatus, planDaemons, type Removal } from './plan.ts';

const KIND = { apiVersion: 'apps/v1', kind: 'DaemonSet' };
/** Upstream's: no more pods are made, or deleted, at a time. */
const BURST = 250;

/** Keeps one pod of a template on each node that it fits, and brings all of them to a new template. */
export const daemonSetController: ControllerRow = {
  name: 'daemonset-controller',
  alias: 'daemonset',
  inputs: [DAEMON_SETS, NODES, PODS, CONTROLLER_REVISIONS],
  outputs: [DAEMON_SETS, PODS, CONTROLLER_REVISIONS],
  workers: 2,
  make: parts => new DaemonSets(parts),
};

class DaemonSets implements Reconciler {
  readonly name = 'daemonset-controller';
  readonly #parts: ControllerParts;
  readonly #sets: Informed<DaemonSet>;
  readonly #nodes: Informed<Node>;
  readonly #pods: OwnedObjects<Pod, DaemonSet>;
  readonly #history: RevisionHistory<DaemonSet>;
  readonly #podWriter: ResourceClient<Pod>;
  readonly #writer: ResourceClient<DaemonSet>;
  readonly #control: PodControl;
  readonly #failed: FailedPods;
  /** What sets make of nodes, read once for each version of a set. */
  readonly #fitness = new WeakMap<DaemonSet, (node: Node) => Fitness>();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#sets = parts.informed<DaemonSet>(DAEMON_SETS);
    this.#nodes = parts.informed<Node>(NODES);
    this.#writer = parts.client<DaemonSet>(DAEMON_SETS);
    this.#podWriter = parts.client<Pod>(PODS);
    this.#control = new PodControl(parts, KIND);
    this.#failed = new FailedPods(parts.clock);
    this.#sets.onChange(({ key }) => parts.enqueue(key));
    this.#nodes.onChange(change => this.#onNode(change));
    this.#pods = new OwnedObjects<Pod, DaemonSet>({
      objects: parts.informed<Pod>(PODS),
      owners: this.#sets,
      kind: KIND,
      selectorOf,
      enqueue: key => parts.enqueue(key),
      writer: this.#podWriter,
      onOwned: (key, change) => this.#control.observe(key, change),
    });
    this.#history = new RevisionHistory<DaemonSet>(parts, KIND, this.#sets, this.#writer, selectorOf);
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const set = this.#sets.store.getByKey(key);
    if (set === undefined) {
      this.#control.forget(key);
      return SETTLED;
    }
    // what it has is the garbage collector's now
    if (set.metadata.deletionTimestamp !== undefined) return SETTLED;
    // they come with a change; a store that was filled anew may have missed what came and went in between
    if (!this.#control.satisfied(key)) return waitFor(EXPIRES_MS, 'its own writes are not seen yet');
    const selector = selectorOf(set);
    if (selector === undefined) {
      const message = 'This daemon set is selecting all pods. A non-empty selector is required.';
      this.#parts.events.record({ ...KIND, object: set }, 'Warning', 'SelectingAll', message);
      return SETTLED;
    }
    const { namespace = '', name = '' } = set.metadata;
    const owned = await this.#pods.claim(set, selector, () => this.#writer.get(namespace, name, signal), signal);
    const history = await this.#history.of(set, selector, signal);
    await joinRevisions(history.current, history.duplicates, owned, this.#podWriter, signal);
    for (const duplicate of history.duplicates) await this.#history.delete(duplicate, signal);
    const world: DaemonWorld = {
      set,
      nodes: this.#nodes.store.list(),
      fitness: this.#fitnessOf(set),
      pods: owned.filter(pod => !hasEnded(pod) || pod.metadata.deletionTimestamp === undefined),
      hash: hashOf(history.current),
      now: this.#parts.clock.now(),
      heldBackMs: node => this.#failed.heldBackMs(failureKey(set, node)),
    };
    const plan = planDaemons(world);
    const error = await this.#carryOut(plan, world, signal);
    if (error === undefined) await this.#history.clean(set, history, hasPods(owned), signal);
    const availableInMs = await this.#tell(world, signal);
    if (error !== undefined) throw error;
    const times = [plan.againInMs, availableInMs].filter(ms => ms !== undefined);
    return times.length === 0
      ? SETTLED
      : waitFor(Math.min(...times) + 1, 'pods that failed, or are ready since lately');
  }

  #fitnessOf(set: DaemonSet): (node: Node) => Fitness {
    const fitness = this.#fitness.get(set) ?? rememberedFitness(set);
    this.#fitness.set(set, fitness);
    return fitness;
  }

  /** Wakes the sets that see a node with other eyes now. */
  #onNode({ before, after }: Change<Node>): void {
    const isSameNode = before !== undefined && after !== undefined && before.metadata.uid === after.metadata.uid;
    const look = ({ metadata, spec }: Node) => [metadata.labels, spec.taints];
    if (isSameNode && equalValues(look(before), look(after))) return;
    for (const set of this.#sets.store.list()) {
      const fitness = this.#fitnessOf(set);
      if (!isSameNode || !equalValues(fitness(before), fitness(after))) this.#parts.enqueue(keyOf(set));
    }
  }

  /** All of it is tried; the first failure is returned. */
  async #carryOut(plan: DaemonPlan, { set, hash }: DaemonWorld, signal: AbortSignal): Promise<Error | undefined> {
    const create = plan.create.slice(0, BURST);
    const remove = plan.remove.slice(0, BURST);
    if (create.length === 0 && remove.length === 0) return undefined;
    const key = keyOf(set);
    const reasons = [...new Set(remove.map(({ because }) => because))];
    this.#parts.log.info({ key, create: create.length, remove: remove.length, reasons }, 'scaling');
    return this.#control.writing(key, async () => {
      const nodes = [...create];
      const { error } = await slowStart(create.length, () => this.#create(set, hash, nodes.shift() ?? '', signal));
      const removed = await Promise.allSettled(remove.map(removal => this.#remove(set, removal, signal)));
      const problem = error ?? (removed.find(result => result.status === 'rejected')?.reason as unknown);
      return problem === undefined || problem instanceof Error ? problem : new Error(String(problem));
    });
  }

  async #create(set: DaemonSet, hash: string, node: string, signal: AbortSignal): Promise<void> {
    try {
      await this.#control.create(set, daemonTemplate(set, hash, node), signal);
    } catch (error) {
      // its pods go with it, and there is nothing to wait for
      if (!(error instanceof ApiError && error.hasCause('NamespaceTerminating'))) throw error;
    }
  }

  async #remove(set: DaemonSet, { pod, node, because }: Removal, signal: AbortSignal): Promise<void> {
    const target = { ...KIND, object: set };
    if (because === 'failed') {
      const message = `Found failed daemon pod ${keyOf(pod)} on node ${node}, will try to kill it`;
      this.#parts.events.record(target, 'Warning', 'FailedDaemonPod', message);
      this.#failed.deleted(failureKey(set, node));
    }
    if (because === 'succeeded') {
      const message = `Found succeeded daemon pod ${keyOf(pod)} on node ${node}, will try to delete it`;
      this.#parts.events.record(target, 'Normal', 'SucceededDaemonPod', message);
    }
    await this.#control.delete(set, pod, signal);
  }

  /** Writes the status as the store shows the pods; when the next of them is available, in ms. */
  async #tell(world: DaemonWorld, signal: AbortSignal): Promise<number | undefined> {
    const { set } = world;
    const { status, availableInMs } = daemonStatus(world);
    if (!equalValues(set.status, status))
      await this.#writer.updateStatus({ ...set, status }, signal).catch(error => {
        if (!isNotFound(error)) throw error;
      });
    return availableInMs;
  }
}

/** A plan asks of each node several times, and most nodes are the same at the next one. */
function rememberedFitness(set: DaemonSet): (node: Node) => Fitness {
  const fitness = fitnessOf(set);
  const known = new WeakMap<Node, Fitness>();
  return node => {
    const found = known.get(node) ?? fitness(node);
    known.set(node, found);
    return found;
  };
}

/** One that matches everything would take every pod of the namespace. */
function selectorOf({ spec }: DaemonSet): LabelSelector | undefined {
  const selector = labelSelectorOf(spec.selector);
  return selector === undefined || selector.isEmpty() ? undefined : selector;
}

function failureKey({ metadata, status }: DaemonSet, node: string): string {
  return `${metadata.uid}/${status.observedGeneration ?? 0}/${node}`;
}
