import type { LabelSelector } from '../api/selectors/label-selector.ts';
import type { Namespace, PersistentVolume, PersistentVolumeClaim, Pod } from '../api/types/gen/core-v1.ts';
import type { PodDisruptionBudget } from '../api/types/gen/policy-v1.ts';
import type { StorageClass } from '../api/types/gen/storage-v1.ts';
import type { Informers } from '../client/informers.ts';
import type { ObjectStore } from '../client/object-store.ts';
import type { ObjectPicture } from './picture.ts';
import { CLAIMS, DISRUPTION_BUDGETS, NAMESPACES, STORAGE_CLASSES, VOLUMES } from './resources.ts';
import { SpreadSelectors } from './spread-selectors.ts';

/** Objects beside nodes and pods, out of what is watched. */
export class WatchedObjects implements ObjectPicture {
  readonly #namespaces: ObjectStore<Namespace>;
  readonly #claims: ObjectStore<PersistentVolumeClaim>;
  readonly #volumes: ObjectStore<PersistentVolume>;
  readonly #classes: ObjectStore<StorageClass>;
  readonly #budgets: ObjectStore<PodDisruptionBudget>;
  readonly #spread: SpreadSelectors;

  constructor(informers: Informers) {
    this.#namespaces = informers.of<Namespace>(NAMESPACES).store;
    this.#claims = informers.of<PersistentVolumeClaim>(CLAIMS).store;
    this.#volumes = informers.of<PersistentVolume>(VOLUMES).store;
    this.#classes = informers.of<StorageClass>(STORAGE_CLASSES).store;
    this.#budgets = informers.of<PodDisruptionBudget>(DISRUPTION_BUDGETS).store;
    this.#spread = new SpreadSelectors(informers);
  }

  namespaceLabels(namespace: string): Readonly<Record<string, string>> | undefined {
    const found = this.#namespaces.get('', namespace);
    return found === undefined ? undefined : (found.metadata.labels ?? {});
  }

  claim(namespace: string, name: string): PersistentVolumeClaim | undefined {
    return this.#claims.get(namespace, name);
  }

  volume(name: string): PersistentVolume | undefined {
    return this.#volumes.get('', name);
  }

  storageClass(name: string): StorageClass | undefined {
    return this.#classes.get('', name);
  }

  spreadSelector(pod: Pod): LabelSelector | undefined {
    return this.#spread.of(pod);
  }

  disruptionBudgets(namespace: string): readonly PodDisruptionBudget[] {
    return this.#budgets.list(namespace);
  }
}
