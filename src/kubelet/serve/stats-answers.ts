import { availableParallelism } from 'node:os';
import { errorMessage } from '../../base/errors.ts';
import type { Logger } from '../../daemon/logger.ts';
import type { Registry } from '../../daemon/metrics.ts';
import type { MachineInfo } from '../node/machine-facts.ts';
import { cadvisorMetrics } from '../stats/cadvisor-metrics.ts';
import { type Family, METRIC_TEXT_TYPE, metricText } from '../stats/metric-text.ts';
import { resourceMetrics } from '../stats/resource-metrics.ts';
import type { StatsProvider } from '../stats/stats-provider.ts';
import { type Summary, summaryJson } from '../stats/summary.ts';
import { Refusal } from './refusal.ts';

export interface StatsAnswersOptions {
  readonly provider: StatsProvider;
  readonly machine: MachineInfo;
  readonly memoryBytes: number;
  /** What probes count: upstream tells it under a path of its own. */
  readonly probes: Registry;
  readonly log: Logger;
}

/** What GET /stats/summary, /metrics/resource, /metrics/cadvisor and /metrics/probes answer. */
export class StatsAnswers {
  readonly #options: StatsAnswersOptions;

  constructor(options: StatsAnswersOptions) {
    this.#options = options;
  }

  /** Undefined for any other path. Rejects with 500 where a summary cannot be had; metrics say so in a row of their own, as upstream. */
  async answer(path: string, query: URLSearchParams): Promise<{ type: string; body: string } | undefined> {
    const { provider, machine, memoryBytes, probes } = this.#options;
    switch (path) {
      case '/stats/summary':
      case '/stats/summary/': {
        const only = query.get('only_cpu_and_memory') === 'true';
        try {
          const summary = await (only ? provider.cpuAndMemory() : provider.summary());
          return { type: 'application/json', body: summaryJson(summary) };
        } catch (error) {
          throw new Refusal(500, `Internal Error: failed to list pod stats: ${errorMessage(error)}`);
        }
      }
      case '/metrics/resource':
        return metrics(resourceMetrics(await this.#read(() => provider.cpuAndMemory())));
      case '/metrics/cadvisor': {
        const [summary, facts] = await Promise.all([
          this.#read(() => provider.summary()),
          this.#read(() => provider.podFacts()),
        ]);
        const { bootID, machineID, systemUUID, swapBytes } = machine;
        const labels = { boot_id: bootID, machine_id: machineID, system_uuid: systemUUID };
        const cores = availableParallelism();
        return metrics(
          cadvisorMetrics(summary, facts ?? new Map(), {
            labels,
            cores,
            memoryBytes,
            swapBytes,
            podsGroup: provider.podsGroup,
          }),
        );
      }
      case '/metrics/probes':
        return { type: probes.contentType, body: await probes.metrics() };
      default:
        return undefined;
    }
  }

  async #read<T extends Summary | ReadonlyMap<string, unknown>>(read: () => Promise<T>): Promise<T | undefined> {
    try {
      return await read();
    } catch (error) {
      this.#options.log.warn({ because: errorMessage(error) }, 'the runtime did not tell what its pods use');
      return undefined;
    }
  }
}

function metrics(families: readonly Family[]): { type: string; body: string } {
  return { type: METRIC_TEXT_TYPE, body: metricText(families) };
}
