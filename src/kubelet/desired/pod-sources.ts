import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { Informed } from '../../client/informers.ts';
import { apiPods } from './api-pods.ts';
import type { DesiredPod } from './desired-pod.ts';
import type { ManifestSet } from './merge-manifests.ts';
import { type DesiredSet, mergeSources } from './merge-sources.ts';

/** Puts together what the manifests and the API server ask for, and tells of each change of the whole. */
export class PodSources {
  readonly #pods: Informed<Pod> | undefined;
  readonly #onChange: (set: DesiredSet) => void;
  #manifests: ManifestSet | undefined;
  #api: readonly DesiredPod[] | undefined;
  #due = false;

  constructor(pods: Informed<Pod> | undefined, onChange: (set: DesiredSet) => void) {
    this.#pods = pods;
    this.#onChange = onChange;
    pods?.onChange(() => {
      if (this.#api !== undefined) this.#readSoon();
    });
  }

  setManifests(set: ManifestSet): void {
    this.#manifests = set;
    this.#tell();
  }

  /** The API server's pods are all in the store: before that, a pod that is missing there may be wanted all the same. */
  onSynced(): void {
    this.#api = [];
    this.#read();
  }

  /** Changes that come together are read together. */
  #readSoon(): void {
    if (this.#due) return;
    this.#due = true;
    queueMicrotask(() => {
      this.#due = false;
      this.#read();
    });
  }

  #read(): void {
    const before = this.#api ?? [];
    const pods = apiPods(this.#pods?.store.list() ?? [], before);
    const same = pods.length === before.length && pods.every((pod, i) => pod === before[i]);
    this.#api = pods;
    if (!same || before.length === 0) this.#tell();
  }

  #tell(): void {
    this.#onChange(mergeSources(this.#manifests, this.#api));
  }
}
