import type { PodInfo } from './pod-info.ts';

/** Pods for which a node is kept, because others were removed from it for them. */
export class NominatedPods {
  readonly #nodes = new Map<string, string>();
  readonly #pods = new Map<string, Map<string, PodInfo>>();

  /** An empty name: none is kept any more. */
  set(pod: PodInfo, node: string): void {
    this.remove(pod.uid);
    if (node === '') return;
    this.#nodes.set(pod.uid, node);
    const known = this.#pods.get(node);
    if (known === undefined) this.#pods.set(node, new Map([[pod.uid, pod]]));
    else known.set(pod.uid, pod);
  }

  nodeOf(uid: string): string | undefined {
    return this.#nodes.get(uid);
  }

  nominatedOn(node: string): readonly PodInfo[] {
    const pods = this.#pods.get(node);
    return pods === undefined ? [] : [...pods.values()];
  }

  remove(uid: string): void {
    const node = this.#nodes.get(uid);
    if (node === undefined) return;
    this.#nodes.delete(uid);
    const pods = this.#pods.get(node);
    pods?.delete(uid);
    if (pods?.size === 0) this.#pods.delete(node);
  }
}
