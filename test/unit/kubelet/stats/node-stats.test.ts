import { describe, expect, it } from 'vitest';
import { fsStats, groupStats, networkStats, nodeUsage } from '../../../../src/kubelet/stats/node-stats.ts';
import { cgroupUsage } from '../../../../src/linux/cgroup-usage.ts';
import { parseLinkCounters } from '../../../../src/linux/procfs.ts';

const NOTHING = { cpu: undefined, memory: undefined, io: undefined };
const MEMINFO = `MemTotal:        4000 kB
MemFree:         1000 kB
AnonPages:        700 kB
Inactive(file):   500 kB
SwapTotal:        300 kB
SwapFree:         100 kB
`;
const NET_DEV = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo:     111       1    0    0    0     0          0         0      111       1    0    0    0     0       0          0
 veth1:       5       1    0    0    0     0          0         0        5       1    0    0    0     0       0          0
  eth1:10000000000   3    1    0    0     0          0         0       90       1    2    0    0     0       0          0
  eth0:     290       3    0    0    0     0          0         0       91       1    0    0    0     0       0          0
`;

describe('the usage of the node', () => {
  it('counts as used what is neither free nor a cache that was not used lately', () => {
    const reading = {
      at: 5,
      meminfo: MEMINFO,
      vmstat: 'pgfault 70\npgmajfault 3\n',
      cpuNanoseconds: 8_000n,
      memory: undefined,
      pressure: NOTHING,
    };
    expect(nodeUsage(reading, 400n)).toEqual({
      cpu: { time: 5, usageNanoCores: 400, usageCoreNanoSeconds: 8000, psi: undefined },
      memory: {
        time: 5,
        availableBytes: 1500 << 10,
        usageBytes: 3000 << 10,
        workingSetBytes: 2500 << 10,
        rssBytes: 700 << 10,
        pageFaults: 70,
        majorPageFaults: 3,
        psi: undefined,
      },
      io: undefined,
      swap: { time: 5, swapAvailableBytes: 100 << 10, swapUsageBytes: 200 << 10 },
    });
  });

  it('is that of the root group where it tells, so that a node is not charged with what runs beside it', () => {
    const memory = { used: 900, workingSet: 800, rss: 700, pageFaults: 6, majorPageFaults: 5, limit: undefined };
    const reading = { at: 5, meminfo: MEMINFO, vmstat: '', cpuNanoseconds: undefined, memory, pressure: NOTHING };
    expect(nodeUsage(reading, undefined)).toMatchObject({
      cpu: undefined,
      memory: {
        availableBytes: (4000 << 10) - 800,
        usageBytes: 900,
        workingSetBytes: 800,
        rssBytes: 700,
        pageFaults: 6,
        majorPageFaults: 5,
      },
    });
  });
});

describe('the links of the node', () => {
  it('are read from /proc/net/dev, counters that touch the colon too', () => {
    expect(parseLinkCounters(NET_DEV).map(({ name, rxBytes, txErrors }) => [name, rxBytes, txErrors])).toEqual([
      ['lo', 111, 0],
      ['veth1', 5, 0],
      ['eth1', 10_000_000_000, 2],
      ['eth0', 290, 0],
    ]);
  });

  it('are those that belong to the machine, eth0 before all', () => {
    const stats = networkStats(parseLinkCounters(NET_DEV), 5);
    expect([stats?.name, stats?.rxBytes, stats?.interfaces.map(({ name }) => name)]).toEqual([
      'eth0',
      290,
      ['eth1', 'eth0'],
    ]);
  });

  it.each([
    ['the first where there is no eth0', NET_DEV.replace(/^ +eth0:.*\n/m, ''), 'eth1'],
    ['none where there is loopback alone', '    lo: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n', undefined],
  ])('have as default %s', (_sentence, text, expected) => {
    expect(networkStats(parseLinkCounters(text), 5)?.name).toBe(expected);
  });
});

describe('a file system', () => {
  const space = { capacity: 1000, free: 600, available: 500, inodes: 100, inodesFree: 40 };
  const whole = { capacityBytes: 1000, availableBytes: 500, inodes: 100, inodesFree: 40 };
  it.each([
    ['shows what all use of it', space, undefined, { ...whole, usedBytes: 400, inodesUsed: 60 }],
    ['shows what one uses of it', space, { bytes: 7, inodes: 2 }, { ...whole, usedBytes: 7, inodesUsed: 2 }],
    ['that cannot be asked shows what is known', undefined, { bytes: 7, inodes: 2 }, { usedBytes: 7, inodesUsed: 2 }],
  ])('%s', (_sentence, known, used, expected) => {
    expect(fsStats(known, 9, used)).toEqual({ time: 9, ...expected });
  });
});

describe('a group of processes', () => {
  it('has what is left to its limit', () => {
    const files: Record<string, string> = {
      'memory.current': '4096',
      'memory.max': '10240',
      'memory.stat': 'inactive_file 1024\n',
      'cpu.stat': 'usage_usec 7\n',
      'memory.swap.current': '100',
      'memory.swap.max': '1000',
    };
    const stats = groupStats(
      cgroupUsage(2, (_controller, file) => files[file]),
      3,
      undefined,
    );
    expect(stats).toMatchObject({
      cpu: { time: 3, usageCoreNanoSeconds: 7000 },
      memory: { workingSetBytes: 3072, availableBytes: 7168 },
      swap: { swapUsageBytes: 100, swapAvailableBytes: 900 },
    });
  });

  it('that is not there has nothing', () => {
    expect(
      groupStats(
        cgroupUsage(2, () => undefined),
        3,
        undefined,
      ),
    ).toEqual({
      cpu: undefined,
      memory: undefined,
      swap: undefined,
      io: undefined,
    });
  });
});
