import { type Clock, systemClock } from '../../../base/clock.ts';
import { GantryError } from '../../../base/errors.ts';
import { aborted } from '../../../base/signals.ts';
import { COMPACTION_KEY } from '../keys.ts';
import { endOf, HistoryError, type RangeRead, type RevisionedStore, type Written } from '../revisioned-store.ts';
import type { Change, ChangeBatch, CompactionState, Companion, StoredObject, WatchOptions } from '../storage.ts';
import { lowerBound } from '../watch-cache/sorted-entries.ts';

/** One version of a key; `value` undefined: deleted. */
interface Version {
  readonly revision: number;
  readonly value: Buffer | undefined;
  /** How many writes since the creation, this one included. */
  readonly version: number;
}

/** etcd's --max-txn-ops, where nothing else is said. */
const MAX_TXN_OPS = 128;

/** The same as etcd, in memory and for one process: revisions, history, compaction, objects that vanish after a time. For tests. */
export class MemoryStore implements RevisionedStore {
  readonly #clock: Clock;
  readonly #histories = new Map<string, Version[]>();
  /** Keys that have a history, sorted. */
  readonly #keys: string[] = [];
  #log: Change[] = [];
  #revision = 1;
  #compacted = 0;
  #changed: { promise: Promise<void>; resolve(): void } = deferred();

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  async read(key: string, signal?: AbortSignal): Promise<{ object: StoredObject | undefined; revision: number }> {
    signal?.throwIfAborted();
    return { object: this.#at(key, this.#revision), revision: this.#revision };
  }

  async range(
    start: string,
    end: string,
    options: { limit: number; revision: number | undefined; signal: AbortSignal | undefined },
  ): Promise<RangeRead> {
    options.signal?.throwIfAborted();
    const revision = options.revision ?? this.#revision;
    if (revision < this.#compacted) throw new HistoryError('compacted', `revision ${revision} has been compacted`);
    if (revision > this.#revision) throw new HistoryError('future', `revision ${revision} is a future revision`);
    const objects: StoredObject[] = [];
    for (let i = lowerBound(this.#keys, start, key => key); i < this.#keys.length; i += 1) {
      const key = this.#keys[i] ?? '';
      if (key >= end) break;
      const object = this.#at(key, revision);
      if (object !== undefined) objects.push(object);
    }
    const page = options.limit > 0 ? objects.slice(0, options.limit) : objects;
    return { objects: page, count: objects.length, revision: this.#revision };
  }

  async write(
    key: string,
    value: Buffer,
    expected: number,
    options: { ttlSeconds: number; together: readonly Companion[]; signal: AbortSignal | undefined },
  ): Promise<Written> {
    options.signal?.throwIfAborted();
    const refused = this.#refusal(key, expected, options.together);
    if (refused !== undefined) return refused;
    const revision = this.#append([key, value], ...options.together.flatMap(changeOf));
    if (options.ttlSeconds > 0)
      this.#clock.after(options.ttlSeconds * 1000, () => {
        if (this.#at(key, this.#revision)?.revision === revision) this.#append([key, undefined]);
      });
    return { done: true, revision };
  }

  async remove(
    key: string,
    expected: number,
    options: { together: readonly Companion[]; signal: AbortSignal | undefined },
  ): Promise<Written> {
    options.signal?.throwIfAborted();
    const refused = this.#refusal(key, expected, options.together);
    if (refused !== undefined) return refused;
    return { done: true, revision: this.#append([key, undefined], ...options.together.flatMap(changeOf)) };
  }

  async *watch(prefix: string, options: WatchOptions): AsyncGenerator<ChangeBatch> {
    const { signal } = options;
    const left = aborted(signal);
    const end = endOf(prefix);
    let after = options.afterRevision;
    for (;;) {
      signal.throwIfAborted();
      if (after + 1 < this.#compacted) throw new HistoryError('compacted', `revision ${after + 1} has been compacted`);
      const changed = this.#changed.promise;
      const changes = this.#log.filter(c => c.revision > after && c.key >= prefix && c.key < end);
      after = Math.max(after, this.#revision);
      const revision = changes.at(-1)?.revision;
      if (revision !== undefined) yield { changes, revision };
      else await Promise.race([changed, left]);
    }
  }

  async currentRevision(signal?: AbortSignal): Promise<number> {
    signal?.throwIfAborted();
    return this.#revision;
  }

  async compactStep(state: CompactionState): Promise<CompactionState> {
    const version = this.#newest(COMPACTION_KEY)?.version ?? 0;
    if (version !== state.version) return { version, revision: this.#revision };
    const revision = this.#append([COMPACTION_KEY, Buffer.from(String(state.revision))]);
    if (state.revision > this.#compacted) this.#compact(state.revision);
    return { version: version + 1, revision };
  }

  #at(key: string, revision: number): StoredObject | undefined {
    const version = this.#histories.get(key)?.findLast(v => v.revision <= revision);
    return version?.value === undefined ? undefined : { key, value: version.value, revision: version.revision };
  }

  #newest(key: string): Version | undefined {
    return this.#histories.get(key)?.at(-1);
  }

  #refusal(key: string, expected: number, together: readonly Companion[]): Written | undefined {
    const at = (wanted: string): StoredObject | undefined => this.#at(wanted, this.#revision);
    const all = [{ key, expected }, ...together];
    if (all.length > MAX_TXN_OPS)
      throw new GantryError('invalid-argument', 'etcdserver: too many operations in txn request');
    if (all.every(each => (at(each.key)?.revision ?? 0) === each.expected)) return undefined;
    return { done: false, current: at(key), companions: new Map(together.map(each => [each.key, at(each.key)])) };
  }

  #append(...changes: readonly (readonly [key: string, value: Buffer | undefined])[]): number {
    this.#revision += 1;
    for (const [key, value] of changes) this.#record(key, value);
    this.#changed.resolve();
    this.#changed = deferred();
    return this.#revision;
  }

  #record(key: string, value: Buffer | undefined): void {
    const revision = this.#revision;
    const before = this.#newest(key);
    const created = before?.value === undefined;
    const version = value === undefined ? 0 : (before?.version ?? 0) + 1;
    const history = this.#histories.get(key);
    if (history === undefined) {
      this.#histories.set(key, [{ revision, value, version }]);
      this.#keys.splice(
        lowerBound(this.#keys, key, k => k),
        0,
        key,
      );
    } else history.push({ revision, value, version });
    const type = value === undefined ? 'delete' : 'put';
    this.#log.push({ type, key, value: value ?? Buffer.alloc(0), revision, created: created && type === 'put' });
  }

  #compact(revision: number): void {
    this.#compacted = revision;
    this.#log = this.#log.filter(c => c.revision >= revision);
    for (const [key, history] of this.#histories) {
      const keep = history.findLastIndex(v => v.revision <= revision);
      if (keep > 0) history.splice(0, keep);
      if (history.length === 1 && history[0]?.value === undefined) {
        this.#histories.delete(key);
        this.#keys.splice(
          lowerBound(this.#keys, key, k => k),
          1,
        );
      }
    }
  }
}

function changeOf({ key, write }: Companion): (readonly [string, Buffer | undefined])[] {
  return write === 'nothing' ? [] : [[key, write === 'delete' ? undefined : write]];
}

function deferred(): { promise: Promise<void>; resolve(): void } {
  let resolve = (): void => {};
  const promise = new Promise<void>(done => {
    resolve = done;
  });
  return { promise, resolve };
}
