import type { Clock } from '../../base/clock.ts';
import { aborted, deadlineSignal } from '../../base/signals.ts';
import type { StatusStore } from './status-store.ts';

/** So long does a request for a pod wait for a kubelet that has just started; a server that asks it waits longer. */
const WAIT_MS = 5000;

/**
 * Whether every pod that is to run here has been looked at since the kubelet started. Before that "there is no such pod" is not known, and who asks
 * for one waits: a kubelet that was started anew a moment ago would deny pods that run.
 */
export class FirstLook {
  readonly #statuses: StatusStore;
  readonly #clock: Clock;
  readonly #over = new AbortController();
  /** Undefined until all sources have told their pods. */
  #missing: Set<string> | undefined;

  constructor(statuses: StatusStore, clock: Clock) {
    this.#statuses = statuses;
    this.#clock = clock;
    statuses.onReport(uid => {
      if (this.#missing?.delete(uid) === true) this.#settle();
    });
  }

  /** The pods that are to run, told by all sources. A later call takes the place of an earlier one; once all were looked at it changes nothing. */
  expect(uids: Iterable<string>): void {
    if (this.#over.signal.aborted) return;
    this.#missing = new Set([...uids].filter(uid => this.#statuses.get(uid) === undefined));
    this.#settle();
  }

  /** Resolves once all were looked at: from then on at once. After 5 s at the latest, or when the signal is aborted. Never rejects. */
  async over(signal: AbortSignal): Promise<void> {
    if (this.#over.signal.aborted) return;
    const limit = deadlineSignal(WAIT_MS, 'the pods of this node', signal, this.#clock);
    await Promise.race([aborted(this.#over.signal), aborted(limit.signal)]);
    limit.release();
  }

  #settle(): void {
    if (this.#missing?.size === 0) this.#over.abort();
  }
}
