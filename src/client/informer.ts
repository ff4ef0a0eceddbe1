import type { Clock } from '../base/clock.ts';
import { errorCode, errorMessage } from '../base/errors.ts';
import { isStatusReasonError } from './answer-error.ts';
import { type ApiObject, keyOf } from './api-object.ts';
import type { Change, ObjectStore } from './object-store.ts';
import type { ResourceClient } from './resource-client.ts';
import { type WatchEvent, watchEvents } from './watch-events.ts';

export interface InformerOptions<T extends ApiObject> {
  readonly client: ResourceClient<T>;
  readonly store: ObjectStore<T>;
  /** What of an object is kept, where not all of it: its name, uid and version have to be. */
  readonly keep?: (object: T) => T;
  /** All namespaces where it is empty. */
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  /** Told of every change after it is in the store, in order. Must not throw or wait. */
  readonly onChange: (change: Change<T>) => void;
  readonly clock: Clock;
  /** 0 <= x < 1: spreads what many clients do. */
  readonly random: () => number;
  /** One line for the log: why it began anew, or waits. */
  readonly onTrouble: (message: string) => void;
}

/** client-go: a watch lasts 5 to 10 minutes, then the next one begins where it ended. */
const MIN_WATCH_SECONDS = 300;
/** The pause after a failure doubles from here on; a server that is back is not left alone for long. */
const FIRST_PAUSE_MS = 100;
const MAX_PAUSE_MS = 5_000;
const INITIAL_EVENTS_END = 'k8s.io/initial-events-end';
const PAGE = 500;

/**
 * Keeps a store as the API server has it until the signal aborts: the state once, then every change, over broken connections and restarts of the server.
 * History that is gone is made up for by the state as it is then; the changes told are those between the two. `onSynced` is called once, when the first state is there.
 */
export async function runInformer<T extends ApiObject>(
  options: InformerOptions<T>,
  signal: AbortSignal,
  onSynced: () => void,
): Promise<void> {
  const informer = new Informer(options, onSynced);
  while (!signal.aborted) await informer.step(signal);
}

class Informer<T extends ApiObject> {
  readonly #options: InformerOptions<T>;
  readonly #onSynced: () => void;
  /** Where the next watch begins; undefined: with the state. */
  #at: string | undefined;
  #failures = 0;
  /** False once the server has refused to send the state as events. */
  #streamsState = true;

  constructor(options: InformerOptions<T>, onSynced: () => void) {
    this.#options = options;
    this.#onSynced = onSynced;
  }

  /** One watch, from its beginning to its end. Never throws. */
  async step(signal: AbortSignal): Promise<void> {
    try {
      if (this.#at !== undefined) await this.#follow(this.#at, signal);
      else if (this.#streamsState) await this.#stateByWatch(signal);
      else await this.#stateByList(signal);
      this.#failures = 0;
    } catch (error) {
      if (signal.aborted) return;
      await this.#recover(error, signal);
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    const { client, onTrouble, clock, random } = this.#options;
    const isGone = isStatusReasonError(error, 'Expired') || isStatusReasonError(error, 'Gone');
    if (isGone) {
      this.#at = undefined;
      onTrouble(`${client.id.plural}: history is gone, reading everything anew`);
      return;
    }
    if (this.#at === undefined && this.#streamsState && errorCode(error) === 'invalid-argument') {
      this.#streamsState = false;
      return;
    }
    this.#failures += 1;
    const pause = Math.min(FIRST_PAUSE_MS * 2 ** (this.#failures - 1), MAX_PAUSE_MS) * (0.5 + random() / 2);
    onTrouble(`${client.id.plural}: ${errorMessage(error)}; trying again in ${Math.round(pause)} ms`);
    if (await client.connection.pause(pause, signal, clock)) this.#failures = 0;
  }

  async #stateByWatch(signal: AbortSignal): Promise<void> {
    let state: Map<string, T> | undefined = new Map();
    for await (const event of this.#watch('', true, signal)) {
      if (state === undefined) {
        this.#apply(event);
        continue;
      }
      if (event.type !== 'BOOKMARK') state.set(keyOf(event.object), this.#kept(event.object));
      else if (event.object.metadata.annotations?.[INITIAL_EVENTS_END] === 'true') {
        this.#replace([...state.values()], event.object.metadata.resourceVersion ?? '');
        state = undefined;
      }
    }
  }

  async #stateByList(signal: AbortSignal): Promise<void> {
    const { client, namespace = '', labelSelector, fieldSelector } = this.#options;
    const items: T[] = [];
    let next: string | undefined;
    let resourceVersion = '';
    do {
      const query = {
        limit: PAGE,
        ...(labelSelector === undefined ? {} : { labelSelector }),
        ...(fieldSelector === undefined ? {} : { fieldSelector }),
        ...(next === undefined ? {} : { continue: next }),
      };
      const page = await client.list(namespace, query, signal);
      for (const item of page.items) items.push(this.#kept(item));
      next = page.metadata.continue;
      resourceVersion = page.metadata.resourceVersion ?? '';
    } while (next !== undefined && next !== '');
    this.#replace(items, resourceVersion);
  }

  async #follow(resourceVersion: string, signal: AbortSignal): Promise<void> {
    for await (const event of this.#watch(resourceVersion, false, signal)) this.#apply(event);
  }

  #watch(resourceVersion: string, sendInitialEvents: boolean, signal: AbortSignal): AsyncGenerator<WatchEvent<T>> {
    const { client, namespace = '', labelSelector, fieldSelector, random } = this.#options;
    const query = {
      resourceVersion,
      sendInitialEvents,
      metadataOnly: client.metadataOnly,
      timeoutSeconds: Math.round(MIN_WATCH_SECONDS * (1 + random())),
      ...(labelSelector === undefined ? {} : { labelSelector }),
      ...(fieldSelector === undefined ? {} : { fieldSelector }),
    };
    return watchEvents<T>(client.connection, client.id, namespace, query, signal);
  }

  #kept(object: T): T {
    return this.#options.keep?.(object) ?? object;
  }

  #replace(objects: readonly T[], resourceVersion: string): void {
    const { store, onChange } = this.#options;
    const changes = store.replace(objects);
    this.#at = resourceVersion;
    this.#failures = 0;
    for (const change of changes) onChange(change);
    this.#onSynced();
  }

  #apply({ type, object }: WatchEvent<T>): void {
    const { store, onChange } = this.#options;
    const kept = type === 'BOOKMARK' ? object : this.#kept(object);
    const change =
      type === 'BOOKMARK' ? undefined : type === 'DELETED' ? store.remove(keyOf(object), kept) : store.put(kept);
    this.#at = object.metadata.resourceVersion ?? this.#at;
    this.#failures = 0;
    if (change !== undefined) onChange(change);
  }
}
