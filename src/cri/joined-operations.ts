/**
 * One operation per key at a time, shared by everyone who asks for it. This is what makes "name is reserved" impossible: a retry that arrives
 * while the first request is at work waits for the same result.
 */
export class JoinedOperations {
  readonly #running = new Map<string, Promise<unknown>>();

  /**
   * Starts `operation`, or joins the one that runs under `key`. A caller's signal ends only that caller's waiting: the operation goes on to its
   * end, whoever left, and either succeeds or cleans up after itself. Rejects with the operation's error or the signal's reason.
   */
  run<T>(key: string, operation: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    let running = this.#running.get(key) as Promise<T> | undefined;
    if (running === undefined) {
      running = operation().finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return signal === undefined ? running : untilAborted(running, signal);
  }

  /** Whether an operation is at work under exactly this key. */
  has(key: string): boolean {
    return this.#running.has(key);
  }

  /** Resolves when the operations under keys that begin with `prefix` (all, by default) have ended, however they end. */
  async idle(prefix = ''): Promise<void> {
    for (;;) {
      const waiting = [...this.#running].filter(([key]) => key.startsWith(prefix)).map(([, promise]) => promise);
      if (waiting.length === 0) return;
      await Promise.allSettled(waiting);
    }
  }
}

function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    // The result may come after the caller has left; its error was then nobody's to see here (the operation logs its own).
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener('abort', onAbort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
