import type { Job } from '../../api/types/gen/batch-v1.ts';
import type { ObjectReference } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';

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
