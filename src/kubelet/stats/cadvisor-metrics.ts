import type { LinuxContainerResources } from '../../rpc/cri-api.ts';
import type { Family, Sample } from './metric-text.ts';
import type { ContainerStats, PodStats, PsiStats, Summary } from './summary.ts';

/** What the rows of a container say beside its figures. */
export interface ContainerFacts {
  readonly id: string;
  readonly image: string;
  /** Undefined where the pod is not known any more. */
  readonly resources: LinuxContainerResources | undefined;
}

/** What the rows of a pod say. */
export interface PodFacts {
  readonly sandboxId: string;
  /** `/kubepods/…/pod<uid>`; empty where the pod is not known any more. */
  readonly cgroup: string;
  /** The groups of sandbox and containers by id, where those are not called so (`gantry-<id>.scope`). */
  readonly scopes?: ReadonlyMap<string, string>;
  /** By name. */
  readonly containers: ReadonlyMap<string, ContainerFacts>;
}

export interface MachineFacts {
  readonly labels: { readonly boot_id: string; readonly machine_id: string; readonly system_uuid: string };
  readonly cores: number;
  readonly memoryBytes: number;
  readonly swapBytes: number;
  /** The group of all pods. */
  readonly podsGroup: string;
}

/** A thing with figures and the labels that cAdvisor gives it. */
interface Row {
  readonly labels: Readonly<Record<string, string>>;
  readonly stats: Omit<ContainerStats, 'name'>;
  readonly network?: PodStats['network'];
  readonly processes?: number | undefined;
  readonly resources?: LinuxContainerResources | undefined;
}

/**
 * What /metrics/cadvisor tells: the names that dashboards know, as far as a CRI runtime gives figures for them. Of what cAdvisor reads from block devices and files of its own (reads and
 * writes of devices, sockets, threads, hugetlb) there is nothing. Undefined stands for stats that could not be read. Pure.
 */
export function cadvisorMetrics(
  summary: Summary | undefined,
  facts: ReadonlyMap<string, PodFacts>,
  machine: MachineFacts,
): readonly Family[] {
  const rows =
    summary === undefined ? [] : [...nodeRows(summary, machine), ...summary.pods.flatMap(pod => podRows(pod, facts))];
  const { labels } = machine;
  const one = (name: string, help: string, value: number): Family => ({
    name,
    help,
    type: 'gauge',
    samples: [{ labels, value }],
  });
  return [
    ...usageFamilies(rows),
    ...diskFamilies(rows),
    ...networkFamilies(rows),
    ...pressureFamilies(rows),
    ...specFamilies(rows),
    {
      name: 'container_scrape_error',
      help: '1 if there was an error while getting container metrics, 0 otherwise',
      type: 'gauge',
      samples: [{ labels: {}, value: summary === undefined ? 1 : 0 }],
    },
    one('machine_cpu_cores', 'Number of logical CPU cores.', machine.cores),
    one('machine_memory_bytes', 'Amount of memory installed on the machine.', machine.memoryBytes),
    one('machine_swap_bytes', 'Amount of swap memory available on the machine.', machine.swapBytes),
  ];
}

const NOBODY = { container: '', image: '', name: '', namespace: '', pod: '' };

function nodeRows({ node }: Summary, { podsGroup }: MachineFacts): Row[] {
  const pods = node.systemContainers.find(({ name }) => name === 'pods');
  return [
    { labels: { ...NOBODY, id: '/' }, stats: node, network: node.network },
    ...(pods === undefined ? [] : [{ labels: { ...NOBODY, id: podsGroup }, stats: pods }]),
  ];
}

function podRows(pod: PodStats, facts: ReadonlyMap<string, PodFacts>): Row[] {
  const known = facts.get(pod.podRef.uid);
  const { namespace, name } = pod.podRef;
  const group = known?.cgroup ?? '';
  const groupOf = (id: string): string => `${group}/${known?.scopes?.get(id) ?? id}`;
  const processes = pod.process_stats?.process_count;
  const { cpu, memory, io, swap, startTime, network } = pod;
  return [
    // the network is the sandbox's, and so has its name
    { labels: { ...NOBODY, id: group, namespace, pod: name }, stats: { cpu, memory, io, swap, startTime }, processes },
    {
      labels: {
        ...NOBODY,
        id: groupOf(known?.sandboxId ?? ''),
        name: known?.sandboxId ?? '',
        namespace,
        pod: name,
      },
      stats: { startTime: 0 },
      network,
    },
    ...pod.containers.map(stats => {
      const { id = '', image = '', resources } = known?.containers.get(stats.name) ?? {};
      return {
        labels: { container: stats.name, id: groupOf(id), image, name: id, namespace, pod: name },
        stats,
        resources,
      };
    }),
  ];
}

type Pick = (row: Row) => readonly (Sample | undefined)[];

function family(name: string, help: string, type: Family['type'], rows: readonly Row[], pick: Pick): Family {
  return { name, help, type, samples: rows.flatMap(pick).filter(sample => sample !== undefined) };
}

function sample(
  row: Row,
  value: number | undefined,
  at: number | undefined,
  more: Readonly<Record<string, string>> = {},
) {
  return value === undefined ? undefined : { labels: { ...more, ...row.labels }, value, at };
}

function usageFamilies(rows: readonly Row[]): Family[] {
  const memory = (
    name: string,
    help: string,
    of: (memory: NonNullable<Row['stats']['memory']>) => number | undefined,
  ): Family =>
    family(name, help, 'gauge', rows, row => [
      row.stats.memory && sample(row, of(row.stats.memory), row.stats.memory.time),
    ]);
  return [
    family('container_cpu_usage_seconds_total', 'Cumulative cpu time consumed in seconds.', 'counter', rows, row => [
      row.stats.cpu?.usageCoreNanoSeconds === undefined
        ? undefined
        : sample(row, row.stats.cpu.usageCoreNanoSeconds / 1e9, row.stats.cpu.time, { cpu: 'total' }),
    ]),
    memory('container_memory_rss', 'Size of RSS in bytes.', each => each.rssBytes),
    family('container_memory_swap', 'Container swap usage in bytes.', 'gauge', rows, row => [
      sample(row, row.stats.swap?.swapUsageBytes, row.stats.swap?.time),
    ]),
    memory(
      'container_memory_usage_bytes',
      'Current memory usage in bytes, including all memory regardless of when it was accessed',
      each => each.usageBytes,
    ),
    memory('container_memory_working_set_bytes', 'Current working set in bytes.', each => each.workingSetBytes),
    family(
      'container_memory_failures_total',
      'Cumulative count of memory allocation failures.',
      'counter',
      rows,
      row => {
        const { memory: used } = row.stats;
        // one container is one group: what it has of its own is what it has with all below it
        const scopes = row.labels['container'] === '' ? ['hierarchy'] : ['container', 'hierarchy'];
        return scopes.flatMap(scope => [
          sample(row, used?.pageFaults, used?.time, { failure_type: 'pgfault', scope }),
          sample(row, used?.majorPageFaults, used?.time, { failure_type: 'pgmajfault', scope }),
        ]);
      },
    ),
    family('container_processes', 'Number of processes running inside the container.', 'gauge', rows, row => [
      sample(row, row.processes, row.stats.cpu?.time),
    ]),
    family('container_last_seen', 'Last time a container was seen by the exporter', 'gauge', rows, row => [
      row.stats.cpu && sample(row, Math.trunc(row.stats.cpu.time / 1000), row.stats.cpu.time),
    ]),
    family(
      'container_start_time_seconds',
      'Start time of the container since unix epoch in seconds.',
      'gauge',
      rows,
      row => [row.stats.startTime > 0 ? sample(row, Math.trunc(row.stats.startTime / 1000), undefined) : undefined],
    ),
  ];
}

function diskFamilies(rows: readonly Row[]): Family[] {
  const disk = (
    name: string,
    help: string,
    of: (fs: NonNullable<ContainerStats['rootfs']>) => number | undefined,
  ): Family =>
    family(name, help, 'gauge', rows, row => [
      row.stats.rootfs && sample(row, of(row.stats.rootfs), row.stats.rootfs.time, { device: '' }),
    ]);
  return [
    disk(
      'container_fs_usage_bytes',
      'Number of bytes that are consumed by the container on this filesystem.',
      fs => fs.usedBytes,
    ),
    disk(
      'container_fs_limit_bytes',
      'Number of bytes that can be consumed by the container on this filesystem.',
      fs => fs.capacityBytes,
    ),
    disk('container_fs_inodes_free', 'Number of available Inodes', fs => fs.inodesFree),
    disk('container_fs_inodes_total', 'Number of Inodes', fs => fs.inodes),
  ];
}

function networkFamilies(rows: readonly Row[]): Family[] {
  const counters = [
    ['receive_bytes', 'Cumulative count of bytes received', 'rxBytes'],
    ['receive_errors', 'Cumulative count of errors encountered while receiving', 'rxErrors'],
    ['transmit_bytes', 'Cumulative count of bytes transmitted', 'txBytes'],
    ['transmit_errors', 'Cumulative count of errors encountered while transmitting', 'txErrors'],
  ] as const;
  return counters.map(([name, help, field]) =>
    family(`container_network_${name}_total`, help, 'counter', rows, row =>
      (row.network?.interfaces ?? []).map(each =>
        sample(row, each[field], row.network?.time, { interface: each.name }),
      ),
    ),
  );
}

function pressureFamilies(rows: readonly Row[]): Family[] {
  const resources = {
    cpu: ({ cpu }: Row['stats']) => ({ psi: cpu?.psi, time: cpu?.time }),
    io: ({ io }: Row['stats']) => ({ psi: io?.psi, time: io?.time }),
    memory: ({ memory }: Row['stats']) => ({ psi: memory?.psi, time: memory?.time }),
  };
  return Object.entries(resources).flatMap(([resource, of]) =>
    (['stalled', 'waiting'] as const).map(kind =>
      family(
        `container_pressure_${resource}_${kind}_seconds_total`,
        kind === 'stalled'
          ? `Total time duration no tasks in the container could make progress due to ${WORDS[resource]} congestion.`
          : `Total time duration tasks in the container have waited due to ${WORDS[resource]} congestion.`,
        'counter',
        rows,
        row => {
          const { psi, time } = of(row.stats);
          return [psi && sample(row, (psi satisfies PsiStats)[kind === 'stalled' ? 'full' : 'some'].total / 1e9, time)];
        },
      ),
    ),
  );
}

const WORDS: Readonly<Record<string, string>> = { cpu: 'CPU', io: 'IO', memory: 'memory' };

function specFamilies(rows: readonly Row[]): Family[] {
  const spec = (
    name: string,
    help: string,
    of: (resources: LinuxContainerResources) => bigint,
    always: boolean,
  ): Family =>
    family(`container_spec_${name}`, help, 'gauge', rows, row => {
      const value = row.resources === undefined ? 0n : of(row.resources);
      return [
        row.resources !== undefined && (always || value > 0n) ? sample(row, Number(value), undefined) : undefined,
      ];
    });
  return [
    spec('cpu_period', 'CPU period of the container.', each => each.cpuPeriod, false),
    spec('cpu_quota', 'CPU quota of the container.', each => each.cpuQuota, false),
    spec('cpu_shares', 'CPU share of the container.', each => each.cpuShares, true),
    spec('memory_limit_bytes', 'Memory limit for the container.', each => each.memoryLimitInBytes, true),
  ];
}
