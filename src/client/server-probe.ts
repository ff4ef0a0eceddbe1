import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/signals.ts';

/** From one look to the next while a server takes no connections: the first, a quarter longer each time, and the longest. */
const FIRST_LOOK_MS = 50;
const LOOK_GROWTH = 1.25;
const MAX_LOOK_MS = 1_000;
/** Nobody tries it himself before, even if the looks should see nothing. */
const REFUSED_PAUSE_MS = 5_000;

/**
 * Shortens the pauses of everybody who waits for a server that takes no connections: a server that starts tells nobody, so while somebody waits one small look after
 * another is made in place of everybody's own tries, and when the server is there all go on at once.
 */
export class ServerProbe {
  readonly #clock: Clock;
  readonly #dial: () => Promise<void>;
  readonly #waiting = new Set<() => void>();
  #isRefusing = false;
  #isLooking = false;

  /** `dial` makes a connection and ends it, or rejects. */
  constructor(clock: Clock, dial: () => Promise<void>) {
    this.#clock = clock;
    this.#dial = dial;
  }

  /** The server took no connection. */
  refused(): void {
    this.#isRefusing = true;
  }

  /** There is a connection. */
  reached(): void {
    this.#isRefusing = false;
    for (const wake of this.#waiting) wake();
  }

  /**
   * Waits so long. Where the server took no connections, until it takes them, but for 5 s at least where it does not; then true where it does. At the abort of the
   * signal it ends, too.
   */
  async pause(ms: number, signal: AbortSignal, clock: Clock): Promise<boolean> {
    if (!this.#isRefusing) {
      await sleep(ms, signal, clock).catch(() => {});
      return false;
    }
    if (signal.aborted) return false;
    const result = new Promise<boolean>(resolve => {
      const end = (wasReached: boolean): void => {
        cancel();
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', onAbort);
        resolve(wasReached);
      };
      const wake = (): void => end(true);
      const onAbort = (): void => end(false);
      const cancel = clock.after(Math.max(ms, REFUSED_PAUSE_MS), () => end(false), { keepAlive: true });
      this.#waiting.add(wake);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    if (!this.#isLooking) void this.#look();
    return result;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    for (let pause = FIRST_LOOK_MS; this.#waiting.size > 0; pause = Math.min(pause * LOOK_GROWTH, MAX_LOOK_MS)) {
      // those who wait keep the process alive, this does not
      await new Promise<void>(resolve => {
        this.#clock.after(pause, resolve);
      });
      if (this.#waiting.size === 0) break;
      const isThere = await this.#dial().then(
        () => true,
        () => false,
      );
      if (isThere) this.reached();
    }
    this.#isLooking = false;
  }
}
