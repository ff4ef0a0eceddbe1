import type { CgroupCounters } from '../../linux/cgroup-counters.ts';
import type { CgroupUsage, Pressure } from '../../linux/cgroup-usage.ts';
import type { FilesystemSize } from '../../linux/filesystem-size.ts';
import type { OpenFiles } from '../../linux/process-files.ts';
import type { LinkCounters } from '../../linux/procfs.ts';
import type { Metric } from '../../rpc/cri-api.ts';
import type { ContainerRecord } from '../store/container-record.ts';
import type { SandboxRecord } from '../store/sandbox-record.ts';
import { METRICS, type MetricName } from './metric-descriptors.ts';

/** What was read of a container. */
export interface ContainerReading {
  /** Seconds since 1970. */
  readonly at: number;
  readonly usage: CgroupUsage;
  readonly counters: CgroupCounters;
  readonly files: OpenFiles;
  readonly processes: number;
  /** The soft limit of open files of its first process. */
  readonly filesLimit: number | undefined;
  /** What it has written into its root file system, and the file system on which that lies. */
  readonly written: number | undefined;
  readonly filesystem: FilesystemSize;
  /** `/dev/sda` of a block device. */
  deviceName(major: number, minor: number): string;
}

type Row = readonly [MetricName, number | bigint | undefined, ...string[]];

/** The metrics of a container; what its kernel does not tell is left out. Pure. */
export function containerMetrics(
  pod: SandboxRecord['config']['metadata'],
  record: ContainerRecord,
  reading: ContainerReading,
): Metric[] {
  const { config } = record;
  const image = config.image?.userSpecifiedImage || config.image?.image || '';
  const labels = [pod?.name ?? '', pod?.namespace ?? '', config.metadata?.name ?? '', record.id, image];
  return metricsOf(labels, [
    ...cpuRows(reading),
    ...memoryRows(reading),
    ...fileSystemRows(reading),
    ...blockRows(reading),
    ...hugePageRows(reading),
    ...processRows(reading),
    ...specRows(record, reading),
    ...pressureRows(reading.usage.pressure),
  ]);
}

/** The metrics of a pod's own network; none where it is on the machine's, whose links are not the pod's. Pure. */
export function sandboxMetrics(record: SandboxRecord, links: readonly LinkCounters[] | undefined): Metric[] {
  const { metadata } = record.config;
  const labels = [metadata?.name ?? '', metadata?.namespace ?? '', '', record.id, ''];
  const rows = (links ?? [])
    .filter(({ name }) => name !== 'lo')
    .flatMap((link): Row[] => [
      ['container_network_receive_bytes_total', link.rxBytes, link.name],
      ['container_network_receive_packets_total', link.rxPackets, link.name],
      ['container_network_receive_packets_dropped_total', link.rxDropped, link.name],
      ['container_network_receive_errors_total', link.rxErrors, link.name],
      ['container_network_transmit_bytes_total', link.txBytes, link.name],
      ['container_network_transmit_packets_total', link.txPackets, link.name],
      ['container_network_transmit_packets_dropped_total', link.txDropped, link.name],
      ['container_network_transmit_errors_total', link.txErrors, link.name],
    ]);
  return metricsOf(labels, rows);
}

/** Timestamp 0 says that the value was read just now. */
function metricsOf(base: readonly string[], rows: readonly Row[]): Metric[] {
  return rows.flatMap(([name, value, ...labels]) =>
    value === undefined
      ? []
      : [
          {
            name,
            timestamp: 0n,
            metricType: METRICS[name].type,
            labelValues: labels.length === 0 ? base : [...base, ...labels],
            value: { value: typeof value === 'bigint' ? value : BigInt(Math.max(0, Math.trunc(value))) },
          },
        ],
  );
}

const NANOSECONDS = 1_000_000_000;
const seconds = (nanoseconds: bigint): bigint => nanoseconds / BigInt(NANOSECONDS);

function cpuRows({ usage, counters: { cpu } }: ContainerReading): Row[] {
  const { cpuNanoseconds } = usage;
  return [
    ['container_cpu_usage_seconds_total', cpuNanoseconds === undefined ? undefined : seconds(cpuNanoseconds), 'total'],
    ['container_cpu_user_seconds_total', cpu && cpu.userNanoseconds / NANOSECONDS],
    ['container_cpu_system_seconds_total', cpu && cpu.systemNanoseconds / NANOSECONDS],
    ['container_cpu_cfs_periods_total', cpu?.periods],
    ['container_cpu_cfs_throttled_periods_total', cpu?.throttledPeriods],
    ['container_cpu_cfs_throttled_seconds_total', cpu && cpu.throttledNanoseconds / NANOSECONDS],
  ];
}

function memoryRows({ usage, counters: { memory } }: ContainerReading): Row[] {
  return [
    ['container_memory_usage_bytes', usage.memory?.used],
    ['container_memory_working_set_bytes', usage.memory?.workingSet],
    ['container_memory_rss', usage.memory?.rss],
    // a kernel without accounting of swap, or without swap, has none in use
    ['container_memory_swap', usage.memory && (usage.swap?.used ?? 0)],
    ['container_memory_cache', memory?.cache],
    ['container_memory_kernel_usage', memory?.kernel],
    ['container_memory_mapped_file', memory?.mappedFiles],
    ['container_memory_failcnt', memory?.limitHits],
    ['container_memory_max_usage_bytes', memory?.most],
    ['container_memory_failures_total', memory?.pageFaults.own, 'pgfault', 'container'],
    ['container_memory_failures_total', memory?.pageFaults.all, 'pgfault', 'hierarchy'],
    ['container_memory_failures_total', memory?.majorPageFaults.own, 'pgmajfault', 'container'],
    ['container_memory_failures_total', memory?.majorPageFaults.all, 'pgmajfault', 'hierarchy'],
    ['container_oom_events_total', memory?.oomKills],
  ];
}

function fileSystemRows({ written, filesystem: { device, bytes, inodes, freeInodes } }: ContainerReading): Row[] {
  return [
    ['container_fs_usage_bytes', written, device],
    ['container_fs_limit_bytes', bytes, device],
    ['container_fs_inodes_total', inodes, device],
    ['container_fs_inodes_free', freeInodes, device],
  ];
}

function blockRows({ counters, deviceName }: ContainerReading): Row[] {
  return counters.blocks.flatMap(({ major, minor, operation, bytes, operations }): Row[] => {
    const device = deviceName(major, minor);
    const usage: Row = ['container_blkio_device_usage_total', bytes, device, `${major}`, `${minor}`, operation];
    if (operation === 'Read')
      return [
        usage,
        ['container_fs_reads_bytes_total', bytes, device],
        ['container_fs_reads_total', operations, device],
      ];
    if (operation === 'Write')
      return [
        usage,
        ['container_fs_writes_bytes_total', bytes, device],
        ['container_fs_writes_total', operations, device],
      ];
    return [usage];
  });
}

function hugePageRows({ counters }: ContainerReading): Row[] {
  return counters.hugePages.flatMap(({ pageSize, used, most }): Row[] => [
    ['container_hugetlb_usage_bytes', used, pageSize],
    ['container_hugetlb_max_usage_bytes', most, pageSize],
  ]);
}

function processRows({ usage, counters, files, processes, filesLimit }: ContainerReading): Row[] {
  return [
    ['container_processes', processes],
    ['container_threads', usage.tasks],
    ['container_threads_max', counters.mostTasks],
    ['container_file_descriptors', files.descriptors],
    ['container_sockets', files.sockets],
    ['container_ulimits_soft', filesLimit, 'max_open_files'],
  ];
}

/** Limits as they were asked for; what was not is 0. */
function specRows({ config, startedAt, createdAt = 0n }: ContainerRecord, { at, counters }: ContainerReading): Row[] {
  const resources = config.linux?.resources;
  const limit = (value: bigint | undefined): bigint => (value === undefined || value < 0n ? 0n : value);
  return [
    ['container_last_seen', at],
    ['container_start_time_seconds', seconds(startedAt ?? createdAt)],
    ['container_spec_cpu_shares', limit(resources?.cpuShares)],
    ['container_spec_cpu_period', limit(resources?.cpuPeriod)],
    // cAdvisor leaves it out where there is none
    ['container_spec_cpu_quota', limit(resources?.cpuQuota) > 0n ? resources?.cpuQuota : undefined],
    ['container_spec_memory_limit_bytes', limit(resources?.memoryLimitInBytes)],
    ['container_spec_memory_swap_limit_bytes', limit(resources?.memorySwapLimitInBytes)],
    ['container_spec_memory_reservation_limit_bytes', counters.memory?.reservation],
  ];
}

function pressureRows({ cpu, memory, io }: CgroupUsage['pressure']): Row[] {
  const rows = (resource: 'cpu' | 'memory' | 'io', pressure: Pressure | undefined): Row[] => [
    [`container_pressure_${resource}_stalled_seconds_total`, pressure && seconds(pressure.full.totalNanoseconds)],
    [`container_pressure_${resource}_waiting_seconds_total`, pressure && seconds(pressure.some.totalNanoseconds)],
  ];
  return [...rows('cpu', cpu), ...rows('memory', memory), ...rows('io', io)];
}
