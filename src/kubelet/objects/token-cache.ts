import type { TokenRequest, TokenRequestSpec } from '../../api/types/gen/authentication-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage, failedPrecondition } from '../../base/errors.ts';

/** Asks the API server for a token; rejects as ResourceClient does. */
export type RequestToken = (
  namespace: string,
  serviceAccount: string,
  spec: TokenRequestSpec,
  signal: AbortSignal,
) => Promise<TokenRequest>;

export interface TokenCacheOptions {
  readonly request: RequestToken;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  /** A token of the pod is old: whoever writes it into a file shall ask for it again. Must not throw or wait. */
  readonly onRefreshDue: (podUid: string) => void;
  readonly onTrouble: (message: string) => void;
}

interface Entry {
  readonly podUid: string;
  readonly token: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
  readonly refreshAt: number;
  cancel: () => void;
}

/** Upstream's numbers. */
const MAX_AGE_MS = 24 * 3_600_000;
const LIFE_LEFT = 0.2;
const MAX_JITTER_MS = 10_000;
/** After a refresh that failed, while the old token is still good. */
const RETRY_MS = 60_000;

/** When a token shall be replaced: at 80 % of its life or after a day, whichever comes first, up to 10 s earlier. Pure; milliseconds. */
export function refreshTime(expiresAt: number, lifeSeconds: number, random: number): number {
  const lifeMs = lifeSeconds * 1_000;
  const jitter = Math.floor((random * MAX_JITTER_MS) / 1_000) * 1_000;
  return Math.min(expiresAt - lifeMs + MAX_AGE_MS, expiresAt - lifeMs * LIFE_LEFT) - jitter;
}

/**
 * Tokens of service accounts, bound to pods. One is asked for again when it is old; when that fails, the old one is given as long as it is good.
 * Nothing is kept of a pod that was forgotten.
 */
export class TokenCache {
  readonly #options: TokenCacheOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #asking = new Map<string, { readonly podUid: string; readonly token: Promise<string> }>();

  constructor(options: TokenCacheOptions) {
    this.#options = options;
  }

  /** Throws upstream's text where there is no token to give. */
  async get(namespace: string, serviceAccount: string, spec: TokenRequestSpec, signal: AbortSignal): Promise<string> {
    const key = JSON.stringify([namespace, serviceAccount, spec]);
    const known = this.#entries.get(key);
    if (known !== undefined && this.#options.clock.now() < known.refreshAt) return known.token;
    const asked = this.#asking.get(key);
    if (asked !== undefined) return asked.token;
    const token = this.#ask(key, known, { namespace, serviceAccount, spec }, signal).finally(() => {
      if (this.#asking.get(key)?.token === token) this.#asking.delete(key);
    });
    this.#asking.set(key, { podUid: spec.boundObjectRef?.uid ?? '', token });
    return token;
  }

  /** An answer that is still under way is not kept either. */
  forget(podUid: string): void {
    for (const [key, asked] of this.#asking) if (asked.podUid === podUid) this.#asking.delete(key);
    for (const [key, entry] of this.#entries) {
      if (entry.podUid !== podUid) continue;
      entry.cancel();
      this.#entries.delete(key);
    }
  }

  close(): void {
    for (const entry of this.#entries.values()) entry.cancel();
    this.#entries.clear();
    this.#asking.clear();
  }

  async #ask(
    key: string,
    known: Entry | undefined,
    of: { readonly namespace: string; readonly serviceAccount: string; readonly spec: TokenRequestSpec },
    signal: AbortSignal,
  ): Promise<string> {
    const { request, clock, random, onTrouble } = this.#options;
    const podUid = of.spec.boundObjectRef?.uid ?? '';
    try {
      const { spec, status } = await request(of.namespace, of.serviceAccount, of.spec, signal);
      const expiresAt = Date.parse(status.expirationTimestamp ?? '');
      const refreshAt = refreshTime(expiresAt, spec.expirationSeconds ?? 0, random());
      if (this.#asking.has(key))
        this.#keep(key, { podUid, token: status.token, expiresAt, refreshAt, cancel: () => {} });
      return status.token;
    } catch (error) {
      const why = errorMessage(error);
      if (known === undefined) throw failedPrecondition(`failed to fetch token: ${why}`, { cause: error });
      if (clock.now() >= known.expiresAt)
        throw failedPrecondition(`token ${key} expired and refresh failed: ${why}`, { cause: error });
      onTrouble(`the token of ${of.namespace}/${of.serviceAccount} could not be refreshed: ${why}`);
      this.#arm(known, clock.now() + RETRY_MS);
      return known.token;
    }
  }

  #keep(key: string, entry: Entry): void {
    this.#entries.get(key)?.cancel();
    this.#entries.set(key, entry);
    this.#arm(entry, entry.refreshAt);
  }

  #arm(entry: Entry, at: number): void {
    const { clock, onRefreshDue } = this.#options;
    entry.cancel();
    entry.cancel = clock.after(Math.max(at - clock.now(), 1_000), () => onRefreshDue(entry.podUid));
  }
}
