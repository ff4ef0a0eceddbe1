import { equalValues } from '../../api/semantic-equal.ts';
import { timeOf } from '../../api/time.ts';
import type { CronJob, CronJobStatus, Job } from '../../api/types/gen/batch-v1.ts';
import { errorMessage, isAlreadyExists, isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { Informed } from '../../client/informers.ts';
import type { Reconciler } from '../../client/reconcile.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { controllerOf } from '../pods/pod-from-template.ts';
import { CRON_JOBS, JOBS } from '../resources.ts';
import { CRON_JOB, type CronEvent, type CronPlan, planCronJob } from './plan.ts';
import { unseenJobs, withStatusOfNow } from './unseen-jobs.ts';

/** Makes a job whenever a schedule says so. */
export const cronJobController: ControllerRow = {
  name: 'cronjob-controller',
  alias: 'cronjob',
  inputs: [CRON_JOBS, JOBS],
  outputs: [CRON_JOBS, JOBS],
  workers: 5,
  make: parts => new CronJobs(parts),
};

class CronJobs implements Reconciler {
  readonly name = 'cronjob-controller';
  readonly #parts: ControllerParts;
  readonly #cronJobs: Informed<CronJob>;
  readonly #jobs: Informed<Job>;
  readonly #writer: ResourceClient<CronJob>;
  readonly #jobWriter: ResourceClient<Job>;
  /** That of this machine, for those that name none, as upstream. */
  readonly #localZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

  constructor(parts: ControllerParts) {
    this.#parts = parts;
    this.#cronJobs = parts.informed<CronJob>(CRON_JOBS);
    this.#jobs = parts.informed<Job>(JOBS);
    this.#writer = parts.client<CronJob>(CRON_JOBS);
    this.#jobWriter = parts.client<Job>(JOBS);
    this.#cronJobs.onChange(({ key }) => parts.enqueue(key));
    this.#jobs.onChange(({ before, after }) => {
      for (const job of [before, after]) {
        const owner = job && controllerOf(job);
        if (owner?.kind === CRON_JOB.kind) parts.enqueue(`${job?.metadata.namespace}/${owner.name}`);
      }
    });
  }

  async reconcile(key: string, signal: AbortSignal): Promise<Outcome> {
    const known = this.#cronJobs.store.getByKey(key);
    if (known === undefined) return SETTLED;
    const { namespace = '', name: cronJobName = '', uid } = known.metadata;
    const seen = this.#jobs.store.list(namespace).filter(job => controllerOf(job)?.uid === uid);
    const cronJob = await withStatusOfNow(known, seen, () => this.#writer.get(namespace, cronJobName, signal));
    if (cronJob === undefined) return SETTLED;
    const unseen = await unseenJobs(cronJob.status.active ?? [], seen, name =>
      this.#jobWriter.get(namespace, name, signal),
    );
    const plan = planCronJob({
      cronJob,
      jobs: [...seen, ...unseen],
      now: this.#parts.clock.now(),
      timeOf,
      localZone: this.#localZone,
    });
    for (const event of plan.events) this.#record(cronJob, event);
    for (const { job, because } of plan.remove) await this.#remove(cronJob, job, because, signal);
    await this.#tell(cronJob, plan, signal);
    return plan.againInMs === undefined ? SETTLED : waitFor(plan.againInMs + 1, 'the next time of its schedule');
  }

  async #remove(cronJob: CronJob, { metadata }: Job, because: string, signal: AbortSignal): Promise<void> {
    const { namespace = '', name = '', uid } = metadata;
    this.#parts.log.info({ job: `${namespace}/${name}`, because }, 'a job of a schedule goes');
    const options = {
      propagationPolicy: 'Background' as const,
      ...(uid === undefined ? {} : { preconditions: { uid } }),
    };
    try {
      await this.#jobWriter.delete(namespace, name, options, signal);
      this.#record(cronJob, { type: 'Normal', reason: 'SuccessfulDelete', message: `Deleted job ${name}` });
    } catch (error) {
      if (isNotFound(error)) return;
      this.#record(cronJob, {
        type: 'Warning',
        reason: 'FailedDelete',
        message: `Deleted job: ${errorMessage(error)}`,
      });
      throw error;
    }
  }

  /** The job comes first: whoever dies before the status is written finds it by its name. */
  async #tell(cronJob: CronJob, { create, status }: CronPlan, signal: AbortSignal): Promise<void> {
    const made = create === undefined ? undefined : await this.#create(cronJob, create, signal);
    const written = made === undefined ? status : withJob(status, made);
    if (equalValues(cronJob.status, written)) return;
    await this.#writer.updateStatus({ ...cronJob, status: written }, signal).catch(error => {
      if (!isNotFound(error)) throw error;
    });
  }

  async #create(cronJob: CronJob, job: Job, signal: AbortSignal): Promise<Job | undefined> {
    try {
      const made = await this.#jobWriter.create(job, signal);
      this.#record(cronJob, {
        type: 'Normal',
        reason: 'SuccessfulCreate',
        message: `Created job ${made.metadata.name}`,
      });
      return made;
    } catch (error) {
      if (!isAlreadyExists(error)) {
        this.#record(cronJob, {
          type: 'Warning',
          reason: 'FailedCreate',
          message: `Error creating job: ${errorMessage(error)}`,
        });
        throw error;
      }
      const known = await this.#jobWriter.get(job.metadata.namespace ?? '', job.metadata.name ?? '', signal);
      // made before, by one that did not live to say so; or another's, which is not touched
      return controllerOf(known)?.uid === cronJob.metadata.uid ? known : undefined;
    }
  }

  #record(cronJob: CronJob, { type, reason, message }: CronEvent): void {
    this.#parts.events.record({ ...CRON_JOB, object: cronJob }, type, reason, message);
  }
}

function withJob(status: CronJobStatus, { metadata }: Job): CronJobStatus {
  const { name = '', namespace = '', uid = '', resourceVersion = '', annotations } = metadata;
  const reference = { apiVersion: 'batch/v1', kind: 'Job', name, namespace, uid, resourceVersion };
  const lastScheduleTime = annotations?.['batch.kubernetes.io/cronjob-scheduled-timestamp'];
  return {
    ...status,
    active: [...(status.active ?? []), reference],
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
  } as CronJobStatus;
}
