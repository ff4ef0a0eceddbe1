import type { Clock } from '../../base/clock.ts';
import { sleep } from '../../base/signals.ts';
import type { ContainerRuntime, RuntimeStatus } from '../runtime/ports.ts';
import { type RuntimeHealth, runtimeProblems } from './node-conditions.ts';

/** Upstream asks every 5 s. A second lets the node's condition follow the pod network's at once, for a call of less than a millisecond. */
const CHECK_MS = 1_000;
/** Upstream's number: one that was silent for 30 s is down. */
const DOWN_MS = 30_000;
/** A node that has just started is looked at more often, for it is ready soon. */
const FIRST_CHECK_MS = 250;
const FIRST_CHECKS_MS = 120_000;

/** Asks the runtime how it is: CRI pushes no such thing. */
export class RuntimeHealthWatch {
  readonly #runtime: ContainerRuntime;
  readonly #clock: Clock;
  readonly #onChange: () => void;
  #status: RuntimeStatus | undefined;
  #answeredAt = 0;
  #problems = '';
  #shuttingDown = false;

  /** `onChange` is told when what keeps pods from running changed. */
  constructor(runtime: ContainerRuntime, clock: Clock, onChange: () => void) {
    this.#runtime = runtime;
    this.#clock = clock;
    this.#onChange = onChange;
  }

  get health(): RuntimeHealth {
    const down = this.#clock.monotonic() - this.#answeredAt > DOWN_MS;
    return { status: this.#status, down, shuttingDown: this.#shuttingDown };
  }

  /** The machine goes down, or will not after all. */
  setShuttingDown(shuttingDown: boolean): void {
    this.#shuttingDown = shuttingDown;
    this.#onChange();
  }

  /** Until the signal aborts; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const startedAt = this.#clock.monotonic();
    let wasReady = false;
    while (!signal.aborted) {
      await this.#ask(signal);
      const problems = runtimeProblems(this.health);
      wasReady ||= problems.length === 0;
      const text = problems.join();
      if (text !== this.#problems) this.#onChange();
      this.#problems = text;
      const starting = !wasReady && this.#clock.monotonic() - startedAt < FIRST_CHECKS_MS;
      await sleep(starting ? FIRST_CHECK_MS : CHECK_MS, signal, this.#clock).catch(() => undefined);
    }
  }

  /** One that does not answer is as it was, until it has been silent for too long. */
  async #ask(signal: AbortSignal): Promise<void> {
    try {
      this.#status = await this.#runtime.status(signal);
      this.#answeredAt = this.#clock.monotonic();
    } catch {
      // asked again soon; `down` says it when that goes on
    }
  }
}
