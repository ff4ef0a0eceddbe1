import type { Clock } from '../../base/clock.ts';

/** The grace period of a stop that is at work. */
export interface GracePeriod {
  /** Aborts when the period is over. */
  readonly over: AbortSignal;
  release(): void;
}

/** Grace periods by container. A later StopContainer with a shorter time-out shortens the running one; a longer one changes nothing. */
export class GracePeriods {
  readonly #running = new Map<string, { endsAt: number; cancel: () => void; readonly controller: AbortController }>();
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  begin(id: string, ms: number): GracePeriod {
    const controller = new AbortController();
    const running = { endsAt: Number.POSITIVE_INFINITY, cancel: () => {}, controller };
    this.#running.set(id, running);
    this.shorten(id, ms);
    return {
      over: controller.signal,
      release: () => {
        running.cancel();
        if (this.#running.get(id) === running) this.#running.delete(id);
      },
    };
  }

  /** Does nothing when no stop of `id` is at work or it ends sooner anyway. */
  shorten(id: string, ms: number): void {
    const running = this.#running.get(id);
    const endsAt = this.#clock.monotonic() + ms;
    if (running === undefined || endsAt >= running.endsAt) return;
    running.cancel();
    running.endsAt = endsAt;
    if (ms <= 0) running.controller.abort(new Error('the grace period is over'));
    else running.cancel = this.#clock.after(ms, () => running.controller.abort(new Error('the grace period is over')));
  }
}
