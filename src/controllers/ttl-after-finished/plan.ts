import type { Job } from '../../api/types/gen/batch-v1.ts';

/** When a job that has finished is to go, in ms since the epoch; undefined where it has not, or lives until somebody deletes it. Throws where nobody wrote when it finished. */
export function expiry({ metadata, spec, status }: Job): number | undefined {
  const finished = status.conditions?.find(
    condition => (condition.type === 'Complete' || condition.type === 'Failed') && condition.status === 'True',
  );
  if (metadata.deletionTimestamp !== undefined || spec.ttlSecondsAfterFinished === undefined) return undefined;
  if (finished === undefined) return undefined;
  const at = Date.parse(finished.lastTransitionTime ?? '');
  if (Number.isNaN(at))
    throw new Error(`unable to find the time when the Job ${metadata.namespace}/${metadata.name} finished`);
  return at + spec.ttlSecondsAfterFinished * 1000;
}
