import type { Lease } from '../api/types/gen/coordination-v1.ts';

/** Upstream's: who has not renewed for so long has lost it. */
export const LEASE_SECONDS = 15;

/** What a candidate knows of the lease: when it last saw it change, by its own clock, because clocks of hosts differ. */
export interface SeenLease {
  readonly lease: Lease | undefined;
  readonly changedAt: number;
}

/** What to do about a lease. */
export type Claim =
  | { readonly kind: 'create' }
  | { readonly kind: 'renew' }
  | { readonly kind: 'take-over'; readonly because: string }
  | { readonly kind: 'wait'; readonly holder: string; readonly forMs: number };

/**
 * `seen` is the lease and when it was seen to change, `now` on the same clock in ms. A holder of whom it is certain that it has ended is not waited for:
 * the 15 s are for those who may only be slow. Pure.
 */
export function decideClaim(
  seen: SeenLease,
  identity: string,
  now: number,
  hasEnded: (holder: string) => boolean = () => false,
): Claim {
  const { lease } = seen;
  if (lease === undefined) return { kind: 'create' };
  const holder = lease.spec?.holderIdentity ?? '';
  if (holder === identity) return { kind: 'renew' };
  if (holder === '') return { kind: 'take-over', because: 'it was given back' };
  if (hasEnded(holder)) return { kind: 'take-over', because: `the process of ${holder} on this machine has ended` };
  const leftMs = seen.changedAt + (lease.spec?.leaseDurationSeconds ?? LEASE_SECONDS) * 1000 - now;
  if (leftMs > 0) return { kind: 'wait', holder, forMs: leftMs };
  return { kind: 'take-over', because: `${holder} has not renewed it` };
}
