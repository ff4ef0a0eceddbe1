import type { Clock } from '../../base/clock.ts';
import type { ApiObject } from '../../client/api-object.ts';
import type { Change } from '../../client/object-store.ts';

/** Upstream's: who has not seen its own writes for so long stops waiting for them. */
export const EXPIRES_MS = 5 * 60_000;

interface Pending {
  readonly created: Set<string>;
  readonly deleted: Set<string>;
  since: number;
}

/**
 * What a controller has written and its store does not show yet. Until it does, the controller must not count: it would make again what is there
 * already. Objects are known by their uids.
 */
export class Expectations {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Pending>();
  /** What was seen before its own write was answered. */
  readonly #seenEarly = new Map<string, Set<string>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Before a write: what comes in for this key from now on may be its result. */
  begin(key: string): void {
    if (!this.#seenEarly.has(key)) this.#seenEarly.set(key, new Set());
  }

  created(key: string, object: ApiObject): void {
    const { uid = '' } = object.metadata;
    if (this.#seenEarly.get(key)?.has(uid) !== true) this.#of(key).created.add(uid);
  }

  deleted(key: string, object: ApiObject): void {
    const { uid = '' } = object.metadata;
    if (this.#seenEarly.get(key)?.has(`-${uid}`) !== true) this.#of(key).deleted.add(uid);
  }

  /** After all writes of a step were answered. */
  end(key: string): void {
    this.#seenEarly.delete(key);
  }

  /** For every change of an object that belongs to this key. One that is marked as deleted counts as deleted. */
  observe(key: string, { before, after }: Change<ApiObject>): void {
    const uid = (after ?? before)?.metadata.uid ?? '';
    const isGone = after === undefined || after.metadata.deletionTimestamp !== undefined;
    const early = this.#seenEarly.get(key);
    early?.add(uid);
    if (isGone) early?.add(`-${uid}`);
    const pending = this.#pending.get(key);
    if (pending === undefined) return;
    pending.created.delete(uid);
    if (isGone) pending.deleted.delete(uid);
    if (pending.created.size === 0 && pending.deleted.size === 0) this.#pending.delete(key);
  }

  satisfied(key: string): boolean {
    const pending = this.#pending.get(key);
    if (pending === undefined) return true;
    if (this.#clock.monotonic() - pending.since < EXPIRES_MS) return false;
    this.#pending.delete(key);
    return true;
  }

  /** The owner is gone. */
  forget(key: string): void {
    this.#pending.delete(key);
    this.#seenEarly.delete(key);
  }

  #of(key: string): Pending {
    const known = this.#pending.get(key) ?? { created: new Set<string>(), deleted: new Set<string>(), since: 0 };
    known.since = this.#clock.monotonic();
    this.#pending.set(key, known);
    return known;
  }
}
