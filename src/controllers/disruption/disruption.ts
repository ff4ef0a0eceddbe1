import { labelSelectorOf } from '../../api/selectors/label-selector.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import { timeOf } from '../../api/time.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/types/gen/policy-v1.ts';
import { errorCode, errorMessage, isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { type ApiObject, keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { controllerOf } from '../pods/pod-from-template.ts';
import { conditionOf, isReady } from '../pods/pod-state.ts';
import {
  DEPLOYMENTS,
  POD_DISRUPTION_BUDGETS,
  PODS,
  REPLICA_SETS,
  REPLICATION_CONTROLLERS,
  STATEFUL_SETS,
} from '../resources.ts';
import { ScaleFinder } from './expected-scale.ts';
import {
  type Expectation,
  expectation,
  failedStatus,
  judge,
  needsScale,
  selectorText,
  staleFrom,
  withoutDisruption,
} from './plan.ts';

/** Says of budgets how many of their pods may be missing, which evictions ask; and takes back of pods that they are about to be deleted where they are not. */
export const disruptionController: ControllerRow = {
  name: 'disruption-controller',
  alias: 'disruption',
  eventSource: 'controllermanager',
  inputs: [POD_DISRUPTION_BUDGETS, PODS, DEPLOYMENTS, REPLICA_SETS, REPLICATION_CONTROLLERS, STATEFUL_SETS],
  outputs: [POD_DISRUPTION_BUDGETS, PODS],
  workers: 1,
  make: parts => new Disruption(parts),
};

/** Keys: `budget/<namespace>/<name>`, `pod/<namespace>/<name>`. */
const BUDGET = 'budget/';
const POD = 'pod/';

class Disruption implements Reconciler {
  readonly name = 'disruption-controller';
  readonly #parts: ControllerParts;
  readonly #budgets: Informed<PodDisruptionBudget>;
  readonly #pods: Informed<Pod>;
  readonly #scales: ScaleFinder;
  readonly #budgetWriter: ResourceClient<PodDisruptionBudget>;
  readonly #podWriter: ResourceClient<Pod>;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#budgets = parts.informed<PodDisruptionBudget>(POD_DISRUPTION_BUDGETS);
    this.#pods = parts.informed<Pod>(PODS);
    this.#scales = new ScaleFinder(parts);
    this.#budgetWriter = parts.client<PodDisruptionBudget>(POD_DISRUPTION_BUDGETS);
    this.#podWriter = parts.client<Pod>(PODS);
    this.#budgets.onChange(({ key, after }) => {
      if (after !== undefined) parts.enqueue(`${BUDGET}${key}`);
    });
    this.#pods.onChange(({ key, before, after }) => {
      if (equalValues(lookOf(before), lookOf(after))) return;
      // one that a budget has lost counts for it no more
      for (const pod of [before, after])
        for (const budget of pod === undefined ? [] : this.#budgetsOf(pod)) parts.enqueue(`${BUDGET}${keyOf(budget)}`);
      if (after !== undefined) parts.enqueue(`${POD}${key}`);
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    if (key.startsWith(POD)) return this.#lookAtPod(this.#pods.store.getByKey(key.slice(POD.length)), signal);
    const budget = this.#budgets.store.getByKey(key.slice(BUDGET.length));
    if (budget === undefined) return SETTLED;
    try {
      return await this.#lookAtBudget(budget, signal);
    } catch (error) {
      if (errorCode(error) === 'aborted' || signal.aborted) throw error;
      // nobody may be missing while this is not known
      await this.#write(budget, failedStatus(budget, errorMessage(error), this.#timeNow()), signal);
      throw error;
    }
  }

  async #lookAtBudget(budget: PodDisruptionBudget, signal: AbortSignal): Promise<Outcome> {
    const pods = this.#podsOf(budget);
    if (pods.length === 0) this.#recordBudget(budget, 'Normal', 'NoPods', 'No matching pods found');
    const wanted = await this.#expectation(budget, pods, signal);
    const now = this.#parts.clock.now();
    const { status, notDeleted, lookAgainAt } = judge(budget, pods, wanted, now, this.#timeNow());
    await this.#write(budget, status, signal);
    for (const pod of notDeleted)
      this.#recordPod(pod, 'NotDeleted', `Pod was expected by PDB ${keyOf(budget)} to be deleted but it wasn't`);
    return lookAgainAt === undefined ? SETTLED : waitFor(lookAgainAt - now, 'pods that are about to be deleted');
  }

  async #expectation(budget: PodDisruptionBudget, pods: readonly Pod[], signal: AbortSignal): Promise<Expectation> {
    if (!needsScale(budget)) return expectation(budget, pods.length, 0);
    try {
      const { replicas, unmanaged } = await this.#scales.of(pods, signal);
      if (unmanaged.length > 0)
        this.#recordBudget(
          budget,
          'Warning',
          'UnmanagedPods',
          `Pods selected by this PodDisruptionBudget (selector: ${selectorText(budget.spec.selector)}) were found to be unmanaged. As a result, the status of the PDB cannot be calculated correctly, which may result in undefined behavior. To account for these pods please set ".spec.minAvailable" field of the PDB to an integer value.`,
        );
      return expectation(budget, pods.length, replicas);
    } catch (error) {
      const message = `Failed to calculate the number of expected pods: ${errorMessage(error)}`;
      if (!signal.aborted) this.#recordBudget(budget, 'Warning', 'CalculateExpectedPodCountFailed', message);
      throw error;
    }
  }

  async #lookAtPod(pod: Pod | undefined, signal: AbortSignal): Promise<Outcome> {
    if (pod === undefined) return SETTLED;
    const [first, ...others] = this.#budgetsOf(pod);
    if (first !== undefined && others.length > 0) {
      const { namespace, name } = pod.metadata;
      const message = `Pod "${namespace}"/"${name}" matches multiple PodDisruptionBudgets.  Chose "${first.metadata.name}" arbitrarily.`;
      this.#recordPod(pod, 'MultiplePodDisruptionBudgets', message);
    }
    const from = staleFrom(pod);
    if (from === undefined) return SETTLED;
    const leftMs = from - this.#parts.clock.now();
    if (leftMs > 0) return waitFor(leftMs, 'the pod may still be deleted');
    const conditions = withoutDisruption(pod, this.#timeNow());
    await this.#podWriter.updateStatus({ ...pod, status: { ...pod.status, conditions } }, signal).catch(ignoreGone);
    return SETTLED;
  }

  #podsOf(budget: PodDisruptionBudget): readonly Pod[] {
    const selector = labelSelectorOf(budget.spec.selector);
    if (selector === undefined) return [];
    return this.#pods.store.list(budget.metadata.namespace).filter(({ metadata }) => selector.matches(metadata.labels));
  }

  #budgetsOf({ metadata }: Pod): readonly PodDisruptionBudget[] {
    return this.#budgets.store
      .list(metadata.namespace)
      .filter(({ spec }) => selects(spec.selector, metadata.labels))
      .toSorted((a, b) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1));
  }

  async #write(
    budget: PodDisruptionBudget,
    status: PodDisruptionBudget['status'] | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (status !== undefined) await this.#budgetWriter.updateStatus({ ...budget, status }, signal).catch(ignoreGone);
  }

  #timeNow(): string {
    return timeOf(this.#parts.clock.now());
  }

  #recordBudget(object: PodDisruptionBudget, type: 'Normal' | 'Warning', reason: string, message: string): void {
    const target = { apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', object: object as ApiObject };
    this.#parts.events.record(target, type, reason, message);
  }

  #recordPod(object: Pod, reason: string, message: string): void {
    this.#parts.events.record({ apiVersion: 'v1', kind: 'Pod', object }, 'Warning', reason, message);
  }
}

function ignoreGone(error: unknown): void {
  if (!isNotFound(error)) throw error;
}

/** A selector that nobody can read selects nothing. */
function selects(
  selector: PodDisruptionBudget['spec']['selector'],
  labels: Readonly<Record<string, string>> | undefined,
): boolean {
  try {
    return labelSelectorOf(selector)?.matches(labels) === true;
  } catch {
    return false;
  }
}

/** What of a pod matters here. */
function lookOf(pod: Pod | undefined): object | undefined {
  return (
    pod && {
      uid: pod.metadata.uid,
      labels: pod.metadata.labels,
      deletionTimestamp: pod.metadata.deletionTimestamp,
      owner: controllerOf(pod)?.uid,
      isReady: isReady(pod),
      phase: pod.status.phase,
      disruption: conditionOf(pod, 'DisruptionTarget'),
    }
  );
}
