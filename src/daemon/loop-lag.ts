import { monitorEventLoopDelay } from 'node:perf_hooks';
import { aborted } from '../base/signals.ts';
import type { Component } from './component.ts';
import { Gauge, type Registry } from './metrics.ts';

/** The timer that is watched, in ms. What the histogram holds is the time from one firing to the next, so this is in every value. */
const RESOLUTION_MS = 20;

/** How late the loop was, in seconds, by a value of the histogram in nanoseconds. */
export function lateness(intervalNs: number): number {
  return Math.max(0, intervalNs / 1e9 - RESOLUTION_MS / 1000);
}

/** Publishes how long the event loop was away (p50, p99, max since the last scrape), in seconds. */
export function loopLag(registry: Registry): Component {
  return {
    name: 'loop-lag',
    async run(signal, ready) {
      const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
      histogram.enable();
      new Gauge({
        name: 'gantry_event_loop_lag_seconds',
        help: 'Time the event loop was late, by quantile, since the last scrape.',
        labelNames: ['quantile'] as const,
        registers: [registry],
        collect() {
          this.set({ quantile: '0.5' }, lateness(histogram.percentile(50)));
          this.set({ quantile: '0.99' }, lateness(histogram.percentile(99)));
          this.set({ quantile: '1' }, lateness(histogram.max));
          histogram.reset();
        },
      });
      ready();
      await aborted(signal);
      histogram.disable();
    },
  };
}
