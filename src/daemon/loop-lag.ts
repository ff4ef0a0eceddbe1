import { monitorEventLoopDelay } from 'node:perf_hooks';
import { aborted } from '../base/signals.ts';
import type { Component } from './component.ts';
import { Gauge, type Registry } from './metrics.ts';

/** Publishes how long the event loop was away (p50, p99, max since the last scrape), in seconds. */
export function loopLag(registry: Registry): Component {
  return {
    name: 'loop-lag',
    async run(signal, ready) {
      const histogram = monitorEventLoopDelay({ resolution: 20 });
      histogram.enable();
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
      ready();
      await aborted(signal);
      histogram.disable();
    },
  };
}
