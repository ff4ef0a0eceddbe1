/** Lets operations wait for the end of a container without asking again and again. */
export class ExitWaiters {
  readonly #waiting = new Map<string, Set<() => void>>();

  /** Tells everyone who waits for `id`. */
  announce(id: string): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    for (const wake of waiting ?? []) wake();
  }

  /**
   * Resolves at the next announcement for `id`. The caller looks at the record first: in the same turn of the event loop nothing can come between.
   * Rejects with the signal's reason.
   */
  next(id: string, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const waiting = this.#waiting.get(id) ?? new Set();
      this.#waiting.set(id, waiting);
      const wake = (): void => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      };
      const onAbort = (): void => {
        waiting.delete(wake);
        if (waiting.size === 0 && this.#waiting.get(id) === waiting) this.#waiting.delete(id);
        reject(signal?.reason);
      };
      waiting.add(wake);
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }
}
