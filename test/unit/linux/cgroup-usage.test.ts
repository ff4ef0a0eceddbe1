import { describe, expect, it } from 'vitest';
import { parseCgroupLayout } from '../../../src/linux/cgroup-layout.ts';
import { controllerMount } from '../../../src/linux/cgroup-reading.ts';
import { cgroupUsage, parseFlatKeyed, parsePressure } from '../../../src/linux/cgroup-usage.ts';

const PRESSURE = `some avg10=1.50 avg60=0.25 avg300=0.00 total=1234567
full avg10=0.50 avg60=0.10 avg300=0.00 total=234567
`;
const LINE = { avg10: 1.5, avg60: 0.25, avg300: 0, totalNanoseconds: 1_234_567_000n };
const FULL = { avg10: 0.5, avg60: 0.1, avg300: 0, totalNanoseconds: 234_567_000n };

/** A container of 64 MiB whose program wrote a file of 8 MiB and read it long ago. */
const V1: Record<string, string> = {
  'cpuacct/cpuacct.usage': '9876543210123\n',
  'memory/memory.usage_in_bytes': '20971520\n',
  'memory/memory.limit_in_bytes': '67108864\n',
  'memory/memory.stat': `cache 0
rss 4096
inactive_file 12288
pgfault 1
pgmajfault 2
hierarchical_memory_limit 67108864
total_cache 8392704
total_rss 12578816
total_pgfault 3001
total_pgmajfault 7
total_inactive_file 8388608
`,
  'pids/pids.current': '3\n',
  'pressure/cpu.pressure': PRESSURE,
};

const V2: Record<string, string> = {
  'cpu/cpu.stat': `usage_usec 9876543210
user_usec 9000000000
system_usec 876543210
nr_periods 10
`,
  'memory/memory.current': '20971520\n',
  'memory/memory.max': '67108864\n',
  'memory/memory.swap.current': '1048576\n',
  'memory/memory.swap.max': '4194304\n',
  'memory/memory.stat': `anon 12578816
file 8392704
inactive_file 8388608
pgfault 3001
pgmajfault 7
`,
  'pids/pids.current': '3\n',
  'pressure/cpu.pressure': PRESSURE,
  'pressure/memory.pressure': PRESSURE,
  'pressure/io.pressure': PRESSURE,
};

const MEMORY = {
  used: 20_971_520,
  workingSet: 12_582_912,
  rss: 12_578_816,
  pageFaults: 3001,
  majorPageFaults: 7,
  limit: 67_108_864,
};

const read =
  (files: Record<string, string>) =>
  (controller: string, file: string): string | undefined =>
    files[`${controller}/${file}`];

describe('the usage of a group', () => {
  it('is read from the files of v1, which count the groups below under total_', () => {
    expect(cgroupUsage(1, read(V1))).toEqual({
      cpuNanoseconds: 9_876_543_210_123n,
      memory: MEMORY,
      swap: undefined,
      tasks: 3,
      pressure: { cpu: { some: LINE, full: FULL }, memory: undefined, io: undefined },
    });
  });

  it('is read from the files of v2', () => {
    const pressure = { some: LINE, full: FULL };
    expect(cgroupUsage(2, read(V2))).toEqual({
      cpuNanoseconds: 9_876_543_210_000n,
      memory: MEMORY,
      swap: { used: 1_048_576, limit: 4_194_304 },
      tasks: 3,
      pressure: { cpu: pressure, memory: pressure, io: pressure },
    });
  });

  it.each([
    ['v1 with the largest number of pages', 1, { ...V1, 'memory/memory.limit_in_bytes': '9223372036854771712\n' }],
    ['v2 with the word max', 2, { ...V2, 'memory/memory.max': 'max\n' }],
  ] as const)('has no memory limit: %s', (_sentence, version, files) => {
    expect(cgroupUsage(version, read(files)).memory).toEqual({ ...MEMORY, limit: undefined });
  });

  it.each([
    ['swap beside memory', '67108864\n', '71303168\n', { used: 1_048_576, limit: 4_194_304 }],
    ['no limit of both', '67108864\n', '9223372036854771712\n', { used: 1_048_576, limit: undefined }],
  ])('counts on v1 what memory and swap are together: %s', (_sentence, limit, both, expected) => {
    const files = {
      ...V1,
      'memory/memory.limit_in_bytes': limit,
      'memory/memory.memsw.limit_in_bytes': both,
      'memory/memory.memsw.usage_in_bytes': '22020096\n',
    };
    expect(cgroupUsage(1, read(files)).swap).toEqual(expected);
  });

  it('never says that less than nothing is in use, when cache moved between two reads', () => {
    const files = { ...V2, 'memory/memory.current': '4096\n' };
    expect(cgroupUsage(2, read(files)).memory?.workingSet).toBe(0);
  });

  it.each([1, 2] as const)('has no figures where the group is gone (v%d)', version => {
    expect(cgroupUsage(version, () => undefined)).toEqual({
      cpuNanoseconds: undefined,
      memory: undefined,
      swap: undefined,
      tasks: undefined,
      pressure: { cpu: undefined, memory: undefined, io: undefined },
    });
  });

  it('leaves out a figure that is no number', () => {
    const files = { ...V1, 'cpuacct/cpuacct.usage': 'garbage', 'pids/pids.current': 'max' };
    expect(cgroupUsage(1, read(files))).toMatchObject({ cpuNanoseconds: undefined, tasks: undefined });
  });
});

describe('a pressure file', () => {
  it.each([
    ['both lines', PRESSURE, { some: LINE, full: FULL }],
    [
      'an old kernel that has no full line for cpu',
      PRESSURE.split('\n')[0] ?? '',
      { some: LINE, full: { avg10: 0, avg60: 0, avg300: 0, totalNanoseconds: 0n } },
    ],
    ['none', '', undefined],
    ['something else', 'hello\n', undefined],
  ])('is read: %s', (_sentence, text, expected) => {
    expect(parsePressure(text)).toEqual(expected);
  });
});

it('lines of a name and a number are read, and nothing else', () => {
  expect([...parseFlatKeyed('a 1\nb 22\n\nc\n')]).toEqual([
    ['a', 1],
    ['b', 22],
  ]);
});

describe('the files of a controller stand', () => {
  const HYBRID = `32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu
33 31 0:30 / /sys/fs/cgroup/cpuacct rw - cgroup cgroup rw,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
`;
  const JOINED = '32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n';
  const UNIFIED = '32 31 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n';
  it.each([
    ['of cpuacct apart from cpu', HYBRID, 'cpuacct', '/sys/fs/cgroup/cpuacct'],
    ['of cpuacct with cpu', JOINED, 'cpuacct', '/sys/fs/cgroup/cpu,cpuacct'],
    ['of pressure on the v2 side of a hybrid layout', HYBRID, 'pressure', '/sys/fs/cgroup/unified'],
    ['of pressure nowhere on v1 alone', JOINED, 'pressure', undefined],
    ['of what is not mounted nowhere', HYBRID, 'pids', undefined],
    ['of all in one place on v2', UNIFIED, 'pids', '/sys/fs/cgroup'],
  ])('%s', (_sentence, mountinfo, controller, expected) => {
    const layout = parseCgroupLayout(mountinfo, () => 'cpu memory pids');
    expect(controllerMount(layout, controller)).toBe(expected);
  });
});
