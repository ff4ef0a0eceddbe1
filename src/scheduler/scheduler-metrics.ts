import { Counter, Gauge, Histogram, type Registry } from '../daemon/metrics.ts';
import type { QueuePlace } from './queued-pod.ts';

export type AttemptResult = 'scheduled' | 'unschedulable' | 'error';

/** What the scheduler counts, under upstream's names. */
export interface SchedulerMetrics {
  /** Begins an attempt; the answer is to be called with how it ended. */
  begin(): (result: AttemptResult) => void;
  /** So many pods have to go for another one. */
  preempted(victims: number): void;
}

/** Upstream's: 1 ms, doubled up to about 16 s. */
const BUCKETS = Array.from({ length: 15 }, (_, i) => 0.001 * 2 ** i);
const PROFILE = 'default-scheduler';

/** Registers the metrics. `pending` is asked for the pods that wait when somebody reads them. */
export function schedulerMetrics(
  registry: Registry,
  pending: () => Readonly<Record<QueuePlace, number>>,
): SchedulerMetrics {
  const attempts = new Counter({
    name: 'scheduler_schedule_attempts_total',
    help: 'Attempts to place a pod, by how they ended.',
    labelNames: ['result', 'profile'] as const,
    registers: [registry],
  });
  const duration = new Histogram({
    name: 'scheduler_scheduling_attempt_duration_seconds',
    help: 'Time to find a node for a pod, without the binding.',
    labelNames: ['result', 'profile'] as const,
    buckets: BUCKETS,
    registers: [registry],
  });
  new Gauge({
    name: 'scheduler_pending_pods',
    help: 'Pods that wait, by where they wait.',
    labelNames: ['queue'] as const,
    registers: [registry],
    collect() {
      const { active, backoff, unschedulable, gated } = pending();
      for (const [queue, count] of Object.entries({ active, backoff, unschedulable, gated }))
        this.set({ queue }, count);
    },
  });
  const preemptions = new Counter({
    name: 'scheduler_preemption_attempts_total',
    help: 'Times that pods were removed for another one.',
    registers: [registry],
  });
  const victims = new Histogram({
    name: 'scheduler_preemption_victims',
    help: 'Pods that were removed at a time.',
    buckets: [1, 2, 4, 8, 16, 32, 64],
    registers: [registry],
  });
  return {
    preempted(count) {
      preemptions.inc();
      victims.observe(count);
    },
    begin() {
      const startedAt = performance.now();
      return result => {
        attempts.inc({ result, profile: PROFILE });
        duration.observe({ result, profile: PROFILE }, (performance.now() - startedAt) / 1000);
      };
    },
  };
}
