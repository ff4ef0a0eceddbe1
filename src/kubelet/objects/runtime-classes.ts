import type { RuntimeClass } from '../../api/types/gen/node-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { failedPrecondition, notFound } from '../../base/errors.ts';
import type { ApiConnection } from '../../client/connection.ts';
import { runInformer } from '../../client/informer.ts';
import { ObjectStore } from '../../client/object-store.ts';
import { ResourceClient } from '../../client/resource-client.ts';

export interface RuntimeClassesOptions {
  readonly connection: ApiConnection;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** The class that these pods asked for in vain has come, or may have. Must not throw or wait. */
  readonly onChange: (podUids: readonly string[]) => void;
  readonly onTrouble: (message: string) => void;
}

/** The runtime classes of the cluster: a handful, so all are followed. */
export class RuntimeClasses {
  readonly #options: RuntimeClassesOptions;
  readonly #store = new ObjectStore<RuntimeClass>();
  /** Pods that asked in vain, by the name of the class. */
  readonly #waiting = new Map<string, Set<string>>();
  #isSynced = false;

  constructor(options: RuntimeClassesOptions) {
    this.#options = options;
  }

  /**
   * The handler of a class: what the runtime is asked for. Throws `not-found` in upstream's words, and `failed-precondition` before the classes were read once;
   * the pod is told of when that changes.
   */
  handlerOf(name: string, podUid: string): string {
    const found = this.#store.get('', name);
    if (found !== undefined) return found.handler;
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting.add(podUid));
    if (this.#isSynced) throw notFound(`runtimeclass.node.k8s.io "${name}" not found`);
    throw failedPrecondition(`failed to lookup RuntimeClass ${name}: runtime classes have not yet been read`);
  }

  forget(podUid: string): void {
    for (const [name, uids] of this.#waiting) if (uids.delete(podUid) && uids.size === 0) this.#waiting.delete(name);
  }

  /** Until the signal aborts; never rejects. */
  run(signal: AbortSignal): Promise<void> {
    const { connection, clock, random, onTrouble } = this.#options;
    return runInformer<RuntimeClass>(
      {
        client: new ResourceClient(connection, { group: 'node.k8s.io', version: 'v1', plural: 'runtimeclasses' }),
        store: this.#store,
        onChange: ({ after }) => {
          if (this.#isSynced && after !== undefined) this.#tell([after.metadata.name ?? '']);
        },
        clock,
        random,
        onTrouble,
      },
      signal,
      () => {
        this.#isSynced = true;
        this.#tell([...this.#waiting.keys()]);
      },
    );
  }

  #tell(names: readonly string[]): void {
    const uids = names.flatMap(name => [...(this.#waiting.get(name) ?? [])]);
    for (const name of names) this.#waiting.delete(name);
    if (uids.length > 0) this.#options.onChange(uids);
  }
}
