import type { Probe } from '../../api/types/gen/core-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { sleep } from '../../base/signals.ts';
import type { ProbeKind, ProbeResults } from '../decide/probe-verdicts.ts';
import type { ContainerRuntime } from '../runtime/ports.ts';
import { type ProbedContainer, runProbe } from './run-probe.ts';
import { countOutcome, NOTHING_COUNTED, type ProbeOutcome } from './threshold.ts';

export interface ProberOptions {
  readonly container: ProbedContainer;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  /** What was found before, as by a kubelet that was ended meanwhile. */
  readonly results: ProbeResults;
  /** The first round waits for a part of its period, so that a kubelet that starts does not probe everything at once. */
  readonly spread: boolean;
  readonly runtime: Pick<ContainerRuntime, 'execSync'>;
  readonly clock: Clock;
  /** 0 <= x < 1. */
  readonly random: () => number;
  readonly onResults: (results: ProbeResults) => void;
  readonly onOutcome: (kind: ProbeKind, outcome: ProbeOutcome) => void;
}

const DEFAULT_PERIOD_SECONDS = 10;
const DEFAULT_TIMEOUT_SECONDS = 1;
/** Upstream's: an attempt that could not be carried out is made again at once, so often in all. */
const MAX_TRIES = 3;

/** Probes one life of a container until it is stopped: first whether it has started, then whether it lives and is ready. */
export class ContainerProber {
  readonly #options: ProberOptions;
  readonly #stop = new AbortController();
  /** Ends what only matters to a container that is to run on. */
  readonly #windDown = new AbortController();
  #results: ProbeResults;

  constructor(options: ProberOptions) {
    this.#options = options;
    this.#results = options.results;
    void this.#run();
  }

  get results(): ProbeResults {
    return this.#results;
  }

  stop(): void {
    this.#windDown.abort();
    this.#stop.abort();
  }

  /** The container is being ended: whether it is ready is still asked, so that traffic goes by it; whether it lives and has started is not. */
  windDown(): void {
    this.#windDown.abort();
  }

  async #run(): Promise<void> {
    const { startupProbe, livenessProbe, readinessProbe } = this.#options.container.spec;
    if (startupProbe !== undefined && this.#results.startup !== 'success') await this.#probe('startup', startupProbe);
    if (this.#stop.signal.aborted) return;
    if (startupProbe !== undefined && this.#results.startup !== 'success') return;
    if (livenessProbe !== undefined) void this.#probe('liveness', livenessProbe);
    if (readinessProbe !== undefined) void this.#probe('readiness', readinessProbe);
  }

  /** Ends when it is stopped, when a startup probe has settled, and when a liveness probe has failed: the container has to end then. */
  async #probe(kind: ProbeKind, probe: Probe): Promise<void> {
    const { clock, startedAt, spread, random, onOutcome } = this.#options;
    const { signal } = kind === 'readiness' ? this.#stop : this.#windDown;
    const periodMs = (probe.periodSeconds ?? DEFAULT_PERIOD_SECONDS) * 1000;
    const delayMs = startedAt + (probe.initialDelaySeconds ?? 0) * 1000 - clock.now();
    let count = NOTHING_COUNTED;
    let next = clock.monotonic() + Math.max(0, delayMs, spread ? random() * periodMs : 0);
    for (;;) {
      const waitMs = next - clock.monotonic();
      if (waitMs > 0) await sleep(waitMs, signal, clock).catch(() => undefined);
      if (signal.aborted) return;
      const began = clock.monotonic();
      const outcome = await this.#attempt(probe, signal);
      if (signal.aborted) return;
      onOutcome(kind, outcome);
      const counted = countOutcome(count, outcome, probe);
      count = counted.count;
      if (counted.settled !== undefined) this.#settle(kind, counted.settled);
      if (kind === 'startup' && counted.settled !== undefined) return;
      if (kind === 'liveness' && counted.settled === 'failure') return;
      // a round that takes longer than its period is followed by the next at once
      next = Math.max(began + periodMs, clock.monotonic());
    }
  }

  async #attempt(probe: Probe, signal: AbortSignal): Promise<ProbeOutcome> {
    const { container, runtime } = this.#options;
    const timeoutSeconds = probe.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS;
    let outcome = await runProbe(probe, container, timeoutSeconds, runtime, signal);
    for (let tries = 1; outcome.result === 'unknown' && tries < MAX_TRIES && !signal.aborted; tries += 1)
      outcome = await runProbe(probe, container, timeoutSeconds, runtime, signal);
    return outcome;
  }

  #settle(kind: ProbeKind, result: 'success' | 'failure'): void {
    if (this.#results[kind] === result) return;
    this.#results = { ...this.#results, [kind]: result };
    this.#options.onResults(this.#results);
  }
}
