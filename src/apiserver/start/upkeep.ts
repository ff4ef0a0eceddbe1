import { ApiError } from '../../api/status.ts';
import { type BackoffPolicy, type BackoffState, nextBackoff } from '../../base/backoff.ts';
import type { Clock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import type { Logger } from '../../daemon/logger.ts';

/** Something that a server keeps as it should be: it looks, and mends what differs. */
export interface UpkeepTask {
  /** For the log: `the kubernetes service`. */
  readonly what: string;
  readonly everyMs: number;
  /** Idempotent. */
  run(signal: AbortSignal): Promise<void>;
}

export interface UpkeepOptions {
  readonly clock: Clock;
  readonly log: Logger;
}

const RETRY: BackoffPolicy = { initialMs: 100, maxMs: 5_000, resetAfterMs: 60_000 };
/** Servers that mend the same at the same moment meet; the one that lost looks again at once. */
const TRIES = 3;

/** Runs the tasks again and again, each at its own pace, until the signal aborts. A failure is logged and ends nothing. */
export async function runUpkeep(
  tasks: readonly UpkeepTask[],
  signal: AbortSignal,
  options: UpkeepOptions,
): Promise<void> {
  await Promise.all(tasks.map(task => keep(task, signal, options)));
}

async function keep(task: UpkeepTask, signal: AbortSignal, { clock, log }: UpkeepOptions): Promise<void> {
  while (!signal.aborted) {
    try {
      await withRetries(task, signal);
    } catch (error) {
      if (!signal.aborted) log.warn({ err: error }, `${task.what} could not be kept: ${errorMessage(error)}`);
    }
    await sleep(task.everyMs, signal, clock).catch(() => undefined);
  }
}

async function withRetries(task: UpkeepTask, signal: AbortSignal): Promise<void> {
  for (let tries = 1; ; tries += 1)
    try {
      return await task.run(signal);
    } catch (error) {
      if (tries === TRIES || !(error instanceof ApiError) || error.reason !== 'Conflict') throw error;
    }
}

/** Runs `task` until it succeeds: an etcd that is away is waited for, and so is another server that does the same. Throws the signal's reason. */
export async function untilDone(
  what: string,
  task: () => Promise<void>,
  signal: AbortSignal,
  { clock, log }: UpkeepOptions,
): Promise<void> {
  let backoff: BackoffState | undefined;
  for (;;) {
    try {
      return await task();
    } catch (error) {
      signal.throwIfAborted();
      log.warn({ err: error }, `${what} cannot be made yet: ${errorMessage(error)}`);
      backoff = nextBackoff(backoff, RETRY, clock.monotonic());
      await sleep(backoff.delayMs, signal, clock);
    }
  }
}
