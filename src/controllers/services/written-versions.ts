import type { Clock } from '../../base/clock.ts';
import type { ApiObject } from '../../client/api-object.ts';
import type { Change } from '../../client/object-store.ts';

/** Who has not seen its own writes for so long stops waiting for them. */
export const STALE_MS = 5 * 60_000;

interface Written {
  readonly version: number;
  readonly at: number;
}

/**
 * The versions of objects that a controller has written and its store does not show yet. Until it does, a plan made from the store would undo or double what was
 * written. Versions of one API server follow one another as numbers; a deletion is later than all of them.
 */
export class WrittenVersions {
  readonly #clock: Clock;
  readonly #pending = new Map<string, Map<string, Written>>();
  /** What was seen before its own write was answered. */
  readonly #seen = new Map<string, Map<string, number>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs the writes of one key. */
  async writing(key: string, write: () => Promise<void>): Promise<void> {
    this.#seen.set(key, new Map());
    try {
      await write();
    } finally {
      this.#seen.delete(key);
    }
  }

  /** Only within `writing`. `before` is what the store showed: a write that changed nothing is not told by a watch. */
  wrote(key: string, object: ApiObject, before?: ApiObject): void {
    if (object.metadata.resourceVersion === before?.metadata.resourceVersion) return;
    this.#expect(key, object, versionOf(object));
  }

  /** Only within `writing`. */
  deleted(key: string, object: ApiObject): void {
    this.#expect(key, object, Number.POSITIVE_INFINITY);
  }

  /** For every change of an object that belongs to this key. One that is marked as deleted counts as deleted. */
  observe(key: string, { before, after }: Change<ApiObject>): void {
    const uid = (after ?? before)?.metadata.uid ?? '';
    const isGone = after === undefined || after.metadata.deletionTimestamp !== undefined;
    const version = isGone ? Number.POSITIVE_INFINITY : versionOf(after);
    const seen = this.#seen.get(key);
    seen?.set(uid, Math.max(seen.get(uid) ?? 0, version));
    const pending = this.#pending.get(key);
    const written = pending?.get(uid);
    if (pending === undefined || written === undefined || version < written.version) return;
    pending.delete(uid);
    if (pending.size === 0) this.#pending.delete(key);
  }

  /** True while the store does not show what was written. */
  isStale(key: string): boolean {
    const pending = this.#pending.get(key);
    if (pending === undefined) return false;
    const since = this.#clock.monotonic() - STALE_MS;
    for (const { at } of pending.values()) if (at > since) return true;
    this.#pending.delete(key);
    return false;
  }

  forget(key: string): void {
    this.#pending.delete(key);
  }

  #expect(key: string, { metadata }: ApiObject, version: number): void {
    const { uid = '' } = metadata;
    if ((this.#seen.get(key)?.get(uid) ?? 0) >= version) return;
    const pending = this.#pending.get(key) ?? new Map<string, Written>();
    pending.set(uid, { version, at: this.#clock.monotonic() });
    this.#pending.set(key, pending);
  }
}

function versionOf({ metadata }: ApiObject): number {
  return Number(metadata.resourceVersion ?? 0);
}
