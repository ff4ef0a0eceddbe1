import { beforeEach, describe, expect, it } from 'vitest';
import { containerStats } from '../../../../src/cri/runtime-service/container-stats.ts';
import { listContainerStats } from '../../../../src/cri/runtime-service/list-container-stats.ts';
import { listPodSandboxStats } from '../../../../src/cri/runtime-service/list-pod-sandbox-stats.ts';
import { podSandboxStats } from '../../../../src/cri/runtime-service/pod-sandbox-stats.ts';
import type { CgroupUsage } from '../../../../src/linux/cgroup-usage.ts';
import { ContainerStatsFilter, PodSandboxConfig, PodSandboxStatsFilter } from '../../../../src/rpc/cri-api.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { FakeMachine, fakeContext } from '../fakes.ts';
import {
  containerRecord,
  createdContainer,
  creatingContainer,
  creatingSandbox,
  idOf,
  sandboxRecord,
} from '../records.ts';

const LINE = { avg10: 1, avg60: 2, avg300: 3, totalNanoseconds: 4n };
const PRESSURE = { some: LINE, full: LINE };
const usage = (cpu: bigint, mebibytes: number, limit?: number): CgroupUsage => ({
  cpuNanoseconds: cpu,
  memory: {
    used: (mebibytes + 1) << 20,
    workingSet: mebibytes << 20,
    rss: mebibytes << 19,
    pageFaults: 10,
    majorPageFaults: 1,
    limit,
  },
  swap: { used: 0, limit: undefined },
  tasks: 2,
  pressure: { cpu: PRESSURE, memory: PRESSURE, io: PRESSURE },
});
const PSI = { full: { total: 4n, avg10: 1, avg60: 2, avg300: 3 }, some: { total: 4n, avg10: 1, avg60: 2, avg300: 3 } };
const POD_GROUP = '/kubepods/poduid-web';
const inGroup = PodSandboxConfig.fromPartial({
  metadata: { name: 'web', namespace: 'default', uid: 'uid-web', attempt: 0 },
  linux: { cgroupParent: POD_GROUP },
});
const group = (digit: string): string => `/kubepods/pod1/${idOf(digit)}`;

let machine: FakeMachine;
let clock: FakeClock;
let ctx: ReturnType<typeof fakeContext>;
beforeEach(() => {
  machine = new FakeMachine();
  clock = new FakeClock();
  ctx = fakeContext(machine, clock);
});

describe('the stats of a container', () => {
  it('are what its group and its writable layer tell', async () => {
    ctx.store.putContainer(containerRecord());
    machine.usages.set(group('b'), usage(7n, 16, 64 << 20));
    machine.directories.set(ctx.paths.upperDir(idOf('b')), { bytes: 4096, inodes: 2 });
    const { stats } = await containerStats(ctx, { containerId: idOf('b').slice(0, 13) });
    const timestamp = stats?.cpu?.timestamp ?? 0n;
    expect(stats).toEqual({
      attributes: {
        id: idOf('b'),
        metadata: { name: 'main', attempt: 0 },
        labels: { app: 'web' },
        annotations: {},
      },
      cpu: { timestamp, usageCoreNanoSeconds: { value: 7n }, usageNanoCores: undefined, psi: PSI },
      memory: {
        timestamp,
        workingSetBytes: { value: 16n << 20n },
        availableBytes: { value: 48n << 20n },
        usageBytes: { value: 17n << 20n },
        rssBytes: { value: 8n << 20n },
        pageFaults: { value: 10n },
        majorPageFaults: { value: 1n },
        psi: PSI,
      },
      swap: { timestamp, swapAvailableBytes: undefined, swapUsageBytes: { value: 0n } },
      io: { timestamp, psi: PSI },
      writableLayer: {
        timestamp: BigInt(clock.now()) * 1_000_000n,
        fsId: { mountpoint: `${ctx.config.root}/images` },
        usedBytes: { value: 4096n },
        inodesUsed: { value: 2n },
      },
    });
    expect(timestamp).toBeGreaterThan(0n);
  });

  it('tell CPU time per second from the second reading on', async () => {
    ctx.store.putContainer(containerRecord());
    machine.usages.set(group('b'), usage(0n, 1));
    await containerStats(ctx, { containerId: idOf('b') });
    await clock.advance(10_000);
    machine.usages.set(group('b'), usage(5_000_000_000n, 1));
    const { stats } = await containerStats(ctx, { containerId: idOf('b') });
    expect(stats?.cpu?.usageNanoCores).toEqual({ value: 500_000_000n });
  });

  it('of one that has ended are what it has written, even while its group is still there', async () => {
    ctx.store.putContainer(containerRecord({ finishedAt: 50n, exitCode: 0 }));
    machine.usages.set(group('b'), usage(7n, 16));
    machine.directories.set(ctx.paths.upperDir(idOf('b')), { bytes: 4096, inodes: 2 });
    const { stats } = await containerStats(ctx, { containerId: idOf('b') });
    expect(stats).toMatchObject({ cpu: undefined, memory: undefined, writableLayer: { usedBytes: { value: 4096n } } });
  });

  it('of one that is not here are NOT_FOUND', async () => {
    await expect(containerStats(ctx, { containerId: idOf('b') })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a list of the stats of containers', () => {
  beforeEach(() => {
    ctx.store.putContainer(containerRecord());
    ctx.store.putContainer(createdContainer({ id: idOf('c'), sandboxId: idOf('d'), key: 'other/0' }));
    ctx.store.putContainer(containerRecord({ id: idOf('e'), key: 'ended/0', finishedAt: 50n }));
    ctx.store.putContainer(creatingContainer({ id: idOf('f'), key: 'new/0' }));
  });

  it.each([
    ['without a filter are those that have not ended', undefined, ['b', 'c']],
    ['by the beginning of an id', { id: 'bbbb' }, ['b']],
    ['by their sandbox', { podSandboxId: idOf('d') }, ['c']],
    ['by labels', { labelSelector: { app: 'web' } }, ['b', 'c']],
    ['by labels that none has', { labelSelector: { app: 'db' } }, []],
    ['that have ended are in none', { id: idOf('e') }, []],
  ])('%s', async (_sentence, filter, expected) => {
    const request = { filter: filter && ContainerStatsFilter.fromPartial(filter) };
    const { stats } = await listContainerStats(ctx, request);
    expect(stats.map(each => each.attributes?.id)).toEqual(expected.map(idOf));
  });
});

describe('the stats of a sandbox', () => {
  it('are those of the group that its kubelet made, with its links and containers', async () => {
    ctx.store.putSandbox(sandboxRecord({ config: inGroup }));
    ctx.store.putContainer(containerRecord());
    machine.usages.set(POD_GROUP, usage(9n, 20));
    machine.usages.set(group('b'), usage(7n, 16));
    const counters = { rxErrors: 0, txErrors: 0, rxPackets: 0, txPackets: 0, rxDropped: 0, txDropped: 0 };
    machine.links.set(100, [
      { name: 'lo', rxBytes: 1, txBytes: 1, ...counters },
      { name: 'eth0', rxBytes: 20, txBytes: 30, ...counters },
      { name: 'net1', rxBytes: 2, txBytes: 3, ...counters },
    ]);
    const { stats } = await podSandboxStats(ctx, { podSandboxId: idOf('a') });
    expect(stats).toMatchObject({
      attributes: { id: idOf('a'), metadata: { name: 'web', namespace: 'default', uid: 'uid-web' } },
      linux: {
        cpu: { usageCoreNanoSeconds: { value: 9n } },
        memory: { workingSetBytes: { value: 20n << 20n }, availableBytes: undefined },
        network: {
          defaultInterface: { name: 'eth0', rxBytes: { value: 20n }, txBytes: { value: 30n } },
          interfaces: [{ name: 'net1' }],
        },
        process: { processCount: { value: 2n } },
        containers: [{ attributes: { id: idOf('b') }, cpu: { usageCoreNanoSeconds: { value: 7n } } }],
        io: { psi: PSI },
      },
    });
  });

  it('are the sum of all in it where it has no group of its own', async () => {
    ctx.store.putSandbox(sandboxRecord());
    ctx.store.putContainer(containerRecord());
    machine.usages.set(`/gantry/${idOf('a')}`, usage(2n, 1));
    machine.usages.set(group('b'), usage(7n, 16, 64 << 20));
    const { stats } = await podSandboxStats(ctx, { podSandboxId: idOf('a') });
    expect(stats?.linux).toMatchObject({
      cpu: { usageCoreNanoSeconds: { value: 9n } },
      memory: { workingSetBytes: { value: 17n << 20n }, availableBytes: undefined },
      process: { processCount: { value: 4n } },
    });
  });

  it('have no links on the network of the host', async () => {
    const { netnsPath: _netnsPath, ...onHost } = sandboxRecord();
    ctx.store.putSandbox(onHost);
    machine.links.set(100, []);
    const { stats } = await podSandboxStats(ctx, { podSandboxId: idOf('a') });
    expect(stats?.linux?.network).toBeUndefined();
  });

  it('of one that is not here are NOT_FOUND', async () => {
    await expect(podSandboxStats(ctx, { podSandboxId: idOf('a') })).rejects.toMatchObject({ code: 'not-found' });
  });
});

describe('a list of the stats of sandboxes', () => {
  beforeEach(() => {
    ctx.store.putSandbox(sandboxRecord());
    ctx.store.putSandbox(sandboxRecord({ id: idOf('b'), key: 'b', notReadyAt: 30n }));
    ctx.store.putSandbox(creatingSandbox({ id: idOf('c'), key: 'c' }));
  });

  it.each([
    ['without a filter are those that are ready', undefined, ['a']],
    ['by the beginning of an id', { id: 'aaaa' }, ['a']],
    ['by labels', { labelSelector: { app: 'web' } }, ['a']],
    ['by labels that none has', { labelSelector: { app: 'db' } }, []],
  ])('%s', async (_sentence, filter, expected) => {
    const request = { filter: filter && PodSandboxStatsFilter.fromPartial(filter) };
    const { stats } = await listPodSandboxStats(ctx, request);
    expect(stats.map(each => each.attributes?.id)).toEqual(expected.map(idOf));
  });
});
