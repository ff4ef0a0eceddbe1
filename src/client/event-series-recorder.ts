import type { ObjectReference } from '../api/types/gen/core-v1.ts';
import type { Event } from '../api/types/gen/events-v1.ts';
import type { Clock } from '../base/clock.ts';
import { errorMessage, isNotFound } from '../base/errors.ts';
import { KeyedQueue } from '../base/keyed-queue.ts';
import { type ApiObject, keyOf } from './api-object.ts';
import { EventNames } from './event-names.ts';
import type { ResourceClient } from './resource-client.ts';

export interface EventSubject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly object: ApiObject;
}

/** What happened, in the words of events.k8s.io. */
export interface Happening {
  readonly regarding: EventSubject;
  /** What else it is about. */
  readonly related?: EventSubject;
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  /** What was being done: `Binding`. */
  readonly action: string;
  readonly note: string;
}

export interface EventSeriesOptions {
  readonly events: ResourceClient<Event>;
  /** Who tells: `default-scheduler`. */
  readonly controller: string;
  /** Which one of several: with the name of its host. */
  readonly instance: string;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly onTrouble: (message: string) => void;
}

interface Told {
  readonly event: Event;
  count: number;
  /** When the server was told of the count last, on the monotonic clock. */
  writtenAt: number;
}

/** The server refuses longer notes; upstream cuts them like this. */
const MAX_NOTE = 1024;
const CUT = ' ...';
/** What exceeds these is dropped or forgotten, because events are no record. */
const MAX_WAITING = 1000;
const MAX_REMEMBERED = 4096;
const WRITE_EVERY_MS = 60_000;

/**
 * Tells people what happened to an object, as Events of events.k8s.io. The same again becomes a series, whose count the server is told at the second time and
 * then once a minute at most. Never throws and never makes the caller wait: an event that cannot be written is told to the log and forgotten.
 */
export class EventSeriesRecorder {
  readonly #options: EventSeriesOptions;
  readonly #names: EventNames;
  readonly #told = new Map<string, Told>();
  readonly #turns = new KeyedQueue<string>();
  #waiting = 0;

  constructor(options: EventSeriesOptions) {
    this.#options = options;
    this.#names = new EventNames(options.clock, options.random);
  }

  record(happening: Happening): void {
    if (this.#waiting >= MAX_WAITING) return;
    this.#waiting += 1;
    const key = keyOfHappening(happening);
    void this.#turns
      .run(key, () => this.#write(key, happening))
      .catch((error: unknown) => {
        const { regarding, reason } = happening;
        const about = `${regarding.kind} ${keyOf(regarding.object)}`;
        this.#options.onTrouble(`the event ${reason} of ${about} was not written: ${errorMessage(error)}`);
      })
      .finally(() => {
        this.#waiting -= 1;
      });
  }

  /** Resolves when everything that was recorded has been written or given up. */
  async flush(): Promise<void> {
    await this.#turns.idle();
  }

  async #write(key: string, happening: Happening): Promise<void> {
    const known = this.#told.get(key);
    if (known !== undefined) {
      known.count += 1;
      if (known.count > 2 && this.#options.clock.monotonic() - known.writtenAt < WRITE_EVERY_MS) return;
      if (await this.#count(known)) return;
    }
    await this.#create(key, happening);
  }

  /** False where the event is gone. */
  async #count(told: Told): Promise<boolean> {
    const { events, clock } = this.#options;
    const { namespace = '', name = '' } = told.event.metadata;
    told.writtenAt = clock.monotonic();
    const series = { count: told.count, lastObservedTime: microTime(clock.now()) };
    try {
      await events.patch({ namespace, name }, 'merge', { series }, AbortSignal.timeout(10_000));
      return true;
    } catch (error) {
      if (isNotFound(error)) return false;
      throw error;
    }
  }

  async #create(key: string, { regarding, related, type, reason, action, note }: Happening): Promise<void> {
    const { events, controller, instance, clock } = this.#options;
    const { name = '', namespace = '' } = regarding.object.metadata;
    const event = {
      metadata: { name: this.#names.next(name), namespace: namespace === '' ? 'default' : namespace },
      eventTime: microTime(clock.now()),
      reportingController: controller,
      reportingInstance: instance,
      action,
      reason,
      regarding: referenceOf(regarding),
      ...(related === undefined ? {} : { related: referenceOf(related) }),
      note: note.length <= MAX_NOTE ? note : note.slice(0, MAX_NOTE - CUT.length) + CUT,
      type,
    };
    const created = await events.create(event as unknown as Event, AbortSignal.timeout(10_000));
    if (this.#told.size >= MAX_REMEMBERED)
      for (const oldest of [...this.#told.keys()].slice(0, 1)) this.#told.delete(oldest);
    this.#told.set(key, { event: created, count: 1, writtenAt: clock.monotonic() });
  }
}

/** The same event of a later version of the object is the same event. */
function keyOfHappening({ regarding, related, type, reason, action, note }: Happening): string {
  const { kind, object } = regarding;
  return JSON.stringify([
    kind,
    keyOf(object),
    object.metadata.uid,
    related?.object.metadata.uid,
    type,
    reason,
    action,
    note,
  ]);
}

function referenceOf({ apiVersion, kind, object }: EventSubject): ObjectReference {
  const { namespace, name, uid, resourceVersion } = object.metadata;
  return { apiVersion, kind, namespace, name, uid, resourceVersion };
}

function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z');
}
