import type { DesiredPod, PodSource } from './desired-pod.ts';
import type { ManifestSet } from './merge-manifests.ts';

/** All that this node shall run. */
export interface DesiredSet {
  readonly pods: readonly DesiredPod[];
  /** Manifests that cannot be read in full: a pod that came from one of them and runs goes on running. */
  readonly badFiles: ReadonlySet<string>;
  /** Sources that have told everything once. A pod of another may be wanted all the same: nobody knows yet. */
  readonly known: ReadonlySet<PodSource>;
}

/** The pods of all sources; `undefined` is a source that has not told anything yet. Manifests come first: where both claim a name, the manifest has it. */
export function mergeSources(manifests: ManifestSet | undefined, api: readonly DesiredPod[] | undefined): DesiredSet {
  const known = new Set<PodSource>();
  if (manifests !== undefined) known.add('file');
  if (api !== undefined) known.add('api');
  return {
    pods: [...(manifests?.pods ?? []), ...(api ?? [])],
    badFiles: manifests?.badFiles ?? new Set(),
    known,
  };
}
