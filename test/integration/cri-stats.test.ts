/** What the shim tells of containers with a known load, through its socket. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ContainerConfig, type ContainerStats } from '../../src/rpc/cri-api.ts';
import { podConfig } from '../harness/cri-pod.ts';
import { BUSYBOX } from '../harness/images.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const MIB = 1 << 20;

let target: RuntimeHost;
let podSandboxId: string;
const containers = new Map<string, string>();

/** Half a core by its quota; 64 MiB that are held; a file of 3 MiB; nothing. */
const LOADS: Record<string, { readonly command: string; readonly cpuQuota?: bigint }> = {
  burns: { command: 'while :; do :; done', cpuQuota: 50_000n },
  holds: { command: '{ head -c 67108864 /dev/zero; sleep 100000; } | tail -c 67108864' },
  writes: { command: 'mkdir /data; head -c 3145728 /dev/zero > /data/file; sleep 100000' },
  sleeps: { command: 'sleep 100000' },
};

beforeAll(async () => {
  target = await gantryHost();
  const sandboxConfig = podConfig('loaded');
  ({ podSandboxId } = await target.client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' }));
  for (const [name, { command, cpuQuota = 0n }] of Object.entries(LOADS)) {
    const config = ContainerConfig.fromPartial({
      metadata: { name, attempt: 0 },
      image: { image: BUSYBOX },
      command: ['/bin/sh', '-c', command],
      labels: { load: name },
      linux: { resources: { cpuPeriod: 100_000n, cpuQuota, memoryLimitInBytes: BigInt(256 * MIB) } },
    });
    const { containerId } = await target.client.createContainer({ podSandboxId, config, sandboxConfig });
    await target.client.startContainer({ containerId });
    containers.set(name, containerId);
  }
});
afterAll(() => target.delete());

async function statsOf(name: string): Promise<ContainerStats | undefined> {
  return (await target.client.containerStats({ containerId: containers.get(name) ?? '' })).stats;
}

/** CPU seconds of the loop as the shim tells them, and as /proc of the container does. */
async function burnt(): Promise<{ at: number; used: number; nanoCores: number | undefined; ticks: number }> {
  const cpu = (await statsOf('burns'))?.cpu;
  const nanoCores = cpu?.usageNanoCores?.value;
  const containerId = containers.get('burns') ?? '';
  const stat = await target.client.execSync({ containerId, cmd: ['cat', '/proc/1/stat'], timeout: 10n });
  const fields = stat.stdout.toString().split(') ')[1]?.split(' ') ?? [];
  return {
    at: Number(cpu?.timestamp ?? 0n),
    used: Number(cpu?.usageCoreNanoSeconds?.value ?? 0n) / 1e9,
    nanoCores: nanoCores === undefined ? undefined : Number(nanoCores),
    // utime and stime, fields 14 and 15 of proc(5)
    ticks: (Number(fields[11]) + Number(fields[12])) / 100,
  };
}

const mebibytes = (value: { readonly value: bigint } | undefined): number => Number(value?.value ?? 0n) / MIB;

describe('the stats of a container', () => {
  it('that burns at most half a core show what its process got', async () => {
    const first = await burnt();
    const second = await waitFor('two readings a second apart', async () => {
      const seen = await burnt();
      return seen.nanoCores === undefined || seen.at - first.at < 3e9 ? undefined : seen;
    });
    const window = (second.at - first.at) / 1e9;
    const told = second.used - first.used;
    // others run on this machine too: what it had of its quota is told by /proc, in hundredths of a second
    expect(Math.abs(told - (second.ticks - first.ticks))).toBeLessThan(0.1);
    expect(told).toBeGreaterThan(0);
    expect(told / window).toBeLessThan(0.6);
    expect(second.nanoCores).toBeLessThan(0.6e9);
  });

  it('that holds 64 MiB show them and what is left to its limit', async () => {
    const stats = await waitFor('the memory', async () => {
      const seen = await statsOf('holds');
      return mebibytes(seen?.memory?.workingSetBytes) > 63 ? seen : undefined;
    });
    const workingSet = mebibytes(stats.memory?.workingSetBytes);
    expect(workingSet).toBeLessThan(72);
    expect(mebibytes(stats.memory?.rssBytes)).toBeGreaterThan(63);
    expect(mebibytes(stats.memory?.availableBytes)).toBeCloseTo(256 - workingSet, 3);
    expect(Number(stats.memory?.pageFaults?.value)).toBeGreaterThan(0);
  });

  it('that writes 3 MiB show them', async () => {
    const layer = await waitFor(
      'the writable layer to be counted with the file',
      async () => {
        const seen = (await statsOf('writes'))?.writableLayer;
        return mebibytes(seen?.usedBytes) >= 3 ? seen : undefined;
      },
      { timeoutMs: 20_000 },
    );
    expect(mebibytes(layer.usedBytes)).toBeLessThan(4);
    expect(Number(layer.inodesUsed?.value)).toBeGreaterThanOrEqual(3);
    const { containerFilesystems } = await target.client.imageFsInfo({});
    expect(layer.fsId).toEqual(containerFilesystems[0]?.fsId);
  });

  it('that only sleeps show next to nothing', async () => {
    const stats = await statsOf('sleeps');
    expect(Number(stats?.cpu?.usageCoreNanoSeconds?.value)).toBeLessThan(2e9);
    expect(mebibytes(stats?.memory?.workingSetBytes)).toBeLessThan(16);
  });
});

describe('the stats of a pod', () => {
  it('hold those of its containers, of its group, and of its link', async () => {
    const { stats } = await target.client.listPodSandboxStats({ filter: undefined });
    expect(stats).toHaveLength(1);
    const { attributes, linux } = stats[0] ?? {};
    expect(attributes).toMatchObject({ id: podSandboxId, metadata: { name: 'loaded', namespace: 'default' } });
    expect(linux?.containers.map(each => each.attributes?.metadata?.name).sort()).toEqual(Object.keys(LOADS).sort());
    const parts = linux?.containers.reduce((sum, each) => sum + mebibytes(each.memory?.workingSetBytes), 0) ?? 0;
    expect(mebibytes(linux?.memory?.workingSetBytes)).toBeGreaterThan(parts * 0.95);
    expect(Number(linux?.process?.processCount?.value)).toBeGreaterThanOrEqual(5);
    expect(linux?.network?.defaultInterface?.name).toBe('eth0');
    expect(linux?.network?.interfaces).toEqual([]);
  });

  it('count what goes through its link', async () => {
    const sent = async (): Promise<number> => {
      const { stats } = await target.client.podSandboxStats({ podSandboxId });
      return Number(stats?.linux?.network?.defaultInterface?.txBytes?.value);
    };
    const before = await sent();
    const cmd = ['/bin/sh', '-c', 'echo hello | nc -w 1 10.244.0.1 9'];
    await target.client.execSync({ containerId: containers.get('sleeps') ?? '', cmd, timeout: 10n });
    // nobody listens there, but a request to connect goes out
    expect((await sent()) - before).toBeGreaterThan(60);
  });
});

describe('the metrics of a pod', () => {
  /** By name and labels that are the metric's own: of a container, or of the pod itself. */
  const metricsOf = async (name?: string): Promise<Map<string, number>> => {
    const [{ podMetrics }, { descriptors }] = await Promise.all([
      target.client.listPodSandboxMetrics({}),
      target.client.listMetricDescriptors({}),
    ]);
    expect(podMetrics.map(each => each.podSandboxId)).toEqual([podSandboxId]);
    const keys = new Map(descriptors.map(each => [each.name, each.labelKeys]));
    const containerId = containers.get(name ?? '');
    const metrics =
      name === undefined
        ? podMetrics[0]?.metrics
        : podMetrics[0]?.containerMetrics.find(each => each.containerId === containerId)?.metrics;
    return new Map(
      (metrics ?? []).map(metric => {
        expect(metric.labelValues).toHaveLength(keys.get(metric.name)?.length ?? 0);
        return [[metric.name, ...metric.labelValues.slice(5)].join(' '), Number(metric.value?.value)];
      }),
    );
  };

  it('name all that monitoring knows, whatever the container does', async () => {
    const { descriptors } = await target.client.listMetricDescriptors({});
    expect(descriptors).toHaveLength(56);
    const told = [...(await metricsOf('sleeps')).keys(), ...(await metricsOf()).keys()].map(key => key.split(' ')[0]);
    // what only some kernels and disks tell, and limits that were not asked for
    const optional = /blkio|fs_(reads|writes)|hugetlb|pressure|spec_cpu_quota/;
    const expected = descriptors.map(({ name }) => name).filter(name => !optional.test(name));
    expect(expected.filter(name => !told.includes(name))).toEqual([]);
  });

  it('tell what a container does', async () => {
    const holds = await metricsOf('holds');
    expect(holds.get('container_memory_rss')).toBeGreaterThan(63 * MIB);
    expect(holds.get('container_spec_memory_limit_bytes')).toBe(256 * MIB);
    // the shell, and at both ends of its pipe what holds it up
    expect(holds.get('container_processes')).toBeGreaterThanOrEqual(2);
    expect(holds.get('container_file_descriptors')).toBeGreaterThanOrEqual(6);
    expect(holds.get('container_threads')).toBeGreaterThanOrEqual(holds.get('container_processes') ?? 0);
    const burns = await metricsOf('burns');
    expect(burns.get('container_cpu_cfs_periods_total')).toBeGreaterThan(10);
    expect(burns.get('container_spec_cpu_quota')).toBe(50_000);
    const writes = await metricsOf('writes');
    const [used] = [...writes].flatMap(([key, value]) => (key.startsWith('container_fs_usage_bytes ') ? [value] : []));
    expect(used).toBeGreaterThanOrEqual(3 * MIB);
  });

  it('come in messages of their own to who asks for a stream', async () => {
    const seen: string[] = [];
    for await (const { podSandboxMetrics } of target.client.streamPodSandboxMetrics({}))
      seen.push(...podSandboxMetrics.map(each => each.podSandboxId));
    expect(seen).toEqual([podSandboxId]);
  });
});

describe('a list of stats', () => {
  it('takes filters, and has no container that has ended', async () => {
    const byLabel = { id: '', podSandboxId: '', labelSelector: { load: 'sleeps' } };
    const one = await target.client.listContainerStats({ filter: byLabel });
    expect(one.stats.map(each => each.attributes?.id)).toEqual([containers.get('sleeps')]);
    await target.client.stopContainer({ containerId: containers.get('sleeps') ?? '', timeout: 0n });
    expect((await target.client.listContainerStats({ filter: byLabel })).stats).toEqual([]);
    expect((await target.client.listContainerStats({ filter: undefined })).stats).toHaveLength(3);
    expect(await statsOf('sleeps')).toMatchObject({ cpu: undefined, memory: undefined });
  });

  it('is refused for what is not there', async () => {
    const unknown = 'f'.repeat(64);
    await expect(target.client.containerStats({ containerId: unknown })).rejects.toMatchObject({ code: 'not-found' });
    await expect(target.client.podSandboxStats({ podSandboxId: unknown })).rejects.toMatchObject({ code: 'not-found' });
  });
});
