/** Who waits for a turn: a layer of `pull`. */
export interface WaitingLayer {
  readonly pull: object;
  /** It has waited for so long that it may go over the limit. */
  readonly isLate: boolean;
}

/** A start of another process costs more than to wait so long for one that is there. */
const PATIENCE_MS = 1000;

/**
 * Whose layer is next: the place in `waiting` (in the order in which they came), undefined when nobody's. Below `limit` layers at work it is that of the pull that
 * has the fewest at work, the first of several; beyond, up to twice as many, one that is late of a pull that has none at work: a small image does not
 * wait for the large layers of another. `running` are the layers at work by pull. Pure.
 */
export function nextTurn(
  waiting: readonly WaitingLayer[],
  running: ReadonlyMap<object, number>,
  limit: number,
): number | undefined {
  const total = [...running.values()].reduce((sum, n) => sum + n, 0);
  const ofPull = waiting.map(({ pull }) => running.get(pull) ?? 0);
  if (total < limit) return waiting.length === 0 ? undefined : ofPull.indexOf(Math.min(...ofPull));
  const late = total < 2 * limit ? waiting.findIndex(({ isLate }, i) => isLate && ofPull[i] === 0) : -1;
  return late < 0 ? undefined : late;
}

/** Lets layers be worked at by turns (nextTurn). */
export class LayerTurns {
  readonly #limit: number;
  readonly #patienceMs: number;
  readonly #running = new Map<object, number>();
  readonly #waiting: { readonly pull: object; isLate: boolean; readonly go: () => void }[] = [];

  constructor(limit: number, patienceMs = PATIENCE_MS) {
    this.#limit = limit;
    this.#patienceMs = patienceMs;
  }

  /** Resolves when the turn has come, to what ends it. Throws the reason of `signal`. */
  async take(pull: object, signal: AbortSignal): Promise<() => void> {
    signal.throwIfAborted();
    await new Promise<void>((resolve, reject) => {
      const onAbort = (): void => {
        const at = this.#waiting.indexOf(waiter);
        if (at >= 0) this.#waiting.splice(at, 1);
        clearTimeout(timer);
        reject(signal.reason);
      };
      const waiter = {
        pull,
        isLate: false,
        go: (): void => {
          signal.removeEventListener('abort', onAbort);
          clearTimeout(timer);
          resolve();
        },
      };
      const timer = setTimeout(() => {
        waiter.isLate = true;
        this.#letIn();
      }, this.#patienceMs);
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
      const next = nextTurn(this.#waiting, this.#running, this.#limit);
      const [waiter] = next === undefined ? [] : this.#waiting.splice(next, 1);
      if (waiter === undefined) return;
      this.#running.set(waiter.pull, (this.#running.get(waiter.pull) ?? 0) + 1);
      waiter.go();
    }
  }
}
