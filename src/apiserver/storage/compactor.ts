import { type Clock, systemClock } from '../../base/clock.ts';
import { errorMessage } from '../../base/errors.ts';
import { sleep } from '../../base/signals.ts';
import type { CompactionState, Storage } from './storage.ts';

/** Upstream's --etcd-compaction-interval. */
const INTERVAL_MS = 5 * 60_000;

export interface CompactorOptions {
  readonly intervalMs?: number;
  readonly clock?: Clock;
  /** Told about a step that failed; the next one comes after the interval all the same. */
  onError?(message: string): void;
}

/** Takes a step of compaction after each interval, until the signal aborts. With several servers only one compacts, and any other takes over. */
export async function runCompactor(
  storage: Storage,
  signal: AbortSignal,
  options: CompactorOptions = {},
): Promise<void> {
  let state: CompactionState = { version: 0, revision: 0 };
  while (!signal.aborted) {
    await sleep(options.intervalMs ?? INTERVAL_MS, signal, options.clock ?? systemClock).catch(() => undefined);
    if (signal.aborted) return;
    try {
      state = await storage.compactStep(state, signal);
    } catch (error) {
      if (!signal.aborted) options.onError?.(`compaction failed: ${errorMessage(error)}`);
    }
  }
}
