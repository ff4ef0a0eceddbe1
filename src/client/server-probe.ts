import type { Clock } from '../base/clock.ts';
import { sleep } from '../base/signals.ts';

/** From one look to the next while a server takes no connections: the first, doubled each time, and the longest. */
const FIRST_LOOK_MS = 50;
const MAX_LOOK_MS = 500;

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
   * Waits so long, or until a server that took no connections takes them; at the abort of the signal too. True where the server was there before the time was over.
   * Where the trouble is another one this is a plain pause.
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
      const cancel = clock.after(ms, () => end(false), { keepAlive: true });
      this.#waiting.add(wake);
      signal.addEventListener('abort', onAbort, { once: true });
    });
    if (!this.#isLooking) void this.#look();
    return result;
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    for (let pause = FIRST_LOOK_MS; this.#waiting.size > 0; pause = Math.min(pause * 2, MAX_LOOK_MS)) {
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
