import { describe, expect, it } from 'vitest';
import { cgroupCounters } from '../../../src/linux/cgroup-counters.ts';
import type { CgroupFile } from '../../../src/linux/cgroup-usage.ts';

const filesOf =
  (files: Readonly<Record<string, string>>): CgroupFile =>
  (_controller, file) =>
    files[file];

const V1 = {
  'cpuacct.usage_user': '1500000000\n',
  'cpuacct.usage_sys': '500000000\n',
  'cpu.stat': 'nr_periods 10\nnr_throttled 3\nthrottled_time 2000000000\n',
  'memory.stat':
    'cache 1\npgfault 5\npgmajfault 1\ntotal_cache 4096\ntotal_mapped_file 8192\ntotal_pgfault 7\ntotal_pgmajfault 2\n',
  'memory.kmem.usage_in_bytes': '12288\n',
  'memory.failcnt': '4\n',
  'memory.max_usage_in_bytes': '65536\n',
  'memory.soft_limit_in_bytes': '9223372036854771712\n',
  'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 6\n',
  'pids.max': 'max\n',
  'hugetlb.2MB.usage_in_bytes': '2097152\n',
  'hugetlb.2MB.max_usage_in_bytes': '4194304\n',
  'blkio.throttle.io_service_bytes_recursive': '8:0 Read 4096\n8:0 Write 100\n8:0 Total 4196\nTotal 4196\n',
  'blkio.throttle.io_serviced_recursive': '8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n',
};

const V2 = {
  'cpu.stat':
    'usage_usec 2000000\nuser_usec 1500000\nsystem_usec 500000\nnr_periods 10\nnr_throttled 3\nthrottled_usec 2000000\n',
  'memory.stat': 'anon 1\nfile 4096\nkernel 12288\nfile_mapped 8192\npgfault 7\npgmajfault 2\n',
  'memory.peak': '65536\n',
  'memory.min': '1024\n',
  'memory.events': 'low 0\nhigh 0\nmax 4\noom 1\noom_kill 6\n',
  'pids.max': '100\n',
  'hugetlb.2MB.current': '2097152\n',
  'io.stat': '8:0 rbytes=4096 wbytes=100 rios=1 wios=2 dbytes=0 dios=0\n',
};

const CPU = {
  userNanoseconds: 1.5e9,
  systemNanoseconds: 0.5e9,
  periods: 10,
  throttledPeriods: 3,
  throttledNanoseconds: 2e9,
};
const DISK = [
  { major: 8, minor: 0, operation: 'Read', bytes: 4096, operations: 1 },
  { major: 8, minor: 0, operation: 'Write', bytes: 100, operations: 2 },
];

describe('what a group has counted', () => {
  it('on v1 is that of the group with all below, page faults apart', () => {
    expect(cgroupCounters(1, filesOf(V1), ['2MB', '1GB'])).toEqual({
      cpu: CPU,
      memory: {
        cache: 4096,
        mappedFiles: 8192,
        kernel: 12_288,
        limitHits: 4,
        most: 65_536,
        oomKills: 6,
        pageFaults: { own: 5, all: 7 },
        majorPageFaults: { own: 1, all: 2 },
        reservation: 0,
      },
      hugePages: [{ pageSize: '2MB', used: 2_097_152, most: 4_194_304 }],
      blocks: [...DISK, { major: 8, minor: 0, operation: 'Total', bytes: 4196, operations: 3 }],
      mostTasks: 0,
    });
  });

  it('on v2 is the same from other files', () => {
    expect(cgroupCounters(2, filesOf(V2), ['2MB', '1GB'])).toEqual({
      cpu: CPU,
      memory: {
        cache: 4096,
        mappedFiles: 8192,
        kernel: 12_288,
        limitHits: 4,
        most: 65_536,
        oomKills: 6,
        pageFaults: { own: 7, all: 7 },
        majorPageFaults: { own: 2, all: 2 },
        reservation: 1024,
      },
      hugePages: [{ pageSize: '2MB', used: 2_097_152, most: undefined }],
      blocks: DISK,
      mostTasks: 100,
    });
  });

  it.each([1, 2] as const)('on v%i is nothing where there is no group', version => {
    expect(cgroupCounters(version, () => undefined, ['2MB'])).toEqual({
      cpu: undefined,
      memory: undefined,
      hugePages: [],
      blocks: [],
      mostTasks: undefined,
    });
  });

  it('adds the parts of the kernel up where it does not itself', () => {
    const file = filesOf({ 'memory.stat': 'kernel_stack 1\npagetables 2\npercpu 4\nsock 8\nslab 16\n' });
    expect(cgroupCounters(2, file, []).memory?.kernel).toBe(31);
  });
});
