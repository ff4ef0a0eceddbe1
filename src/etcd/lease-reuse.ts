import type { Clock } from '../base/clock.ts';

/** What LeaseReuse needs of a client. */
export interface LeaseGranter {
  grantLease(ttlSeconds: number, options?: { signal?: AbortSignal }): Promise<{ id: string; ttlSeconds: number }>;
}

export interface LeaseReuseOptions {
  /** How much longer a lease may live than its objects asked for: at most 5 % of their time and this. Upstream: 60. */
  readonly maxExtraSeconds?: number;
  /** Objects per lease. Upstream: 1000. */
  readonly maxObjects?: number;
}

const EXTRA_SHARE = 0.05;

/**
 * One lease for many short-lived objects, because a lease costs etcd more than a put. An object lives at least the time asked for and at
 * most the extra of the options longer. Objects of one lease vanish in one revision.
 */
export class LeaseReuse {
  readonly #granter: LeaseGranter;
  readonly #clock: Clock;
  readonly #maxExtraSeconds: number;
  readonly #maxObjects: number;
  #last: { lease: Promise<string>; expiresMs: number; objects: number } | undefined;

  constructor(granter: LeaseGranter, clock: Clock, options: LeaseReuseOptions = {}) {
    this.#granter = granter;
    this.#clock = clock;
    this.#maxExtraSeconds = options.maxExtraSeconds ?? 60;
    this.#maxObjects = options.maxObjects ?? 1000;
  }

  /** The id of a lease that lives `ttlSeconds` or a little longer. Callers at the same time share one grant, and its failure. */
  leaseFor(ttlSeconds: number): Promise<string> {
    const now = this.#clock.monotonic();
    const extra = Math.min(Math.floor(ttlSeconds * EXTRA_SHARE), this.#maxExtraSeconds);
    const last = this.#last;
    if (
      last !== undefined &&
      last.objects < this.#maxObjects &&
      last.expiresMs >= now + ttlSeconds * 1000 &&
      last.expiresMs <= now + (ttlSeconds + extra) * 1000
    ) {
      last.objects += 1;
      return last.lease;
    }
    const lease = this.#granter.grantLease(ttlSeconds + extra).then(granted => granted.id);
    const mine = { lease, expiresMs: now + (ttlSeconds + extra) * 1000, objects: 1 };
    this.#last = mine;
    lease.catch(() => {
      if (this.#last === mine) this.#last = undefined;
    });
    return lease;
  }

  /** Forgets the lease, after etcd has said that it is gone. */
  forget(): void {
    this.#last = undefined;
  }
}
