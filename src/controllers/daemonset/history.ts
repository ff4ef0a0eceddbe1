import type { ControllerRevision } from '../../api/types/gen/apps-v1.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { isNotFound } from '../../base/errors.ts';
import type { ResourceClient } from '../../client/resource-client.ts';
import { hashOf, REVISION_HASH } from '../revisions/plan.ts';

/** Pods of several revisions of one template get the label of the one that is kept, before the others go. */
export async function joinRevisions(
  kept: ControllerRevision,
  duplicates: readonly ControllerRevision[],
  pods: readonly Pod[],
  writer: ResourceClient<Pod>,
  signal: AbortSignal,
): Promise<void> {
  const hashes = new Set(duplicates.map(hashOf));
  for (const { metadata } of pods.filter(pod => hashes.has(pod.metadata.labels?.[REVISION_HASH] ?? ''))) {
    const { namespace = '', name = '', uid } = metadata;
    const patch = { metadata: { uid, labels: { [REVISION_HASH]: hashOf(kept) } } };
    await writer.patch({ namespace, name }, 'merge', patch, signal).catch(error => {
      if (!isNotFound(error)) throw error;
    });
  }
}

/** Whether there are pods of a revision. */
export function hasPods(pods: readonly Pod[]): (revision: ControllerRevision) => boolean {
  const live = new Set(pods.flatMap(({ metadata }) => metadata.labels?.[REVISION_HASH] ?? []));
  return revision => live.has(hashOf(revision));
}
