import { goQuote } from '../../api/go-quote.ts';
import { forbiddenError } from '../../api/status.ts';
import { timeOf } from '../../api/time.ts';
import type { ResourceQuota } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { KeyedQueue } from '../../base/keyed-queue.ts';
import { writeRequestOf } from '../admission/decision-plugins.ts';
import type { AdmissionRequest } from '../admission/plugin.ts';
import { decideResourceQuota, isCounted } from '../admission/resource-quota.ts';
import type { ApiObject } from '../resources/strategy.ts';
import { CompanionConflict, storageFault } from '../storage/errors.ts';
import type { Companion, StoredObject } from '../storage/storage.ts';
import type { ServedResource } from './served-resource.ts';

/**
 * Quotas that are charged with one object at most: etcd does 128 operations in a transaction (its --max-txn-ops), and the object itself with the
 * addresses and ports of a service takes up to 6 of them.
 */
const MOST_CHARGED = 120;

/**
 * Holds writes to the quotas of their namespace. What a write uses is charged in the transaction that stores it: once, however often it is
 * tried, and not at all when it comes to nothing.
 */
export class QuotaCharger {
  readonly #quotas: ServedResource | undefined;
  readonly #clock: Clock;
  /** Writers of the quotas of a namespace wait for each other here, rather than to fail in the store. */
  readonly #turns = new KeyedQueue<string>();

  constructor(resources: ReadonlyMap<string, ServedResource>, clock: Clock) {
    this.#quotas = resources.get('/v1/resourcequotas');
    this.#clock = clock;
  }

  /** For one write. End it when the write has come about, or failed. */
  begin(signal: AbortSignal): QuotaCharge {
    return new QuotaCharge(this.#quotas, this.#clock, this.#turns, signal);
  }
}

/** The charge of one write, which may be decided several times: each time by the quotas as they are then. */
export class QuotaCharge {
  readonly #quotas: ServedResource | undefined;
  readonly #clock: Clock;
  readonly #turns: KeyedQueue<string>;
  readonly #signal: AbortSignal;
  #known: Map<string, StoredObject> | undefined;
  #endTurn: (() => void) | undefined;

  constructor(quotas: ServedResource | undefined, clock: Clock, turns: KeyedQueue<string>, signal: AbortSignal) {
    this.#quotas = quotas;
    this.#clock = clock;
    this.#turns = turns;
    this.#signal = signal;
  }

  /** The quotas to store together with the object. Throws 403 where one of them does not allow it, or too many count it. `beforeWait`: whoever waits must hold no other turn. */
  async charge(request: AdmissionRequest, beforeWait: () => void): Promise<readonly Companion[]> {
    const served = this.#quotas;
    const { namespace, dryRun } = request;
    if (served === undefined || namespace === '' || request.operation === 'CONNECT') return [];
    const write = writeRequestOf(request, timeOf(this.#clock.now()));
    if (!isCounted(write) || served.cache.snapshot(served.scope(namespace)).length === 0) return [];
    if (!dryRun && this.#endTurn === undefined) {
      beforeWait();
      this.#endTurn = await this.#turns.turn(namespace, this.#signal);
    }
    const known = await this.#read(served, namespace);
    const quotas = [...known.values()].flatMap(stored => readQuota(served, stored) ?? []);
    const decision = decideResourceQuota(write, quotas, this.#clock.now());
    if (decision.kind === 'deny') throw decision.error;
    if (decision.kind === 'charge' && decision.quotas.length > MOST_CHARGED)
      throw forbiddenError(
        write.resource,
        write.object?.metadata.name ?? request.name,
        `${decision.quotas.length} quotas of namespace ${goQuote(namespace)} count this, and at most ${MOST_CHARGED} can; please merge some of these ResourceQuotas`,
      );
    if (decision.kind === 'allow' || dryRun) {
      this.end();
      return [];
    }
    return decision.quotas.map(quota => ({
      key: served.key(namespace, quota.metadata.name ?? ''),
      expected: Number(quota.metadata.resourceVersion),
      write: served.encode(quota as unknown as ApiObject),
    }));
  }

  /** True where a write failed because a quota was changed: then decide and write again. */
  learn(error: unknown): boolean {
    if (!(error instanceof CompanionConflict)) return false;
    for (const [key, found] of error.found) {
      if (this.#known?.has(key) !== true) continue;
      if (found === undefined) this.#known.delete(key);
      else this.#known.set(key, found);
    }
    return true;
  }

  /** Others may charge quotas again. Safe to repeat. */
  end(): void {
    this.#endTurn?.();
    this.#endTurn = undefined;
    this.#known = undefined;
  }

  async #read(served: ServedResource, namespace: string): Promise<ReadonlyMap<string, StoredObject>> {
    if (this.#known === undefined) {
      const { items } = await served.storage.list(served.scope(namespace), { signal: this.#signal });
      this.#known = new Map(items.map(item => [item.key, item]));
    }
    return this.#known;
  }
}

/** One that cannot be decoded limits nothing, as for the other admission plugins. */
function readQuota(served: ServedResource, stored: StoredObject): ResourceQuota | undefined {
  try {
    return served.decode(stored) as unknown as ResourceQuota;
  } catch (error) {
    if (storageFault(error) !== 'corrupt') throw error;
    return undefined;
  }
}
