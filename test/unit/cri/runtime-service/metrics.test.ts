import { describe, expect, it } from 'vitest';
import { METRICS, metricDescriptors } from '../../../../src/cri/runtime-service/metric-descriptors.ts';
import {
  type ContainerReading,
  containerMetrics,
  sandboxMetrics,
} from '../../../../src/cri/runtime-service/metrics-message.ts';
import { cgroupCounters } from '../../../../src/linux/cgroup-counters.ts';
import { cgroupUsage } from '../../../../src/linux/cgroup-usage.ts';
import { ContainerConfig, type Metric, MetricType } from '../../../../src/rpc/cri-api.ts';
import { containerRecord, idOf, sandboxRecord } from '../records.ts';

const descriptorOf = new Map(metricDescriptors().map(each => [each.name, each]));
const POD = { name: 'web', namespace: 'shop', uid: 'u', attempt: 0 };

const reading = (more: Partial<ContainerReading> = {}): ContainerReading => ({
  at: 1_700_000_000,
  usage: cgroupUsage(2, () => undefined),
  counters: cgroupCounters(2, () => undefined, []),
  files: { descriptors: 7, sockets: 2 },
  processes: 3,
  filesLimit: 1024,
  written: 4096,
  filesystem: { device: '/dev/sda1', bytes: 1e9, inodes: 1000, freeInodes: 400 },
  deviceName: (major, minor) => `/dev/${major}-${minor}`,
  ...more,
});

const record = containerRecord({
  startedAt: 1_600_000_000_999_999_999n,
  config: ContainerConfig.fromPartial({
    metadata: { name: 'main', attempt: 0 },
    image: { image: 'sha256:1', userSpecifiedImage: 'busybox:1' },
    linux: { resources: { cpuQuota: 20_000n, cpuPeriod: 100_000n, cpuShares: 1024n, memoryLimitInBytes: -1n } },
  }),
});

/** `name{label="value",…}` of what is not empty, as Prometheus writes it. */
function written(metrics: readonly Metric[]): Map<string, bigint | undefined> {
  return new Map(
    metrics.map(({ name, labelValues, value }) => {
      const keys = descriptorOf.get(name)?.labelKeys ?? [];
      const own = keys.slice(5).map((key, at) => `${key}="${labelValues[at + 5]}"`);
      return [own.length === 0 ? name : `${name}{${own.join(',')}}`, value?.value];
    }),
  );
}

describe('the metrics of a container', () => {
  it('have a value for each label of their descriptor, and its type', () => {
    const counters = cgroupCounters(
      2,
      (_, file) =>
        file === 'io.stat' ? '8:0 rbytes=1 wbytes=2 rios=3 wios=4' : file === 'hugetlb.2MB.current' ? '5' : undefined,
      ['2MB'],
    );
    const metrics = containerMetrics(POD, record, reading({ counters }));
    expect(metrics.length).toBeGreaterThan(15);
    for (const { name, labelValues, metricType, timestamp } of metrics) {
      expect([name, labelValues.length]).toEqual([name, descriptorOf.get(name)?.labelKeys.length]);
      expect(labelValues.slice(0, 5)).toEqual(['web', 'shop', 'main', record.id, 'busybox:1']);
      const counts = /(_total|failcnt)$/.test(name) && name !== 'container_fs_inodes_total';
      expect(metricType).toBe(counts ? MetricType.COUNTER : MetricType.GAUGE);
      expect(timestamp).toBe(0n);
    }
    expect(written(metrics)).toEqual(
      new Map([
        ['container_fs_usage_bytes{device="/dev/sda1"}', 4096n],
        ['container_fs_limit_bytes{device="/dev/sda1"}', 1_000_000_000n],
        ['container_fs_inodes_total{device="/dev/sda1"}', 1000n],
        ['container_fs_inodes_free{device="/dev/sda1"}', 400n],
        ['container_blkio_device_usage_total{device="/dev/8-0",major="8",minor="0",operation="Read"}', 1n],
        ['container_fs_reads_bytes_total{device="/dev/8-0"}', 1n],
        ['container_fs_reads_total{device="/dev/8-0"}', 3n],
        ['container_blkio_device_usage_total{device="/dev/8-0",major="8",minor="0",operation="Write"}', 2n],
        ['container_fs_writes_bytes_total{device="/dev/8-0"}', 2n],
        ['container_fs_writes_total{device="/dev/8-0"}', 4n],
        ['container_hugetlb_usage_bytes{pagesize="2MB"}', 5n],
        ['container_processes', 3n],
        ['container_file_descriptors', 7n],
        ['container_sockets', 2n],
        ['container_ulimits_soft{ulimit="max_open_files"}', 1024n],
        ['container_last_seen', 1_700_000_000n],
        ['container_start_time_seconds', 1_600_000_000n],
        ['container_spec_cpu_shares', 1024n],
        ['container_spec_cpu_period', 100_000n],
        ['container_spec_cpu_quota', 20_000n],
        ['container_spec_memory_limit_bytes', 0n],
        ['container_spec_memory_swap_limit_bytes', 0n],
      ]),
    );
  });

  it('tell times in whole seconds', () => {
    const cpuStat = 'usage_usec 2999999\nuser_usec 1999999\nsystem_usec 1000000\nthrottled_usec 5500000\n';
    const file = (_: unknown, name: string): string | undefined =>
      name === 'cpu.stat'
        ? cpuStat
        : name === 'io.pressure'
          ? 'some avg10=0.00 avg60=0.00 avg300=0.00 total=7000001\n'
          : undefined;
    const values = written(
      containerMetrics(POD, record, reading({ usage: cgroupUsage(2, file), counters: cgroupCounters(2, file, []) })),
    );
    expect(values.get('container_cpu_usage_seconds_total{cpu="total"}')).toBe(2n);
    expect(values.get('container_cpu_user_seconds_total')).toBe(1n);
    expect(values.get('container_cpu_system_seconds_total')).toBe(1n);
    expect(values.get('container_cpu_cfs_throttled_seconds_total')).toBe(5n);
    expect(values.get('container_pressure_io_waiting_seconds_total')).toBe(7n);
    expect(values.get('container_pressure_io_stalled_seconds_total')).toBe(0n);
  });
});

describe('the metrics of a pod', () => {
  const link = {
    rxBytes: 1,
    rxPackets: 2,
    rxErrors: 3,
    rxDropped: 4,
    txBytes: 5,
    txPackets: 6,
    txErrors: 7,
    txDropped: 8,
  };

  it('are those of its links, without the loopback', () => {
    const metrics = sandboxMetrics(sandboxRecord(), [
      { name: 'lo', ...link },
      { name: 'eth0', ...link },
    ]);
    expect([...written(metrics).values()]).toEqual([1n, 2n, 4n, 3n, 5n, 6n, 8n, 7n]);
    expect(metrics[0]?.labelValues.slice(2)).toEqual(['', idOf('a'), '', 'eth0']);
  });

  it('are none on the network of the machine', () => {
    expect(sandboxMetrics(sandboxRecord(), undefined)).toEqual([]);
  });
});

it('there is a descriptor for each of the 56 metrics, with words and labels', () => {
  expect(Object.keys(METRICS)).toHaveLength(56);
  for (const { help, labelKeys } of descriptorOf.values())
    expect([help.length > 0, labelKeys.slice(0, 5)]).toEqual([true, ['pod', 'namespace', 'container', 'id', 'image']]);
});
