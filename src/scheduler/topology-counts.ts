import type { NodeInfo } from './node-info.ts';

/** Numbers by the groups that nodes form: by a label and its value. What is zero is not kept. */
export class TopologyCounts {
  readonly #counts = new Map<string, Map<string, number>>();

  get isEmpty(): boolean {
    return this.#counts.size === 0;
  }

  get keys(): Iterable<string> {
    return this.#counts.keys();
  }

  /** Adds to the group of a node; nothing where the node is in none. */
  add(node: NodeInfo, key: string, amount: number): void {
    const value = node.label(key);
    if (value === undefined) return;
    const counts = this.#counts.get(key) ?? new Map<string, number>();
    const sum = (counts.get(value) ?? 0) + amount;
    if (sum === 0) counts.delete(value);
    else counts.set(value, sum);
    if (counts.size > 0) this.#counts.set(key, counts);
    else this.#counts.delete(key);
  }

  /** The number of a node's group; 0 where it is in none. */
  of(node: NodeInfo, key: string): number {
    const value = node.label(key);
    return value === undefined ? 0 : (this.#counts.get(key)?.get(value) ?? 0);
  }

  copy(): TopologyCounts {
    const copy = new TopologyCounts();
    for (const [key, counts] of this.#counts) copy.#counts.set(key, new Map(counts));
    return copy;
  }
}
