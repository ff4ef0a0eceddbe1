import { randomBytes } from 'node:crypto';
import type { Clock } from '../../base/clock.ts';
import { GantryError } from '../../base/errors.ts';

/** Upstream's (k8s.io/cri-streaming): how long a URL is good for, how many may be out, and the length of its token. */
const LIFE_MS = 60_000;
const MAX_OUTSTANDING = 1000;
/** 8 characters of base64url. */
const TOKEN_BYTES = 6;

interface Pending<T> {
  readonly request: T;
  readonly until: number;
}

/** Requests whose streams a client may open, each once, by its token, within a minute. */
export class PendingRequests<T> {
  readonly #clock: Clock;
  /** In the order of their age. */
  readonly #pending = new Map<string, Pending<T>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Keeps a request and returns its token. Throws `resource-exhausted` when a thousand are out. */
  add(request: T): string {
    const now = this.#clock.monotonic();
    for (const [token, { until }] of this.#pending) {
      if (until >= now) break;
      this.#pending.delete(token);
    }
    if (this.#pending.size >= MAX_OUTSTANDING)
      throw new GantryError('resource-exhausted', 'maximum number of in-flight requests exceeded');
    let token: string;
    do {
      token = randomBytes(TOKEN_BYTES).toString('base64url');
    } while (this.#pending.has(token));
    this.#pending.set(token, { request, until: now + LIFE_MS });
    return token;
  }

  /** The request of a token, which is used up by this; undefined for one that is unknown, used or too old. */
  take(token: string): T | undefined {
    const pending = this.#pending.get(token);
    this.#pending.delete(token);
    return pending !== undefined && pending.until >= this.#clock.monotonic() ? pending.request : undefined;
  }
}
