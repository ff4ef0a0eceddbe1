import type { Job } from '../../api/types/gen/batch-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { type Outcome, SETTLED, waitFor } from '../../base/outcome.ts';
import type { ControllerParts, ControllerRow } from '../controller.ts';
import { JOBS } from '../resources.ts';
import { expiry } from './plan.ts';

/** Deletes jobs with their pods when `ttlSecondsAfterFinished` has run out. */
export const ttlAfterFinishedController: ControllerRow = {
  name: 'ttl-after-finished-controller',
  inputs: [JOBS],
  outputs: [JOBS],
  workers: 5,
  make(parts) {
    const jobs = parts.informed<Job>(JOBS);
    jobs.onChange(({ key, after }) => {
      if (after?.spec.ttlSecondsAfterFinished !== undefined) parts.enqueue(key);
    });
    return {
      name: this.name,
      reconcile: (key, signal) => {
        const job = jobs.store.getByKey(key);
        return job === undefined ? Promise.resolve(SETTLED) : look(parts, job, signal);
      },
    };
  },
};

async function look(parts: ControllerParts, job: Job, signal: AbortSignal): Promise<Outcome> {
  const client = parts.client<Job>(JOBS);
  const { namespace = '', name = '' } = job.metadata;
  const early = untilExpiry(job, parts.clock.now());
  if (early !== undefined) return early;
  try {
    // the store may be old, and somebody may have given the job more time
    const fresh = await client.get(namespace, name, signal);
    const late = untilExpiry(fresh, parts.clock.now());
    if (late !== undefined) return late;
    const { uid = '' } = fresh.metadata;
    await client.delete(namespace, name, { propagationPolicy: 'Foreground', preconditions: { uid } }, signal);
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  return SETTLED;
}

/** What to wait for; undefined where the time has come. */
function untilExpiry(job: Job, now: number): Outcome | undefined {
  const at = expiry(job);
  if (at === undefined) return SETTLED;
  return at > now ? waitFor(at - now, 'the time of a job that has finished') : undefined;
}
