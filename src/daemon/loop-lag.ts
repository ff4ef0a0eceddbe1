import { createHistogram, performance } from 'node:perf_hooks';
import { aborted } from '../base/signals.ts';
import type { Component } from './component.ts';
import { Gauge, type Registry } from './metrics.ts';

/** How often is looked while there is work, and while there is next to none: fifty looks a second would be most of what an idle daemon does. */
const BUSY_PAUSE_MS = 20;
const IDLE_PAUSE_MS = 200;
const BUSY_UTILIZATION = 0.05;

/** How long to wait until the next look, by the part of the time since the last one that the loop was busy. */
export function nextPause(utilization: number): number {
  return utilization >= BUSY_UTILIZATION ? BUSY_PAUSE_MS : IDLE_PAUSE_MS;
}

/** How much a look counts after such a pause: quantiles are of time, however often was looked. */
export function weightOf(pauseMs: number): number {
  return Math.round(pauseMs / BUSY_PAUSE_MS);
}

/**
 * Publishes how long the event loop was away (p50, p99, max since the last scrape), in seconds, by how late a timer fires; to a millisecond, as timers go. Of something
 * that keeps an idle loop for less than a fifth of a second a part may be seen, or nothing.
 */
export function loopLag(registry: Registry): Component {
  return {
    name: 'loop-lag',
    async run(signal, ready) {
      const histogram = createHistogram();
      let timer: NodeJS.Timeout | undefined;
      const lookIn = (pauseMs: number): void => {
        const due = performance.now() + pauseMs;
        const before = performance.eventLoopUtilization();
        timer = setTimeout(() => {
          // in nanoseconds, and the histogram begins at 1
          const late = Math.max(1, Math.round((performance.now() - due) * 1e6));
          for (let i = weightOf(pauseMs); i > 0; i -= 1) histogram.record(late);
          lookIn(nextPause(performance.eventLoopUtilization(before).utilization));
        }, pauseMs);
        timer.unref();
      };
      new Gauge({
        name: 'gantry_event_loop_lag_seconds',
        help: 'Time the event loop was late, by quantile, since the last scrape.',
        labelNames: ['quantile'] as const,
        registers: [registry],
        collect() {
          this.set({ quantile: '0.5' }, histogram.percentile(50) / 1e9);
          this.set({ quantile: '0.99' }, histogram.percentile(99) / 1e9);
          this.set({ quantile: '1' }, histogram.max / 1e9);
          histogram.reset();
        },
      });
      lookIn(BUSY_PAUSE_MS);
      ready();
      await aborted(signal);
      clearTimeout(timer);
    },
  };
}
