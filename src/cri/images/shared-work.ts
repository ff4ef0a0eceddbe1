/** One run of something that several callers wait for. It is aborted when the last of them has left. */
class SharedRun<T> {
  readonly #stop = new AbortController();
  readonly result: Promise<T>;
  #waiting = 0;

  constructor(start: (signal: AbortSignal) => Promise<T>) {
    this.result = start(this.#stop.signal);
    this.result.catch(() => undefined);
  }

  get isAbandoned(): boolean {
    return this.#stop.signal.aborted;
  }

  stop(reason: unknown): void {
    this.#stop.abort(reason);
  }

  /** Settles as the run does, or rejects with the reason of `signal`. The last one to leave waits until the run has cleaned up. */
  async join(signal: AbortSignal): Promise<T> {
    this.#waiting += 1;
    let onAbort = (): void => {};
    const left = new Promise<'left'>(resolve => {
      onAbort = () => resolve('left');
      if (signal.aborted) onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
    });
    try {
      const first = await Promise.race([this.result.then(value => ({ value })), left]);
      if (first !== 'left') return first.value;
    } finally {
      this.#waiting -= 1;
      signal.removeEventListener('abort', onAbort);
    }
    if (this.#waiting === 0) {
      this.stop(signal.reason);
      await this.result.catch(() => undefined);
    }
    throw signal.reason;
  }
}

/** Joins callers that ask for the same thing at the same time; nothing is remembered after. */
export class SharedWork<T> {
  readonly #runs = new Map<string, SharedRun<T>>();

  async run(key: string, signal: AbortSignal, start: (signal: AbortSignal) => Promise<T>): Promise<T> {
    signal.throwIfAborted();
    for (;;) {
      const running = this.#runs.get(key);
      if (running === undefined) break;
      if (!running.isAbandoned) return running.join(signal);
      await running.result.catch(() => undefined);
    }
    const run = new SharedRun(start);
    this.#runs.set(key, run);
    const forget = (): void => {
      if (this.#runs.get(key) === run) this.#runs.delete(key);
    };
    run.result.then(forget, forget);
    return run.join(signal);
  }

  /** Aborts everything that runs and resolves when all has ended. */
  async stop(reason: unknown): Promise<void> {
    const runs = [...this.#runs.values()];
    for (const run of runs) run.stop(reason);
    await Promise.allSettled(runs.map(r => r.result));
  }
}
