import { timeOf } from '../api/time.ts';
import type { Event, ObjectReference } from '../api/types/gen/core-v1.ts';
import type { Clock } from '../base/clock.ts';
import { errorMessage, isNotFound } from '../base/errors.ts';
import { type ApiObject, keyOf } from './api-object.ts';
import { EventNames } from './event-names.ts';
import type { ResourceClient } from './resource-client.ts';

export interface EventTarget {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: ApiObject;
  /** A part of the object: `spec.containers{web}`. */
  readonly fieldPath?: string;
}

export interface EventRecorderOptions {
  readonly events: ResourceClient<Event>;
  /** Who tells: `deployment-controller`, `kubelet`. */
  readonly component: string;
  /** The node that it runs on, where that matters. */
  readonly host?: string;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly onTrouble: (message: string) => void;
}

interface Told {
  event: Event;
}

/** client-go's spam filter: 25 at once for one object, then one in five minutes. */
const BURST = 25;
const REFILL_MS = 300_000;
const MAX_REMEMBERED = 4096;
const MAX_MESSAGE = 1024;
/** Events that wait to be written; what exceeds this is dropped, because events are no record. */
const MAX_WAITING = 1000;

/**
 * Tells people what happened to an object, as Events. The same again within the memory of this recorder raises the count of the first. Never throws and
 * never makes the caller wait: an event that cannot be written is told to the log and forgotten.
 */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  readonly #names: EventNames;
  readonly #told = new Map<string, Told>();
  readonly #budgets = new Map<string, { tokens: number; at: number }>();
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#names = new EventNames(options.clock, options.random);
  }

  record(target: EventTarget, type: 'Normal' | 'Warning', reason: string, message: string): void {
    if (this.#waiting >= MAX_WAITING || !this.#mayTell(target)) return;
    this.#waiting += 1;
    const event = this.#newEvent(target, type, reason, message.slice(0, MAX_MESSAGE));
    // one after another: a count is raised on what was written before
    this.#tail = this.#tail
      .then(() => this.#write(target, event))
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  /** Resolves when everything that was recorded has been written or given up. */
  async flush(): Promise<void> {
    while (this.#waiting > 0) await this.#tail;
  }

  #mayTell(target: EventTarget): boolean {
    const key = `${target.kind}/${keyOf(target.object)}`;
    const now = this.#options.clock.monotonic();
    const known = remembered(this.#budgets, key, () => ({ tokens: BURST, at: now }));
    known.tokens = Math.min(BURST, known.tokens + (now - known.at) / REFILL_MS);
    known.at = now;
    if (known.tokens < 1) return false;
    known.tokens -= 1;
    return true;
  }

  async #write(target: EventTarget, fresh: Event): Promise<void> {
    const { events, onTrouble } = this.#options;
    const { involvedObject, type, reason, message } = fresh;
    // the same event of a later version of the object is the same event
    const key = JSON.stringify([{ ...involvedObject, resourceVersion: '' }, type, reason, message]);
    const known = this.#told.get(key);
    const signal = AbortSignal.timeout(10_000);
    try {
      const event = known === undefined ? undefined : await this.#again(known.event, fresh.lastTimestamp ?? '', signal);
      if (event !== undefined && known !== undefined) known.event = event;
      else {
        const created = await events.create(fresh, signal);
        remembered(this.#told, key, () => ({ event: created })).event = created;
      }
    } catch (error) {
      onTrouble(
        `the event ${reason} of ${target.kind} ${keyOf(target.object)} was not written: ${errorMessage(error)}`,
      );
    }
  }

  /** Undefined where the first event is gone. */
  async #again(event: Event, lastTimestamp: string, signal: AbortSignal): Promise<Event | undefined> {
    const { namespace = '', name = '' } = event.metadata;
    const patch = { count: (event.count ?? 1) + 1, lastTimestamp };
    try {
      return await this.#options.events.patch({ namespace, name }, 'merge', patch, signal);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #newEvent(target: EventTarget, type: string, reason: string, message: string): Event {
    const { component, host, clock } = this.#options;
    const now = timeOf(clock.now());
    return {
      metadata: {
        name: this.#names.next(target.object.metadata.name ?? ''),
        namespace: target.object.metadata.namespace || 'default',
      },
      involvedObject: referenceOf(target),
      type,
      reason,
      message,
      source: { component, ...(host === undefined ? {} : { host }) },
      reportingComponent: component,
      reportingInstance: host ?? '',
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    } as Event;
  }
}

function referenceOf({ apiVersion, kind, object, fieldPath }: EventTarget): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion, ...(fieldPath === undefined ? {} : { fieldPath }) };
}

/** The entry of a key; the one that is oldest goes when there are too many. */
function remembered<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  if (map.size >= MAX_REMEMBERED) for (const oldest of [...map.keys()].slice(0, 1)) map.delete(oldest);
  const value = make();
  map.set(key, value);
  return value;
}
