import { describe, expect, it } from 'vitest';
import { parseCgroupLayout } from '../../../src/linux/cgroup-layout.ts';
import { cgroupWrites, cpuSharesToWeight } from '../../../src/linux/cgroup-resources.ts';

const none = (): string => '';

describe('parseCgroupLayout', () => {
  it('finds separate v1 hierarchies and keeps the v2 side of a hybrid layout apart', () => {
    const layout = parseCgroupLayout(
      [
        '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
        '32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu',
        '33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct',
        '40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime shared:9 - cgroup cgroup rw,xattr,name=systemd',
        '41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw',
      ].join('\n'),
      none,
    );
    expect(layout).toEqual({
      version: 1,
      hierarchies: [
        { mountPoint: '/sys/fs/cgroup/cpu', controllers: ['cpu'] },
        { mountPoint: '/sys/fs/cgroup/cpuacct', controllers: ['cpuacct'] },
        { mountPoint: '/sys/fs/cgroup/systemd', controllers: ['name=systemd'] },
      ],
      hybridUnified: '/sys/fs/cgroup/unified',
    });
  });

  it('finds joined v1 controllers as one hierarchy', () => {
    const layout = parseCgroupLayout('32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct', none);
    expect(layout.hierarchies).toEqual([{ mountPoint: '/sys/fs/cgroup/cpu,cpuacct', controllers: ['cpu', 'cpuacct'] }]);
  });

  it('takes a mount under /sys/fs/cgroup over one elsewhere, and reads escaped blanks', () => {
    const layout = parseCgroupLayout(
      '32 31 0:29 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n90 31 0:29 / /mnt/a\\040b rw - cgroup cgroup rw,cpu\n91 31 0:30 / /mnt/c\\040d rw - cgroup cgroup rw,pids',
      none,
    );
    expect(layout.hierarchies.map(h => h.mountPoint)).toEqual(['/sys/fs/cgroup/cpu', '/mnt/c d']);
  });

  it('is version 2 when no v1 controller is mounted, with the controllers of the root', () => {
    expect(
      parseCgroupLayout(
        '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate',
        () => 'cpuset cpu io memory pids\n',
      ),
    ).toEqual({
      version: 2,
      hierarchies: [{ mountPoint: '/sys/fs/cgroup', controllers: ['cpuset', 'cpu', 'io', 'memory', 'pids'] }],
      hybridUnified: undefined,
    });
  });

  it('says so when nothing is mounted', () => {
    expect(() => parseCgroupLayout('', none)).toThrow(/no cgroup file system is mounted/);
  });
});

describe('cpuSharesToWeight', () => {
  it.each([
    [2, 1, 'the smallest share is the smallest weight'],
    [1024, 39, 'one CPU, by the linear formula'],
    [512, 20, 'half a CPU'],
    [262144, 10000, 'the largest'],
    [0, 1, 'below the range is clamped'],
    [999_999, 10000, 'above the range is clamped'],
  ])('%i shares weigh %i: %s', (shares, weight) => {
    expect(cpuSharesToWeight(shares)).toBe(weight);
  });
});

describe('cgroupWrites', () => {
  const all = { cpuShares: 512, cpuQuotaUs: 50_000, cpuPeriodUs: 100_000, memoryLimitBytes: 1 << 26, pidsMax: 100 };

  it('names the v1 files, the period before the quota', () => {
    expect(cgroupWrites(1, all).map(w => `${w.file}=${w.value}`)).toEqual([
      'cpu.shares=512',
      'cpu.cfs_period_us=100000',
      'cpu.cfs_quota_us=50000',
      'memory.limit_in_bytes=67108864',
      'pids.max=100',
    ]);
  });

  it('names the v2 files', () => {
    expect(cgroupWrites(2, all).map(w => `${w.file}=${w.value}`)).toEqual([
      'cpu.weight=20',
      'cpu.max=50000 100000',
      'memory.max=67108864',
      'pids.max=100',
    ]);
  });

  it('lifts limits with -1 and leaves alone what is not named', () => {
    const lifted = { cpuQuotaUs: -1, memoryLimitBytes: -1, pidsMax: -1 };
    expect(cgroupWrites(1, lifted).map(w => w.value)).toEqual(['-1', '-1', 'max']);
    expect(cgroupWrites(2, lifted).map(w => w.value)).toEqual(['max 100000', 'max', 'max']);
    expect(cgroupWrites(1, {})).toEqual([]);
  });
});
