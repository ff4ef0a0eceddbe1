import type { CronJob, Job } from '../../api/types/gen/batch-v1.ts';
import type { ObjectReference } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import { outcomeOf } from './plan.ts';

/**
 * The cron job as the API server knows it where a job runs that the status in the store does not name: right after one was made its notice may come before that of the
 * status, and nobody shall be told of a stranger then. Undefined where it is gone.
 */
export async function withStatusOfNow(
  cronJob: CronJob,
  seen: readonly Job[],
  get: () => Promise<CronJob>,
): Promise<CronJob | undefined> {
  const named = new Set(cronJob.status.active?.map(({ uid }) => uid));
  if (seen.every(job => outcomeOf(job) !== undefined || named.has(job.metadata.uid))) return cronJob;
  const now = await get().catch(error => {
    if (isNotFound(error)) return undefined;
    throw error;
  });
  return now?.metadata.uid === cronJob.metadata.uid ? now : undefined;
}

/**
 * The jobs that a status calls active and that the store does not have, as the API server knows them: the store may be behind, above all right after a job was
 * made. Those that really are gone are left out.
 */
export async function unseenJobs(
  active: readonly ObjectReference[],
  seen: readonly Job[],
  get: (name: string) => Promise<Job>,
): Promise<readonly Job[]> {
  const uids = new Set(seen.map(({ metadata }) => metadata.uid));
  const unseen = active.filter(({ uid }) => !uids.has(uid));
  const found = await Promise.all(
    unseen.map(async ({ name = '', uid }) => {
      const job = await get(name).catch(error => {
        if (isNotFound(error)) return undefined;
        throw error;
      });
      return job?.metadata.uid === uid ? job : undefined;
    }),
  );
  return found.filter(job => job !== undefined);
}
