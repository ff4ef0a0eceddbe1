import { type MetricDescriptor, MetricType } from '../../rpc/cri-api.ts';

/** Labels that every metric has, in containerd's order. A pod's own metrics leave `container` and `image` empty. */
const BASE_LABELS = ['pod', 'namespace', 'container', 'id', 'image'];

interface Described {
  readonly type: MetricType;
  readonly help: string;
  /** Labels after those that every metric has. */
  readonly labels: readonly string[];
}

const counter = (help: string, ...labels: string[]): Described => ({ type: MetricType.COUNTER, help, labels });
const gauge = (help: string, ...labels: string[]): Described => ({ type: MetricType.GAUGE, help, labels });

/**
 * The metrics of cAdvisor that kubelets pass on in /metrics/cadvisor: the names, types and labels are its own. Values are whole numbers in the CRI, so times are
 * whole seconds, as with upstream's runtimes.
 */
export const METRICS = {
  container_cpu_user_seconds_total: counter('CPU time in user mode, in seconds'),
  container_cpu_system_seconds_total: counter('CPU time in kernel mode, in seconds'),
  container_cpu_usage_seconds_total: counter('CPU time in all, in seconds', 'cpu'),
  container_cpu_cfs_periods_total: counter('Periods of the CPU limit that have gone by'),
  container_cpu_cfs_throttled_periods_total: counter('Periods in which the CPU limit was reached'),
  container_cpu_cfs_throttled_seconds_total: counter('Time held back by the CPU limit, in seconds'),

  container_memory_cache: gauge('Page cache in bytes'),
  container_memory_rss: gauge('Anonymous memory in bytes'),
  container_memory_kernel_usage: gauge('Memory of the kernel for the container, in bytes'),
  container_memory_mapped_file: gauge('Files mapped into memory, in bytes'),
  container_memory_swap: gauge('Swap in bytes'),
  container_memory_failcnt: counter('How often the memory limit was reached'),
  container_memory_usage_bytes: gauge('Memory in bytes, whenever it was used last'),
  container_memory_max_usage_bytes: gauge('The most memory that was ever used, in bytes'),
  container_memory_working_set_bytes: gauge('Memory without file pages that nobody has used lately, in bytes'),
  container_memory_failures_total: counter('Page faults by type', 'failure_type', 'scope'),
  container_oom_events_total: counter('Processes killed because memory ran out'),

  container_fs_inodes_free: gauge('Free inodes of the file system of the writable layer', 'device'),
  container_fs_inodes_total: gauge('Inodes of the file system of the writable layer', 'device'),
  container_fs_limit_bytes: gauge('Size of the file system of the writable layer', 'device'),
  container_fs_usage_bytes: gauge('What the container has written into its root file system, in bytes', 'device'),
  container_fs_reads_bytes_total: counter('Bytes read from a block device', 'device'),
  container_fs_reads_total: counter('Reads from a block device', 'device'),
  container_fs_writes_bytes_total: counter('Bytes written to a block device', 'device'),
  container_fs_writes_total: counter('Writes to a block device', 'device'),
  container_blkio_device_usage_total: counter(
    'Bytes moved to and from a block device by operation',
    'device',
    'major',
    'minor',
    'operation',
  ),

  container_hugetlb_usage_bytes: gauge('Huge pages in bytes', 'pagesize'),
  container_hugetlb_max_usage_bytes: gauge('The most huge pages that were ever used, in bytes', 'pagesize'),

  container_network_receive_bytes_total: counter('Bytes received', 'interface'),
  container_network_receive_packets_total: counter('Packets received', 'interface'),
  container_network_receive_packets_dropped_total: counter('Packets dropped while receiving', 'interface'),
  container_network_receive_errors_total: counter('Errors while receiving', 'interface'),
  container_network_transmit_bytes_total: counter('Bytes sent', 'interface'),
  container_network_transmit_packets_total: counter('Packets sent', 'interface'),
  container_network_transmit_packets_dropped_total: counter('Packets dropped while sending', 'interface'),
  container_network_transmit_errors_total: counter('Errors while sending', 'interface'),

  container_file_descriptors: gauge('Open file descriptors'),
  container_sockets: gauge('Open sockets'),
  container_processes: gauge('Processes'),
  container_threads: gauge('Threads'),
  container_threads_max: gauge('The most threads that are allowed; 0 for any number'),
  container_ulimits_soft: gauge('Soft limits of the first process', 'ulimit'),

  container_last_seen: gauge('When this was read, in seconds since 1970'),
  container_start_time_seconds: gauge('When the container was started, in seconds since 1970'),

  container_spec_cpu_period: gauge('Period of the CPU limit in microseconds'),
  container_spec_cpu_quota: gauge('CPU limit in microseconds for each period'),
  container_spec_cpu_shares: gauge('CPU shares'),
  container_spec_memory_limit_bytes: gauge('Memory limit in bytes; 0 for none'),
  container_spec_memory_reservation_limit_bytes: gauge(
    'Memory that the kernel tries to leave to the container, in bytes',
  ),
  container_spec_memory_swap_limit_bytes: gauge('Limit of memory and swap together in bytes; 0 for none'),

  container_pressure_cpu_stalled_seconds_total: counter('Time in which every process waited for CPU, in seconds'),
  container_pressure_cpu_waiting_seconds_total: counter('Time in which some process waited for CPU, in seconds'),
  container_pressure_io_stalled_seconds_total: counter('Time in which every process waited for a disk, in seconds'),
  container_pressure_io_waiting_seconds_total: counter('Time in which some process waited for a disk, in seconds'),
  container_pressure_memory_stalled_seconds_total: counter('Time in which every process waited for memory, in seconds'),
  container_pressure_memory_waiting_seconds_total: counter('Time in which some process waited for memory, in seconds'),
} as const satisfies Readonly<Record<string, Described>>;

export type MetricName = keyof typeof METRICS;

/** What ListMetricDescriptors answers. Pure. */
export function metricDescriptors(): MetricDescriptor[] {
  return Object.entries(METRICS).map(([name, { help, labels }]) => ({
    name,
    help,
    labelKeys: [...BASE_LABELS, ...labels],
  }));
}
