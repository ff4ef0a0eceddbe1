import { setImmediate as immediate } from 'node:timers/promises';
import { ApiError, alreadyExistsError, conflictError, notFoundError } from '../../src/api/status.ts';
import { timeOf } from '../../src/api/time.ts';
import { unavailable } from '../../src/base/errors.ts';
import { type ApiObject, keyOf, type ResourceId } from '../../src/client/api-object.ts';
import type { ApiConnection } from '../../src/client/connection.ts';
import type { EventRecorder, EventTarget } from '../../src/client/event-recorder.ts';
import type { Informed, Selection } from '../../src/client/informers.ts';
import { type Change, ObjectStore } from '../../src/client/object-store.ts';
import { runReconciler } from '../../src/client/reconcile.ts';
import type { ResourceClient } from '../../src/client/resource-client.ts';
import { WorkQueue } from '../../src/client/work-queue.ts';
import type { ControllerParts, ControllerRow } from '../../src/controllers/controller.ts';
import { createLogger } from '../../src/daemon/logger.ts';
import { FakeClock } from './fake-clock.ts';

/** What becomes of a write: refused before it counts, or carried out with its answer lost, or lost on the way there. */
export type Fate = 'refused' | 'unanswered' | 'lost' | undefined;

// biome-ignore lint/suspicious/noExplicitAny: objects of every kind
type Any = any;

interface Shown {
  readonly id: ResourceId;
  readonly store: ObjectStore<ApiObject>;
  readonly listeners: ((change: Change<ApiObject>) => void)[];
}

interface Process {
  readonly queue: WorkQueue;
  readonly shown: Map<string, Shown>;
  readonly stop: AbortController;
  ended: Promise<void>;
}

/**
 * An API server in memory and one controller of the real kind before it, on a clock that moves when told. Objects are what others `put`; what the controller's stores
 * show changes only by `show`. It can be killed and started at any time: nothing but the objects is left of it.
 */
export class ControllerWorld {
  readonly clock = new FakeClock();
  readonly events: {
    readonly type: string;
    readonly reason: string;
    readonly message: string;
    readonly name: string;
  }[] = [];
  readonly failures: string[] = [];
  /** Every write that was carried out, as `verb plural/subresource key`. */
  readonly writes: string[] = [];
  fate: (write: string) => Fate = () => undefined;
  readonly #objects = new Map<string, Map<string, ApiObject>>();
  #version = 0;
  #process: Process | undefined;

  /** Stores an object whole; one of the same name keeps its UID unless another is given. */
  put<T extends ApiObject>(id: ResourceId, object: T): T {
    const key = keyOf(object);
    const uid = object.metadata.uid ?? this.get(id, key)?.metadata.uid ?? `uid-${++this.#version}`;
    const creationTimestamp = object.metadata.creationTimestamp ?? timeOf(this.clock.now());
    const metadata = { ...object.metadata, uid, creationTimestamp, resourceVersion: String(++this.#version) };
    const stored = { ...object, metadata } as T;
    this.#of(id).set(key, stored);
    return stored;
  }

  get<T extends ApiObject>(id: ResourceId, key: string): T | undefined {
    return this.#of(id).get(key) as T | undefined;
  }

  all<T extends ApiObject>(id: ResourceId): readonly T[] {
    return [...this.#of(id).values()] as unknown as readonly T[];
  }

  remove(id: ResourceId, key: string): void {
    this.#of(id).delete(key);
  }

  /** A new life of the controller, which sees all that is there. */
  start(row: ControllerRow): void {
    const queue = new WorkQueue(this.clock);
    const process: Process = { queue, shown: new Map(), stop: new AbortController(), ended: Promise.resolve() };
    this.#process = process;
    const reconciler = row.make(this.#parts(process));
    this.show();
    const onFailure = (key: string, message: string): void => void this.failures.push(`${key}: ${message}`);
    process.ended = runReconciler(reconciler, { queue, workers: row.workers, onFailure }, process.stop.signal);
  }

  /** Ends it; what it was about to write is not written. */
  async kill(): Promise<void> {
    const process = this.#process;
    this.#process = undefined;
    process?.stop.abort();
    await this.settle();
  }

  /** The stores show what is there. */
  show(): void {
    for (const { id, store, listeners } of this.#process?.shown.values() ?? [])
      for (const change of store.replace([...this.#of(id).values()]))
        for (const listener of listeners) listener(change);
  }

  /** Lets the controller do what it can without a change and without time. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) await immediate();
  }

  /** Shows and settles until nothing is written any more. Fails where that does not come to an end. */
  async converge(): Promise<void> {
    for (let round = 0; round < 100; round += 1) {
      const before = this.#version;
      this.show();
      await this.settle();
      if (this.#version === before) return;
    }
    throw new Error(`the controller writes without end, at last ${this.writes.slice(-5).join('; ')}`);
  }

  #of(id: ResourceId): Map<string, ApiObject> {
    const found = this.#objects.get(id.plural) ?? new Map<string, ApiObject>();
    this.#objects.set(id.plural, found);
    return found;
  }

  #parts(process: Process): ControllerParts {
    const informed = <T extends ApiObject>(id: ResourceId, _selection?: Selection): Informed<T> => {
      const known = process.shown.get(id.plural) ?? { id, store: new ObjectStore<ApiObject>(), listeners: [] };
      process.shown.set(id.plural, known);
      const onChange = (listener: (change: Change<ApiObject>) => void): void => void known.listeners.push(listener);
      return { store: known.store, client: this.#client(id, process), onChange } as unknown as Informed<T>;
    };
    const record = ({ object }: EventTarget, type: string, reason: string, message: string): void =>
      void this.events.push({ type, reason, message, name: object.metadata.name ?? '' });
    return {
      informed,
      client: id => this.#client(id, process) as unknown as ResourceClient<Any>,
      connection: undefined as unknown as ApiConnection,
      events: { record } as unknown as EventRecorder,
      clock: this.clock,
      log: createLogger({ daemon: 'test', level: 'silent' }),
      enqueue: key => process.queue.add(key),
    };
  }

  #client(id: ResourceId, process: Process) {
    const write = async <R>(verb: string, key: string, carryOut: () => R): Promise<R> => {
      const text = `${verb} ${id.plural} ${key}`;
      await immediate();
      const fate = process.stop.signal.aborted ? 'lost' : this.fate(text);
      if (fate === 'refused') throw new ApiError('Forbidden', `${text} is refused`);
      if (fate === 'lost') throw unavailable(`${text}: no answer`);
      const result = carryOut();
      this.writes.push(text);
      if (fate === 'unanswered') throw unavailable(`${text}: no answer`);
      return result;
    };
    const existing = (key: string): ApiObject => {
      const found = this.get(id, key);
      if (found === undefined) throw notFoundError({ group: id.group, resource: id.plural }, key);
      return found;
    };
    const same = (key: string, wanted: ApiObject['metadata'] | undefined): ApiObject => {
      const found = existing(key);
      const differs = (['uid', 'resourceVersion'] as const).some(
        field => wanted?.[field] !== undefined && wanted[field] !== found.metadata[field],
      );
      if (differs) throw conflictError({ group: id.group, resource: id.plural }, key);
      return found;
    };
    const nameOf = (namespace: string, name: string): string => (namespace === '' ? name : `${namespace}/${name}`);
    return {
      get: async (namespace: string, name: string) => existing(nameOf(namespace, name)),
      list: async () => ({ metadata: {}, items: this.all(id) }),
      create: (object: ApiObject) => {
        const { generateName } = object.metadata;
        const name = object.metadata.name ?? `${generateName}${++this.#version}`;
        const named = { ...object, metadata: { ...object.metadata, name } };
        return write('create', keyOf(named), () => {
          if (this.get(id, keyOf(named)) !== undefined)
            throw alreadyExistsError({ group: id.group, resource: id.plural }, name);
          return this.put(id, { status: {}, ...named } as Any);
        });
      },
      update: (object: ApiObject) =>
        write('update', keyOf(object), () => {
          const found: Any = same(keyOf(object), object.metadata);
          return this.put(id, { ...object, ...(found.status === undefined ? {} : { status: found.status }) } as Any);
        }),
      updateStatus: (object: Any) =>
        write('status', keyOf(object), () =>
          this.put(id, { ...same(keyOf(object), object.metadata), status: object.status } as Any),
        ),
      patch: (target: { namespace: string; name: string; subresource?: string }, _type: string, patch: Any) => {
        const key = nameOf(target.namespace, target.name);
        return write(`patch${target.subresource === undefined ? '' : `/${target.subresource}`}`, key, () =>
          this.put(id, merged(same(key, patch.metadata), patch, '')),
        );
      },
      delete: (namespace: string, name: string, options: Any = {}) => {
        const key = nameOf(namespace, name);
        return write('delete', key, () => {
          const found: Any = same(key, options.preconditions);
          const ended = ['Succeeded', 'Failed'].includes(found.status?.phase);
          // a kubelet ends it, which a test does by `remove`
          if (id.plural === 'pods' && found.spec?.nodeName !== undefined && !ended && options.gracePeriodSeconds !== 0)
            return found.metadata.deletionTimestamp === undefined
              ? this.put(id, { ...found, metadata: { ...found.metadata, deletionTimestamp: timeOf(this.clock.now()) } })
              : found;
          this.remove(id, key);
          this.#version += 1;
          return found;
        });
      },
    };
  }
}

/** As far as controllers patch: conditions and owners by their keys, other lists whole. */
function merged(before: Any, patch: Any, field: string): Any {
  if (Array.isArray(patch)) {
    const key = field === 'conditions' ? 'type' : field === 'ownerReferences' ? 'uid' : undefined;
    if (key === undefined || !Array.isArray(before)) return patch.filter((each: Any) => each?.$patch !== 'delete');
    const rest = before.filter((each: Any) => !patch.some((other: Any) => other[key] === each[key]));
    const kept = patch
      .filter((each: Any) => each.$patch !== 'delete')
      .map((each: Any) => ({ ...before.find((other: Any) => other[key] === each[key]), ...each }));
    return [...rest, ...kept];
  }
  if (typeof patch !== 'object' || patch === null) return patch;
  const result = { ...before };
  for (const [name, value] of Object.entries(patch))
    if (value === null) delete result[name];
    else result[name] = merged(result[name], value, name);
  return result;
}
