import type { Pod } from '../../api/types/gen/core-v1.ts';
import type { TimeSlice } from '../../base/time-slice.ts';
import type { CacheEvent } from '../storage/watch-cache/cache-event.ts';
import type { Entry, ServedResource } from './served-resource.ts';

type Change = CacheEvent<Entry['object']>;

/**
 * The pods of each node, kept by what the watch cache sees: a change costs what its pod costs, however many others there are. A pod that cannot be
 * decoded is on no node.
 */
export class PodsByNode {
  readonly #pods: ServedResource;
  readonly #byNode = new Map<string, Map<string, Entry>>();
  /** The answers, while nothing on their node changed. */
  readonly #answers = new Map<string, readonly Pod[]>();
  #isWhole = false;

  constructor(pods: ServedResource) {
    this.#pods = pods;
    pods.cache.observe({
      changed: event => this.#changed(event),
      loaded: () => this.#forget(),
    });
  }

  /** The same array until something on the node changes. */
  on(nodeName: string): readonly Pod[] {
    if (!this.#isWhole) this.#readAll();
    const known = this.#answers.get(nodeName);
    if (known !== undefined) return known;
    const entries = this.#byNode.get(nodeName);
    if (entries === undefined) return [];
    const pods = [...entries.values()].map(entry => entry.object as unknown as Pod);
    this.#answers.set(nodeName, pods);
    return pods;
  }

  /** Decodes the pods that the cache has, in slices: the first question would do it in one step. */
  async warm(slice: TimeSlice): Promise<void> {
    for (const entry of this.#pods.cache.snapshot()) {
      nodeOf(entry);
      if (slice.used) await slice.breathe();
    }
  }

  #readAll(): void {
    this.#forget();
    for (const entry of this.#pods.cache.snapshot()) this.#add(entry);
    this.#isWhole = true;
  }

  #forget(): void {
    this.#byNode.clear();
    this.#answers.clear();
    this.#isWhole = false;
  }

  #changed({ current, previous }: Change): void {
    if (!this.#isWhole) return;
    if (previous !== undefined) this.#remove(previous);
    if (current !== undefined) this.#add(current);
  }

  #add(entry: Entry): void {
    const node = nodeOf(entry);
    if (node === '') return;
    const entries = this.#byNode.get(node);
    if (entries === undefined) this.#byNode.set(node, new Map([[entry.key, entry]]));
    else entries.set(entry.key, entry);
    this.#answers.delete(node);
  }

  #remove(entry: Entry): void {
    const node = nodeOf(entry);
    const entries = this.#byNode.get(node);
    if (entries?.delete(entry.key) !== true) return;
    if (entries.size === 0) this.#byNode.delete(node);
    this.#answers.delete(node);
  }
}

function nodeOf(entry: Entry): string {
  try {
    return (entry.object as unknown as Pod).spec.nodeName ?? '';
  } catch {
    return '';
  }
}
