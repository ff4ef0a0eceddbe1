import type { Family, Sample } from './metric-text.ts';
import type { ContainerStats, PodStats, Summary } from './summary.ts';

type Labels = Readonly<Record<string, string>>;

/** One thing with figures: the node, a pod, a container. */
interface Row {
  readonly labels: Labels;
  readonly stats: Pick<ContainerStats, 'cpu' | 'memory' | 'swap'>;
}

/**
 * What /metrics/resource tells: upstream's names, labels and types, by which metrics-server and autoscalers live. Undefined stands for stats that could not be read: then there is
 * the word that they could not. Pure.
 */
export function resourceMetrics(summary: Summary | undefined): readonly Family[] {
  const failed = summary === undefined ? 1 : 0;
  const error = (name: string): Family => ({
    name,
    help: '1 if there was an error while getting container metrics, 0 otherwise',
    type: 'gauge',
    samples: [{ labels: {}, value: failed }],
  });
  const node: Row[] = summary === undefined ? [] : [{ labels: {}, stats: summary.node }];
  const pods = (summary?.pods ?? []).map(pod => ({ labels: podLabels(pod), stats: pod }));
  const containers = (summary?.pods ?? []).flatMap(pod =>
    pod.containers.map(stats => ({ labels: { container: stats.name, ...podLabels(pod) }, stats })),
  );
  const of = (rows: readonly Row[], sample: (row: Row) => Sample | undefined): Sample[] =>
    rows.flatMap(row => sample(row) ?? []);
  return [
    ...usage('container', containers, of),
    {
      name: 'container_start_time_seconds',
      help: 'Start time of the container since unix epoch in seconds',
      type: 'gauge',
      samples: containers
        .filter(({ stats }) => stats.startTime > 0)
        .map(({ labels, stats }) => ({ labels, value: stats.startTime / 1000 })),
    },
    {
      name: 'container_swap_limit_bytes',
      help: 'Current amount of the container swap limit in bytes. Reported only on non-windows systems',
      type: 'gauge',
      samples: of(containers, ({ labels, stats: { swap } }) =>
        swap?.swapAvailableBytes === undefined
          ? undefined
          : { labels, value: swap.swapAvailableBytes + (swap.swapUsageBytes ?? 0), at: swap.time },
      ),
    },
    ...usage('node', node, of),
    ...usage('pod', pods, of),
    error('resource_scrape_error'),
    error('scrape_error'),
  ];
}

function usage(
  what: 'container' | 'node' | 'pod',
  rows: readonly Row[],
  of: (rows: readonly Row[], sample: (row: Row) => Sample | undefined) => Sample[],
): Family[] {
  return [
    {
      name: `${what}_cpu_usage_seconds_total`,
      help: `Cumulative cpu time consumed by the ${what} in core-seconds`,
      type: 'counter',
      samples: of(rows, ({ labels, stats: { cpu } }) =>
        cpu?.usageCoreNanoSeconds === undefined
          ? undefined
          : { labels, value: cpu.usageCoreNanoSeconds / 1e9, at: cpu.time },
      ),
    },
    {
      name: `${what}_memory_working_set_bytes`,
      help: `Current working set of the ${what} in bytes`,
      type: 'gauge',
      samples: of(rows, ({ labels, stats: { memory } }) =>
        memory?.workingSetBytes === undefined ? undefined : { labels, value: memory.workingSetBytes, at: memory.time },
      ),
    },
    {
      name: `${what}_swap_usage_bytes`,
      help: `Current ${what === 'node' ? 'swap usage of the node' : `amount of the ${what} swap usage`} in bytes. Reported only on non-windows systems`,
      type: 'gauge',
      samples: of(rows, ({ labels, stats: { swap } }) =>
        swap?.swapUsageBytes === undefined ? undefined : { labels, value: swap.swapUsageBytes, at: swap.time },
      ),
    },
  ];
}

function podLabels({ podRef }: PodStats): Labels {
  return { namespace: podRef.namespace, pod: podRef.name };
}
