/** Long enough to get on, short enough that nobody notices that the loop was away. */
const SLICE_MS = 5;

/**
 * Divides long work on the event loop: call `breathe` after every piece of it. It lets everything that waits run once the slice is used up, and is
 * next to nothing before. Pieces of work must be short themselves.
 */
export class TimeSlice {
  readonly #signal: AbortSignal | undefined;
  #until = performance.now() + SLICE_MS;

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** Throws the reason of the signal where it has aborted meanwhile. Resolves at once while there is time left. */
  async breathe(): Promise<void> {
    if (performance.now() < this.#until) return;
    await new Promise<void>(resolve => setImmediate(resolve));
    this.#signal?.throwIfAborted();
    this.#until = performance.now() + SLICE_MS;
  }

  /** True when it is time to breathe: spares the wait of a promise for each piece. */
  get used(): boolean {
    return performance.now() >= this.#until;
  }
}
