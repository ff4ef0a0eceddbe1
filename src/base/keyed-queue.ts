/**
 * Runs tasks one after another per key and in parallel across keys. A task's failure reaches its own caller only.
 * Keys that are idle hold no memory.
 */
export class KeyedQueue<K> {
  readonly #tails = new Map<K, Promise<unknown>>();

  /** Resolves or rejects with what `task` does, after every task queued earlier under `key` has ended. */
  run<T>(key: K, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const result = before.then(task, task);
    const tail = result
      .catch(() => undefined)
      .finally(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return result;
  }

  /**
   * Waits until every task queued earlier under `key` has ended, and gives the turn back with the function that ends it, which must be called and
   * may be called again. Rejects with the signal's reason when it aborts first: then there is no turn to end.
   */
  async turn(key: K, signal?: AbortSignal): Promise<() => void> {
    let end = (): void => {};
    let onAbort = (): void => {};
    try {
      await new Promise<void>((resolve, reject) => {
        onAbort = () => {
          reject(signal?.reason);
          end();
        };
        signal?.addEventListener('abort', onAbort, { once: true });
        if (signal?.aborted) return onAbort();
        void this.run(
          key,
          () =>
            new Promise<void>(done => {
              end = done;
              if (signal?.aborted) done();
              else resolve();
            }),
        );
      });
    } finally {
      signal?.removeEventListener('abort', onAbort);
    }
    return end;
  }

  /** Whether anything is queued or running. */
  get busy(): boolean {
    return this.#tails.size > 0;
  }

  /** Resolves when nothing is queued or running under any key. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.allSettled([...this.#tails.values()]);
  }
}
