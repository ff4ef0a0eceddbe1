import type { LabelSelector } from '../../api/selectors/label-selector.ts';
import type { Pod } from '../../api/types/gen/core-v1.ts';
import { type ApiObject, keyOf } from '../../client/api-object.ts';
import type { Informed } from '../../client/informers.ts';
import type { Change, ObjectStore } from '../../client/object-store.ts';
import { controllerOf } from './pod-from-template.ts';

/** How pods name the kind that they belong to. */
export interface PodOwnerKind {
  readonly apiVersion: string;
  readonly kind: string;
}

const BY_CONTROLLER = 'controller-uid';
const ORPHANS = 'orphans-of-namespace';

/** The store of pods with the indexes by which owners find theirs. Safe to repeat: the store is shared. */
function indexed(store: ObjectStore<Pod>): ObjectStore<Pod> {
  if (!store.hasIndex(BY_CONTROLLER)) {
    store.addIndex(BY_CONTROLLER, pod => {
      const uid = controllerOf(pod)?.uid;
      return uid === undefined ? [] : [uid];
    });
    store.addIndex(ORPHANS, pod => (controllerOf(pod) === undefined ? [pod.metadata.namespace ?? ''] : []));
  }
  return store;
}

/** The pods that an owner has, and those in its namespace that nobody has. */
export function podsOf(store: ObjectStore<Pod>, owner: ApiObject): readonly Pod[] {
  const { uid = '', namespace = '' } = owner.metadata;
  return [...indexed(store).byIndex(BY_CONTROLLER, uid), ...store.byIndex(ORPHANS, namespace)];
}

export interface PodWatch<T extends ApiObject> {
  readonly pods: Informed<Pod>;
  readonly owners: Informed<T>;
  readonly kind: string;
  readonly selectorOf: (owner: T) => LabelSelector | undefined;
  readonly enqueue: (key: string) => void;
  /** Told of every change of a pod that the owner of this key has or had. */
  readonly onOwned: (key: string, change: Change<Pod>) => void;
}

/** Makes owners look when something about their pods changes: their own pods, and orphans that would fit. */
export function watchPods<T extends ApiObject>(watch: PodWatch<T>): void {
  const { pods, owners, kind, enqueue } = watch;
  indexed(pods.store);
  const ownerKey = (pod: Pod): string | undefined => {
    const reference = controllerOf(pod);
    if (reference === undefined || reference.kind !== kind) return undefined;
    const owner = owners.store.get(pod.metadata.namespace ?? '', reference.name);
    return owner?.metadata.uid === reference.uid ? keyOf(owner) : undefined;
  };
  pods.onChange(change => {
    const keys = new Set(
      [change.before, change.after].flatMap(pod => (pod === undefined ? [] : (ownerKey(pod) ?? []))),
    );
    for (const key of keys) {
      watch.onOwned(key, change);
      enqueue(key);
    }
    const orphan = change.after;
    if (orphan === undefined || controllerOf(orphan) !== undefined) return;
    for (const owner of owners.store.list(orphan.metadata.namespace))
      if (watch.selectorOf(owner)?.matches(orphan.metadata.labels ?? {}) === true) enqueue(keyOf(owner));
  });
}
