import type { Clock } from '../base/clock.ts';
import { systemClock } from '../base/clock.ts';
import { errorMessage } from '../base/errors.ts';
import type { ApiObject, ResourceId } from './api-object.ts';
import type { ApiConnection } from './connection.ts';
import { runInformer } from './informer.ts';
import { type Change, ObjectStore } from './object-store.ts';
import { ResourceClient } from './resource-client.ts';

/** What a part of the program keeps of a kind: its objects, and who is told of changes. */
export interface Informed<T extends ApiObject> {
  readonly store: ObjectStore<T>;
  readonly client: ResourceClient<T>;
  /** Told of every change from the first state on. Before the informers run, only. */
  onChange(listener: (change: Change<T>) => void): void;
}

export interface Selection {
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

interface Entry {
  readonly informed: Informed<ApiObject>;
  readonly selection: Selection;
  readonly tell: (change: Change<ApiObject>) => void;
}

/**
 * The informers of one program over one connection: whoever asks for the same kind and selection gets the same store, so each kind is watched once.
 * Ask for all of them first, then run.
 */
export class Informers {
  readonly #connection: ApiConnection;
  readonly #clock: Clock;
  readonly #onTrouble: (message: string) => void;
  readonly #entries = new Map<string, Entry>();
  #running = false;

  constructor(
    connection: ApiConnection,
    options: { readonly clock?: Clock; readonly onTrouble: (message: string) => void },
  ) {
    this.#connection = connection;
    this.#clock = options.clock ?? systemClock;
    this.#onTrouble = options.onTrouble;
  }

  of<T extends ApiObject>(id: ResourceId, selection: Selection = {}): Informed<T> {
    const key = JSON.stringify([id.group, id.version, id.plural, selection]);
    const known = this.#entries.get(key);
    if (known !== undefined) return known.informed as unknown as Informed<T>;
    if (this.#running) throw new Error(`the informers run already: ${id.plural} has to be asked for before`);
    const entry = newEntry<T>(new ResourceClient<T>(this.#connection, id), selection, this.#onTrouble);
    this.#entries.set(key, entry);
    return entry.informed as unknown as Informed<T>;
  }

  /** Runs all until the signal aborts; never rejects. `onSynced` is called once, when every store has its first state. */
  async run(signal: AbortSignal, onSynced: () => void): Promise<void> {
    this.#running = true;
    const waiting = new Set(this.#entries.keys());
    if (waiting.size === 0) onSynced();
    await Promise.all(
      [...this.#entries].map(([key, { informed, selection, tell }]) =>
        runInformer(
          {
            client: informed.client,
            store: informed.store,
            ...selection,
            onChange: tell,
            clock: this.#clock,
            random: Math.random,
            onTrouble: this.#onTrouble,
          },
          signal,
          () => {
            if (waiting.delete(key) && waiting.size === 0) onSynced();
          },
        ),
      ),
    );
  }
}

function newEntry<T extends ApiObject>(
  client: ResourceClient<T>,
  selection: Selection,
  onTrouble: (message: string) => void,
): Entry {
  const listeners: ((change: Change<T>) => void)[] = [];
  const informed: Informed<T> = {
    store: new ObjectStore<T>(),
    client,
    onChange: listener => listeners.push(listener),
  };
  const tell = (change: Change<T>): void => {
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (error) {
        // it cannot be read as what it should be: that concerns nobody but this object
        onTrouble(`${client.id.plural} ${change.key} is broken: ${errorMessage(error)}`);
      }
    }
  };
  return { informed, selection, tell } as unknown as Entry;
}
