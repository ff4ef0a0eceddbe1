import type { Pod, PodStatus } from '../../api/types/gen/core-v1.ts';

/** The pods with their newest status. One writer per pod: its worker. */
export class StatusStore {
  readonly #pods = new Map<string, Pod>();
  readonly #listeners: ((uid: string) => void)[] = [];
  readonly #forgetting: ((pod: Pod) => void)[] = [];
  readonly #byPod = new Map<string, Set<() => void>>();

  /** Told of every report, after it is in the store. Must not throw or wait. */
  onReport(listener: (uid: string) => void): void {
    this.#listeners.push(listener);
  }

  /** Told of each pod that is forgotten, as it was. Must not throw or wait. */
  onForget(listener: (pod: Pod) => void): void {
    this.#forgetting.push(listener);
  }

  /** Told of every report about one pod, and when it is forgotten. Returns how to stop that. */
  onPod(uid: string, listener: () => void): () => void {
    const listeners = this.#byPod.get(uid) ?? new Set();
    this.#byPod.set(uid, listeners);
    listeners.add(listener);
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0 && this.#byPod.get(uid) === listeners) this.#byPod.delete(uid);
    };
  }

  /** The status that was last reported, for what a new one keeps of it. */
  statusOf(uid: string): PodStatus | undefined {
    return this.#pods.get(uid)?.status;
  }

  /** The pod as it was last reported, with its status. */
  get(uid: string): Pod | undefined {
    return this.#pods.get(uid);
  }

  /** Newest wins. */
  report(uid: string, pod: Pod, status: PodStatus): void {
    this.#pods.set(uid, { ...pod, status });
    for (const listener of this.#listeners) listener(uid);
    for (const listener of this.#byPod.get(uid) ?? []) listener();
  }

  forget(uid: string): void {
    const pod = this.#pods.get(uid);
    this.#pods.delete(uid);
    if (pod !== undefined) for (const listener of this.#forgetting) listener(pod);
    for (const listener of this.#byPod.get(uid) ?? []) listener();
  }

  /** Sorted by namespace and name. */
  pods(): readonly Pod[] {
    const key = (pod: Pod): string => `${pod.metadata.namespace}/${pod.metadata.name}/${pod.metadata.uid}`;
    return [...this.#pods.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1));
  }
}
