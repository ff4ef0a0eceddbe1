import type { Clock } from '../../base/clock.ts';
import { failedPrecondition, notFound } from '../../base/errors.ts';
import type { ApiObject } from '../../client/api-object.ts';
import { type InformerOptions, runInformer } from '../../client/informer.ts';
import { ObjectStore } from '../../client/object-store.ts';
import type { ResourceClient } from '../../client/resource-client.ts';

/** A config map or a secret. */
export interface WatchedObject extends ApiObject {
  readonly immutable?: boolean | undefined;
}

export interface ObjectWatchesOptions<T extends WatchedObject> {
  readonly client: ResourceClient<T>;
  /** As errors name it: `configmap`. */
  readonly singular: string;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** An object came, changed or went; these pods refer to it. Must not throw or wait. */
  readonly onChange: (podUids: readonly string[]) => void;
  readonly onTrouble: (message: string) => void;
}

interface Entry<T extends WatchedObject> {
  readonly namespace: string;
  readonly name: string;
  readonly store: ObjectStore<T>;
  readonly pods: Set<string>;
  readonly stop: AbortController;
  readonly synced: Promise<void>;
  isSynced: boolean;
  /** Somebody asked in vain before the first state was there: its arrival is news. */
  isMissed: boolean;
  trouble: string;
}

/** How long somebody who asks waits for the first state (upstream's number). When it comes later, that is told as a change. */
const SYNC_MS = 1_000;

/**
 * The objects of one kind that pods of this node refer to, each watched by its name once, however many pods refer to it: a node may see only those.
 * An immutable object is read once and not watched on. Nothing is watched that no pod refers to.
 */
export class ObjectWatches<T extends WatchedObject> {
  readonly #options: ObjectWatchesOptions<T>;
  readonly #entries = new Map<string, Entry<T>>();
  readonly #keysOfPod = new Map<string, ReadonlySet<string>>();
  readonly #running = new Set<Promise<void>>();

  constructor(options: ObjectWatchesOptions<T>) {
    this.#options = options;
  }

  /** These are the names that the pod refers to, from now on; none ends its part in the watches. Idempotent. */
  setReferences(podUid: string, namespace: string, names: ReadonlySet<string>): void {
    const keys = new Set([...names].map(name => `${namespace}/${name}`));
    for (const name of names) this.#entryOf(namespace, name).pods.add(podUid);
    for (const key of this.#keysOfPod.get(podUid) ?? []) if (!keys.has(key)) this.#release(podUid, key);
    if (keys.size === 0) this.#keysOfPod.delete(podUid);
    else this.#keysOfPod.set(podUid, keys);
  }

  /**
   * The object as it is known. Throws `not-found` with upstream's text where it does not exist, and `failed-precondition` where the server has not
   * told within a second, or no pod refers to it.
   */
  async get(namespace: string, name: string): Promise<T> {
    const entry = this.#entries.get(`${namespace}/${name}`);
    if (entry === undefined) throw failedPrecondition(`object "${namespace}"/"${name}" not registered`);
    const { singular, clock } = this.#options;
    if (!entry.isSynced) await withTimeout(entry.synced, clock);
    if (!entry.isSynced) {
      entry.isMissed = true;
      throw failedPrecondition(
        `failed to sync ${singular} cache: timed out waiting for the condition${entry.trouble === '' ? '' : ` (${entry.trouble})`}`,
      );
    }
    const object = entry.store.get(namespace, name);
    if (object === undefined) throw notFound(`${singular} "${name}" not found`);
    return object;
  }

  /** Ends every watch. */
  async close(): Promise<void> {
    for (const { stop } of this.#entries.values()) stop.abort();
    this.#entries.clear();
    this.#keysOfPod.clear();
    await Promise.all(this.#running);
  }

  get size(): number {
    return this.#entries.size;
  }

  #release(podUid: string, key: string): void {
    const entry = this.#entries.get(key);
    entry?.pods.delete(podUid);
    if (entry === undefined || entry.pods.size > 0) return;
    this.#entries.delete(key);
    entry.stop.abort();
  }

  #entryOf(namespace: string, name: string): Entry<T> {
    const key = `${namespace}/${name}`;
    const known = this.#entries.get(key);
    if (known !== undefined) return known;
    let resolve = (): void => {};
    const synced = new Promise<void>(done => {
      resolve = done;
    });
    const entry: Entry<T> = {
      namespace,
      name,
      store: new ObjectStore<T>(),
      pods: new Set(),
      stop: new AbortController(),
      synced,
      isSynced: false,
      isMissed: false,
      trouble: '',
    };
    this.#entries.set(key, entry);
    const running = this.#watch(entry, () => {
      entry.isSynced = true;
      resolve();
    });
    this.#running.add(running);
    running.finally(() => this.#running.delete(running));
    return entry;
  }

  #watch(entry: Entry<T>, onSynced: () => void): Promise<void> {
    const { client, clock, random, onChange, onTrouble } = this.#options;
    const { namespace, name, store, stop } = entry;
    const changed = (): void => {
      const object = store.get(namespace, name);
      if (object?.immutable === true) stop.abort();
      onChange([...entry.pods]);
    };
    const options: InformerOptions<T> = {
      client,
      store,
      namespace,
      fieldSelector: `metadata.name=${name}`,
      keep: withoutManagedFields<T>,
      // before the first state is complete nobody may rely on it
      onChange: () => {
        if (entry.isSynced) changed();
      },
      clock,
      random,
      onTrouble: (message: string) => {
        entry.trouble = message;
        onTrouble(`${namespace}/${name}: ${message}`);
      },
    };
    return runInformer(options, stop.signal, () => {
      if (entry.isSynced) return;
      onSynced();
      if (store.get(namespace, name)?.immutable === true) stop.abort();
      if (entry.isMissed) onChange([...entry.pods]);
    });
  }
}

function withoutManagedFields<T extends ApiObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

async function withTimeout(done: Promise<void>, clock: Clock): Promise<void> {
  let cancel = (): void => {};
  const timeout = new Promise<void>(resolve => {
    cancel = clock.after(SYNC_MS, resolve);
  });
  await Promise.race([done, timeout]);
  cancel();
}
