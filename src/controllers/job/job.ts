import { type LabelSelector, labelSelectorOf } from '../../api/selectors/label-selector.ts';
import { equalValues } from '../../api/semantic-equal.ts';
import { timeOf } from '../../api/time.ts';
import type { Job } from '../../api/types/gen/batch-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import { keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { EXPIRES_MS } from '../pods/expectations.ts';
import { OwnedObjects, selects } from '../pods/owned-objects.ts';
import { PodControl } from '../pods/pod-control.ts';
import { controllerOf } from '../pods/pod-from-template.ts';
import { slowStart } from '../pods/slow-start.ts';
import { JOBS, PODS } from '../resources.ts';
import { type Backoff, NO_BACKOFF } from './facts.ts';
import { isTracked, TRACKING } from './job-pods.ts';
import { type JobPlan, planJob } from './plan.ts';

const JOB = { apiVersion: 'batch/v1', kind: 'Job' };
/** What manages a job unless it says otherwise. */
const OWN_MANAGER = 'kubernetes.io/job-controller';
/** Keys of pods that no job will let go; those of jobs have no space. */
const ORPHAN = 'pod ';

/** Runs pods until as many as wanted have succeeded, or too many have failed. */
export const jobController: ControllerRow = {
  name: 'job-controller',
  alias: 'job',
  inputs: [JOBS, PODS],
  outputs: [JOBS, PODS],
  workers: 5,
  make: parts => new Jobs(parts),
};

class Jobs implements Reconciler {
  readonly name = 'job-controller';
  readonly #parts: ControllerParts;
  readonly #jobs: Informed<Job>;
  readonly #pods: OwnedObjects<Pod, Job>;
  readonly #podStore: Informed<Pod>;
  readonly #writer: ResourceClient<Job>;
  readonly #podWriter: ResourceClient<Pod>;
  readonly #control: PodControl;
  /** By key: uids of pods whose finalizer is gone, until the store shows it. */
  readonly #released = new Map<string, Set<string>>();
  readonly #backoffs = new Map<string, Backoff>();

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#jobs = parts.informed<Job>(JOBS);
    this.#podStore = parts.informed<Pod>(PODS);
    this.#writer = parts.client<Job>(JOBS);
    this.#podWriter = parts.client<Pod>(PODS);
    this.#control = new PodControl(parts, JOB);
    this.#pods = new OwnedObjects<Pod, Job>({
      objects: this.#podStore,
      owners: this.#jobs,
      kind: JOB,
      selectorOf,
      enqueue: key => parts.enqueue(key),
      writer: this.#podWriter,
      onOwned: (key, change) => {
        this.#control.observe(key, change);
        const pod = change.after;
        if (pod === undefined || !isTracked(pod))
          this.#released.get(key)?.delete((pod ?? change.before)?.metadata.uid ?? '');
      },
    });
    this.#jobs.onChange(({ key, before, after }) => {
      parts.enqueue(key);
      const isAnother = before !== undefined && after?.metadata.uid !== before.metadata.uid;
      if (isAnother) for (const pod of this.#pods.of(before)) parts.enqueue(`${ORPHAN}${keyOf(pod)}`);
    });
    this.#podStore.onChange(({ key, after }) => {
      if (after !== undefined && isTracked(after) && this.#isOrphan(after)) parts.enqueue(`${ORPHAN}${key}`);
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    if (key.startsWith(ORPHAN)) return this.#letOrphanGo(key.slice(ORPHAN.length), signal);
    const job = this.#jobs.store.getByKey(key);
    if (job === undefined || isFinished(job)) {
      this.#forget(key);
      return SETTLED;
    }
    if ((job.spec.managedBy ?? OWN_MANAGER) !== OWN_MANAGER) return SETTLED;
    if (!this.#control.satisfied(key)) return waitFor(EXPIRES_MS, 'its own writes are not seen yet');
    const selector = selectorOf(job);
    if (selector === undefined) return SETTLED;
    const { namespace = '', name = '' } = job.metadata;
    const pods = await this.#pods.claim(job, selector, () => this.#writer.get(namespace, name, signal), signal);
    const now = this.#parts.clock.now();
    const plan = planJob({
      job,
      pods,
      released: this.#released.get(key) ?? new Set(),
      backoff: this.#backoffs.get(key) ?? NO_BACKOFF,
      now,
      nowText: timeOf(now),
    });
    const error = await this.#movePods(job, plan, signal);
    if (error !== undefined) throw error;
    await this.#tell(key, job, plan, signal);
    await Promise.all(plan.release.map(pod => this.#release(key, pod, signal)));
    return plan.againInMs === undefined
      ? SETTLED
      : waitFor(plan.againInMs + 1, 'the back-off of failed pods, or the deadline');
  }

  /** All deletions are tried, creations in growing batches; the first failure is returned. */
  async #movePods(job: Job, { remove, dismiss, create }: JobPlan, signal: AbortSignal): Promise<unknown> {
    if (remove.length === 0 && create.length === 0) return undefined;
    const key = keyOf(job);
    this.#parts.log.info({ key, create: create.length, remove: remove.length }, 'pods of a job');
    return this.#control.writing(key, async () => {
      const results = await Promise.allSettled(
        remove.map(async pod => {
          if (dismiss.includes(pod)) await this.#release(key, pod, signal);
          await this.#control.delete(job, pod, signal);
        }),
      );
      const failed = results.find(result => result.status === 'rejected');
      if (failed !== undefined) return failed.reason as unknown;
      const left = [...create];
      const { error } = await slowStart(create.length, async () => {
        const next = left.shift();
        if (next !== undefined) await this.#control.create(job, next.template, signal, next.prefix);
      });
      return error;
    });
  }

  /** A conflict is a look at something old: the next one counts anew, and nothing twice. */
  async #tell(key: string, job: Job, { status, events, backoff }: JobPlan, signal: AbortSignal): Promise<void> {
    this.#backoffs.set(key, backoff);
    if (equalValues(shownOf(job), status)) return;
    await this.#writer.updateStatus({ ...job, status }, signal).catch(error => {
      if (!isNotFound(error)) throw error;
    });
    for (const { type, reason, message } of events)
      this.#parts.events.record({ ...JOB, object: job }, type, reason, message);
  }

  async #release(key: string, pod: Pod, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid = '' } = pod.metadata;
    const known = this.#released.get(key) ?? new Set<string>();
    this.#released.set(key, known.add(uid));
    const patch = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [TRACKING] } };
    try {
      await this.#podWriter.patch({ namespace, name }, 'strategic', patch, signal);
    } catch (error) {
      if (isNotFound(error)) return;
      known.delete(uid);
      throw error;
    }
    // what was held by it is a number from now on
    this.#parts.enqueue(key);
  }

  #isOrphan(pod: Pod): boolean {
    const reference = controllerOf(pod);
    if (reference !== undefined) return reference.kind === JOB.kind && this.#pods.ownerOf(pod) === undefined;
    const jobs = this.#jobs.store.list(pod.metadata.namespace);
    return !jobs.some(job => job.metadata.deletionTimestamp === undefined && selects(() => selectorOf(job), pod));
  }

  async #letOrphanGo(podKey: string, signal: AbortSignal): Promise<Outcome> {
    const pod = this.#podStore.store.getByKey(podKey);
    if (pod === undefined || !isTracked(pod) || !this.#isOrphan(pod)) return SETTLED;
    const { namespace = '', name = '', uid } = pod.metadata;
    const patch = { metadata: { uid, '$deleteFromPrimitiveList/finalizers': [TRACKING] } };
    await this.#podWriter.patch({ namespace, name }, 'strategic', patch, signal).catch(error => {
      if (!isNotFound(error)) throw error;
    });
    return SETTLED;
  }

  #forget(key: string): void {
    this.#control.forget(key);
    this.#released.delete(key);
    this.#backoffs.delete(key);
  }
}

function isFinished({ status }: Job): boolean {
  return (
    status.conditions?.some(({ type, status: is }) => (type === 'Complete' || type === 'Failed') && is === 'True') ===
    true
  );
}

function selectorOf({ spec }: Job): LabelSelector | undefined {
  const selector = labelSelectorOf(spec.selector);
  return selector === undefined || selector.isEmpty() ? undefined : selector;
}

/** The status with what is left out where it is nothing. */
function shownOf({ status }: Job): unknown {
  const { active = 0, ready = 0, terminating = 0, succeeded = 0, failed = 0, uncountedTerminatedPods } = status;
  return {
    ...status,
    active,
    ready,
    terminating,
    succeeded,
    failed,
    uncountedTerminatedPods: {
      succeeded: uncountedTerminatedPods?.succeeded ?? [],
      failed: uncountedTerminatedPods?.failed ?? [],
    },
  };
}
