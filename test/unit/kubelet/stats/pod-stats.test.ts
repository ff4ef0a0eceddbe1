import { describe, expect, it } from 'vitest';
import { statsByPod } from '../../../../src/kubelet/runtime/pod-stats.ts';
import { podStats, withDisk } from '../../../../src/kubelet/stats/pod-stats.ts';
import { summaryJson } from '../../../../src/kubelet/stats/summary.ts';
import { Container, ContainerStats, PodSandbox, PodSandboxStats } from '../../../../src/rpc/cri-api.ts';
import { criContainer, criPod, READ_AT } from './fixtures.ts';

const times = {
  sandboxCreatedAt: 1_690_000_000_000,
  containerCreatedAt: new Map([
    ['old', 1_690_000_001_000],
    ['new', 1_690_000_009_000],
  ]),
};
const noRate = (): undefined => undefined;
const PSI = { total: 2e9, avg10: 1, avg60: 2, avg300: 3 };

describe('the stats of a pod', () => {
  it('are those of the runtime in the shape of the summary', () => {
    expect(podStats(criPod([criContainer('new', 'main', 3, 64)]), times, noRate)).toEqual({
      podRef: { name: 'web', namespace: 'default', uid: 'uid-web' },
      startTime: 1_690_000_000_000,
      cpu: { time: READ_AT, usageNanoCores: 250_000_000, usageCoreNanoSeconds: 9e9, psi: undefined },
      memory: expect.objectContaining({ time: READ_AT, workingSetBytes: 100 << 20 }),
      io: { time: READ_AT, psi: { full: PSI, some: PSI } },
      network: {
        time: READ_AT,
        name: 'eth0',
        rxBytes: 10,
        rxErrors: 0,
        txBytes: 20,
        txErrors: 1,
        interfaces: [
          { name: 'eth0', rxBytes: 10, rxErrors: 0, txBytes: 20, txErrors: 1 },
          { name: 'net1', rxBytes: 1, rxErrors: 0, txBytes: 2, txErrors: 1 },
        ],
      },
      process_stats: { process_count: 4 },
      swap: { time: READ_AT, swapUsageBytes: 4096, swapAvailableBytes: 8192 },
      containers: [
        {
          name: 'main',
          startTime: 1_690_000_009_000,
          cpu: { time: READ_AT, usageNanoCores: undefined, usageCoreNanoSeconds: 3e9, psi: { full: PSI, some: PSI } },
          memory: {
            time: READ_AT,
            availableBytes: undefined,
            usageBytes: 65 << 20,
            workingSetBytes: 64 << 20,
            rssBytes: 64 << 20,
            pageFaults: 5,
            majorPageFaults: 1,
            psi: { full: PSI, some: PSI },
          },
          io: { time: READ_AT, psi: { full: PSI, some: PSI } },
          rootfs: { time: READ_AT, usedBytes: 1 << 20, inodesUsed: 3 },
          swap: { time: READ_AT, swapUsageBytes: 4096, swapAvailableBytes: 8192 },
        },
      ],
    });
  });

  it('have of a container that was started again the newest', () => {
    const stats = criPod([criContainer('new', 'main', 1, 2), criContainer('old', 'main', 50, 60)]);
    const { containers } = podStats(stats, times, noRate) ?? {};
    expect(containers?.map(each => each.cpu?.usageCoreNanoSeconds)).toEqual([1e9]);
  });

  it('get CPU time per second from here where the runtime does not tell it', () => {
    const asked: string[] = [];
    const rate = (id: string): bigint => {
      asked.push(id);
      return 7n;
    };
    const pod = podStats(criPod([criContainer('new', 'main', 1, 2)]), times, rate);
    expect([pod?.cpu?.usageNanoCores, pod?.containers[0]?.cpu?.usageNanoCores, asked]).toEqual([
      250_000_000,
      7,
      ['new'],
    ]);
  });

  it('are none for a sandbox that no kubelet made', () => {
    const stats = PodSandboxStats.fromPartial({ attributes: { id: 'a', metadata: { name: 'x' } }, linux: {} });
    expect(podStats(stats, times, noRate)).toBeUndefined();
  });
});

describe('what a pod has on disks', () => {
  const space = { capacity: 1000, free: 600, available: 500, inodes: 100, inodesFree: 40 };
  const used = (bytes: number, inodes: number) => ({ time: 1, usedBytes: bytes, inodesUsed: inodes });
  const pod = podStats(criPod([criContainer('new', 'main', 3, 64)]), times, noRate);

  it('is told for each, and together for what is on the disk of the node and goes with the pod', () => {
    if (pod === undefined) throw new Error('the pod has stats');
    const disk = {
      logs: new Map([['main', used(10, 2)]]),
      volumes: [
        { name: 'scratch', ephemeral: true, ...used(100, 20) },
        { name: 'secret', ephemeral: false, ...used(7, 7) },
      ],
    };
    const whole = withDisk(pod, disk, space, { ...space, capacity: 5000 }, 99);
    expect(whole.volume).toEqual([
      { name: 'scratch', ...used(100, 20) },
      { name: 'secret', ...used(7, 7) },
    ]);
    expect(whole.containers[0]).toMatchObject({
      rootfs: {
        usedBytes: 1 << 20,
        inodesUsed: 3,
        capacityBytes: 5000,
        availableBytes: 500,
        inodes: 100,
        inodesFree: 40,
      },
      logs: used(10, 2),
    });
    expect(whole['ephemeral-storage']).toEqual({
      time: 99,
      usedBytes: (1 << 20) + 110,
      inodesUsed: 25,
      capacityBytes: 1000,
      availableBytes: 500,
      inodes: 100,
      inodesFree: 40,
    });
  });
});

it('times are written as upstream writes them', () => {
  const summary = { node: { nodeName: 'n', systemContainers: [], startTime: 1_690_000_000_999 }, pods: [] };
  expect(summaryJson(summary)).toBe(
    '{"node":{"nodeName":"n","systemContainers":[],"startTime":"2023-07-22T04:26:40Z"},"pods":[]}',
  );
});

it('a runtime that tells of containers alone has them put into their pods, without what it does not know', () => {
  const sandbox = (id: string) => PodSandbox.fromPartial({ id, metadata: { name: id }, labels: { of: id } });
  const container = (id: string, podSandboxId: string) => Container.fromPartial({ id, podSandboxId });
  const stats = (id: string) => ContainerStats.fromPartial({ attributes: { id } });
  const pods = statsByPod(
    [sandbox('p1'), sandbox('p2'), sandbox('empty')],
    [container('a', 'p1'), container('b', 'p1'), container('c', 'p2')],
    [stats('a'), stats('b'), stats('c'), stats('unknown')],
  );
  expect(pods.map(each => [each.attributes?.labels, each.linux?.containers.map(c => c.attributes?.id)])).toEqual([
    [{ of: 'p1' }, ['a', 'b']],
    [{ of: 'p2' }, ['c']],
  ]);
  expect(pods[0]?.linux?.cpu).toBeUndefined();
});
