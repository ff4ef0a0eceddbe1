/**
 * Whose layer is next: the place in `waiting` (whose layers wait, in the order in which they came), undefined when nobody's. Below `limit` layers at work it is
 * that of the pull that has the fewest at work, the first of several; beyond, up to twice as many, only a pull that has none at work is let in: a small image
 * does not wait for the large layers of another. `running` are the layers at work by pull. Pure.
 */
export function nextTurn(
  waiting: readonly object[],
  running: ReadonlyMap<object, number>,
  limit: number,
): number | undefined {
  const total = [...running.values()].reduce((sum, n) => sum + n, 0);
  const ofPull = waiting.map(pull => running.get(pull) ?? 0);
  const fewest = Math.min(...ofPull);
  if (waiting.length === 0 || total >= 2 * limit || (total >= limit && fewest > 0)) return undefined;
  return ofPull.indexOf(fewest);
}

/** Lets layers be worked at by turns (nextTurn). */
export class LayerTurns {
  readonly #limit: number;
  readonly #running = new Map<object, number>();
  readonly #waiting: { readonly pull: object; readonly go: () => void }[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Resolves when the turn has come, to what ends it. Throws the reason of `signal`. */
  async take(pull: object, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        reject(signal.reason);
      };
      const waiter = {
        pull,
        go: (): void => {
          signal.removeEventListener('abort', onAbort);
          resolve();
        },
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(waiter);
      this.#letIn();
    });
    return () => {
      const left = (this.#running.get(pull) ?? 1) - 1;
      if (left === 0) this.#running.delete(pull);
      else this.#running.set(pull, left);
      this.#letIn();
    };
  }

  #letIn(): void {
    for (;;) {
      const next = nextTurn(
        this.#waiting.map(w => w.pull),
        this.#running,
        this.#limit,
      );
      const [waiter] = next === undefined ? [] : this.#waiting.splice(next, 1);
      if (waiter === undefined) return;
      this.#running.set(waiter.pull, (this.#running.get(waiter.pull) ?? 0) + 1);
      waiter.go();
    }
  }
}
