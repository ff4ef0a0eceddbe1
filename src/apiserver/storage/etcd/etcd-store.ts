import { type Clock, systemClock } from '../../../base/clock.ts';
import {
  compareModRevision,
  compareVersion,
  type EtcdClient,
  type KeyValue,
  opDelete,
  opGet,
  opPut,
  type RequestOp,
} from '../../../etcd/client.ts';
import { EtcdError, isCompacted } from '../../../etcd/errors.ts';
import { LeaseReuse } from '../../../etcd/lease-reuse.ts';
import type { WatchEvent } from '../../../etcd/watch.ts';
import { COMPACTION_KEY, ROOT } from '../keys.ts';
import { endOf, HistoryError, type RangeRead, type RevisionedStore, type Written } from '../revisioned-store.ts';
import type { Change, ChangeBatch, CompactionState, Companion, StoredObject, WatchOptions } from '../storage.ts';

/** Read for its revision alone; there need be nothing. */
const PROBE_KEY = `${ROOT}health`;

/** Objects in etcd; every write is one transaction that compares the mod revision. */
export class EtcdStore implements RevisionedStore {
  readonly #client: EtcdClient;
  readonly #leases: LeaseReuse;

  constructor(client: EtcdClient, clock: Clock = systemClock) {
    this.#client = client;
    this.#leases = new LeaseReuse(client, clock);
  }

  async read(key: string, signal?: AbortSignal): Promise<{ object: StoredObject | undefined; revision: number }> {
    const { kvs, revision } = await this.#client.range(key, withSignal(signal));
    return { object: first(kvs, key), revision };
  }

  async range(
    start: string,
    end: string,
    options: { limit: number; revision: number | undefined; signal: AbortSignal | undefined },
  ): Promise<RangeRead> {
    const { limit, revision = 0, signal } = options;
    try {
      const answer = await this.#client.range(start, { end, limit, revision, ...withSignal(signal) });
      const objects = answer.kvs.map(kv => ({
        key: kv.key.toString(),
        value: kv.value,
        revision: kv.modRevision,
      }));
      return { objects, count: answer.count, revision: answer.revision };
    } catch (error) {
      throw historyError(error);
    }
  }

  async write(
    key: string,
    value: Buffer,
    expected: number,
    options: { ttlSeconds: number; together: readonly Companion[]; signal: AbortSignal | undefined },
  ): Promise<Written> {
    const { ttlSeconds } = options;
    if (ttlSeconds === 0) return this.#swap(key, expected, opPut(key, value), options);
    try {
      const lease = await this.#leases.leaseFor(ttlSeconds);
      return await this.#swap(key, expected, opPut(key, value, lease), options);
    } catch (error) {
      // revoked by somebody, or lost with etcd's data: once more, with a new one
      if (!(error instanceof EtcdError) || error.fault !== 'lease-not-found') throw error;
      this.#leases.forget();
      return this.#swap(key, expected, opPut(key, value, await this.#leases.leaseFor(ttlSeconds)), options);
    }
  }

  remove(
    key: string,
    expected: number,
    options: { together: readonly Companion[]; signal: AbortSignal | undefined },
  ): Promise<Written> {
    return this.#swap(key, expected, opDelete(key), options);
  }

  async *watch(prefix: string, options: WatchOptions): AsyncGenerator<ChangeBatch> {
    const { afterRevision, signal, onBroken } = options;
    const watch = this.#client.watch({
      key: prefix,
      end: endOf(prefix),
      startRevision: afterRevision + 1,
      signal,
      ...(onBroken === undefined ? {} : { onBroken }),
    });
    try {
      for await (const batch of watch) yield { changes: batch.events.map(toChange), revision: batch.revision };
    } catch (error) {
      throw historyError(error);
    }
  }

  async currentRevision(signal?: AbortSignal): Promise<number> {
    const answer = await this.#client.range(PROBE_KEY, { limit: 1, keysOnly: true, ...withSignal(signal) });
    return answer.revision;
  }

  async compactStep(state: CompactionState, signal?: AbortSignal): Promise<CompactionState> {
    const put = opPut(COMPACTION_KEY, Buffer.from(String(state.revision)));
    const compare = compareVersion(COMPACTION_KEY, state.version);
    const txn = await this.#client.txn([compare], [put], [opGet(COMPACTION_KEY)], withSignal(signal));
    if (!txn.succeeded)
      return { version: txn.responses[0]?.responseRange?.kvs[0]?.version ?? 0, revision: txn.revision };
    const next = { version: state.version + 1, revision: txn.revision };
    if (state.revision === 0) return next;
    try {
      await this.#client.compact(state.revision, withSignal(signal));
    } catch (error) {
      // somebody compacted further
      if (!isCompacted(error)) throw error;
    }
    return next;
  }

  async #swap(
    key: string,
    expected: number,
    operation: RequestOp,
    { together, signal }: { readonly together: readonly Companion[]; readonly signal: AbortSignal | undefined },
  ): Promise<Written> {
    const txn = await this.#client.txn(
      [compareModRevision(key, expected), ...together.map(each => compareModRevision(each.key, each.expected))],
      [operation, ...together.flatMap(operationOf)],
      [opGet(key), ...together.map(each => opGet(each.key))],
      withSignal(signal),
    );
    if (txn.succeeded) return { done: true, revision: txn.revision };
    const found = (index: number, wanted: string): StoredObject | undefined =>
      first(txn.responses[index]?.responseRange?.kvs ?? [], wanted);
    const companions = new Map(together.map((each, index) => [each.key, found(index + 1, each.key)]));
    return { done: false, current: found(0, key), companions };
  }
}

function operationOf({ key, write }: Companion): RequestOp[] {
  if (write === 'nothing') return [];
  return [write === 'delete' ? opDelete(key) : opPut(key, write)];
}

function first(kvs: readonly KeyValue[], key: string): StoredObject | undefined {
  const kv = kvs[0];
  return kv === undefined ? undefined : { key, value: kv.value, revision: kv.modRevision };
}

function toChange(event: WatchEvent): Change {
  return {
    type: event.type,
    key: event.key,
    value: event.value,
    revision: event.modRevision,
    created: event.createRevision === event.modRevision,
  };
}

function historyError(error: unknown): unknown {
  if (!(error instanceof EtcdError)) return error;
  if (error.fault === 'compacted') return new HistoryError('compacted', error.message, { cause: error });
  if (error.fault === 'future-revision') return new HistoryError('future', error.message, { cause: error });
  return error;
}

const withSignal = (signal: AbortSignal | undefined): { signal?: AbortSignal } =>
  signal === undefined ? {} : { signal };
