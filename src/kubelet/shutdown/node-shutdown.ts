import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { joinedSignal, sleep } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';
import { type InhibitLock, inhibitShutdown, type Logind, openLogind } from '../../linux/logind.ts';
import type { DesiredPod } from '../desired/desired-pod.ts';
import { podsByStage, type ShutdownStage, shutdownGrace, shutdownSeconds } from './plan.ts';

/** How the machine's shutdown is learnt of and held up. */
export interface ShutdownDoor {
  open(signal: AbortSignal): Promise<Logind>;
  inhibit(signal: AbortSignal): Promise<InhibitLock>;
}

/** logind, with upstream's words for who delays and why. */
export const LOGIND_DOOR: ShutdownDoor = {
  open: openLogind,
  inhibit: signal => inhibitShutdown('kubelet', 'Kubelet needs time to handle node shutdown', signal),
};

export interface NodeShutdownOptions {
  readonly stages: readonly ShutdownStage[];
  /** Pods of which something may run. */
  pods(): readonly DesiredPod[];
  /** Ends a pod; resolves when nothing of it runs and that is told. */
  end(pod: DesiredPod, graceSeconds: number): Promise<void>;
  /** The machine begins to go down, or will not go down after all. */
  onChange(isShuttingDown: boolean): void;
  readonly door?: ShutdownDoor;
  readonly clock: Clock;
  readonly log: Logger;
}

/** From one attempt to reach logind to the next. */
const FIRST_RETRY_MS = 1_000;
const MAX_RETRY_MS = 60_000;

/**
 * Holds up the shutdown of the machine until its pods have ended, stage by stage, those of the least priority first, each stage for its own time at most; upstream's
 * graceful node shutdown.
 */
export class NodeShutdown {
  readonly #options: NodeShutdownOptions;
  readonly #door: ShutdownDoor;
  #isShuttingDown = false;

  constructor(options: NodeShutdownOptions) {
    this.#options = options;
    this.#door = options.door ?? LOGIND_DOOR;
  }

  get isShuttingDown(): boolean {
    return this.#isShuttingDown;
  }

  /** Until the signal aborts; never rejects. Where there is no logind that is said once, and tried again. */
  async run(signal: AbortSignal): Promise<void> {
    const { stages, clock, log } = this.#options;
    if (stages.length === 0) return;
    let pauseMs = FIRST_RETRY_MS;
    while (!signal.aborted) {
      try {
        await this.#watch(signal, () => {
          pauseMs = FIRST_RETRY_MS;
        });
      } catch (error) {
        if (signal.aborted) return;
        log[pauseMs === FIRST_RETRY_MS ? 'warn' : 'debug'](
          { because: errorMessage(error) },
          'a shutdown of the machine would not wait for its pods',
        );
      }
      await sleep(pauseMs, signal, clock).catch(() => undefined);
      pauseMs = Math.min(pauseMs * 2, MAX_RETRY_MS);
    }
  }

  /** Rejects when logind is lost. */
  async #watch(signal: AbortSignal, onHeld: () => void): Promise<void> {
    const { stages, log } = this.#options;
    const logind = await this.#door.open(signal);
    let lock: InhibitLock | undefined;
    const stop = new AbortController();
    try {
      const wantedMs = shutdownSeconds(stages) * 1000;
      if ((await logind.inhibitDelayMs()) < wantedMs) await logind.raiseInhibitDelay(wantedMs, signal);
      const changes: boolean[] = [];
      let wake = (): void => {};
      let lost: Error | undefined;
      logind.watchShutdown(
        isShuttingDown => {
          changes.push(isShuttingDown);
          wake();
        },
        error => {
          lost = error;
          stop.abort(error);
          wake();
        },
      );
      signal.addEventListener('abort', () => wake(), { signal: stop.signal });
      lock = await this.#door.inhibit(signal);
      onHeld();
      log.info({ seconds: wantedMs / 1000 }, 'shutdowns of the machine wait for its pods');
      // what was not heard: this kubelet is new, or the connection
      const before = await logind.isShuttingDown();
      if (before !== this.#isShuttingDown) changes.unshift(before);
      while (!signal.aborted && lost === undefined) {
        const change = changes.shift();
        if (change === undefined) {
          await new Promise<void>(resolve => {
            wake = resolve;
          });
          continue;
        }
        if (change === this.#isShuttingDown) continue;
        this.#set(change);
        if (change) {
          await this.#endPods(joinedSignal(stop.signal, signal));
          lock.release();
          log.info('the machine may go down');
        } else lock = await this.#door.inhibit(signal);
      }
      if (lost !== undefined) throw lost;
    } finally {
      lock?.release();
      stop.abort();
      logind.close();
    }
  }

  #set(isShuttingDown: boolean): void {
    this.#isShuttingDown = isShuttingDown;
    this.#options.log.info(
      isShuttingDown ? 'the machine is shutting down' : 'the shutdown of the machine was called off',
    );
    this.#options.onChange(isShuttingDown);
  }

  async #endPods(signal: AbortSignal): Promise<void> {
    const { stages, pods, end, clock, log } = this.#options;
    for (const { stage, pods: group } of podsByStage(stages, pods())) {
      if (signal.aborted) return;
      const { graceSeconds, priority } = stage;
      log.info(
        { priority, graceSeconds, pods: group.map(({ namespace, name }) => `${namespace}/${name}`) },
        'ending pods',
      );
      const over = new AbortController();
      const ended = Promise.all(group.map(pod => end(pod, shutdownGrace(pod.pod, stage)))).then(() => true);
      const time = sleep(graceSeconds * 1000, joinedSignal(over.signal, signal), clock).then(
        () => false,
        () => false,
      );
      if (!(await Promise.race([ended, time])) && !signal.aborted)
        log.warn({ priority, graceSeconds }, 'pods did not end in the time of their stage');
      over.abort();
    }
  }
}
