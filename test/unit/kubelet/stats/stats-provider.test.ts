import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pino from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../../src/base/clock.ts';
import { Registry } from '../../../../src/daemon/metrics.ts';
import { LABEL } from '../../../../src/kubelet/runtime/labels.ts';
import { StatsAnswers } from '../../../../src/kubelet/serve/stats-answers.ts';
import { StatsProvider, type StatsProviderOptions } from '../../../../src/kubelet/stats/stats-provider.ts';
import { Container, ImageFsInfoResponse, PodSandbox, type PodSandboxStats } from '../../../../src/rpc/cri-api.ts';
import { criContainer, criPod } from './fixtures.ts';

let root: string;
let asked: number;
let answer: () => Promise<readonly PodSandboxStats[]>;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'gantry-stats-'));
  asked = 0;
  answer = async () => [criPod([criContainer('c1', 'main', 3, 64)])];
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const labels = { [LABEL.podUid]: 'uid-web', [LABEL.podName]: 'web', [LABEL.podNamespace]: 'default' };

function provider(
  sandboxes: readonly PodSandbox[] = [PodSandbox.fromPartial({ id: 'sandbox', labels })],
  diskFreshMs = 60_000,
): StatsProvider {
  const runtime: StatsProviderOptions['runtime'] = {
    podStats: () => {
      asked += 1;
      return answer();
    },
    listSandboxes: async () => sandboxes,
    listContainers: async () => [
      Container.fromPartial({
        id: 'c1',
        podSandboxId: 'sandbox',
        labels: { ...labels, [LABEL.containerName]: 'main' },
      }),
    ],
    imageFsInfo: async () =>
      ImageFsInfoResponse.fromPartial({ imageFilesystems: [{ fsId: { mountpoint: root }, usedBytes: { value: 7n } }] }),
  };
  const cgroups = {
    root: '/gantry-no-such-group',
    cpuQuotaEnforced: true,
    cpuPeriodUs: 100_000,
    podPidsLimit: -1,
    cgroupVersion: 1 as const,
    singleProcessOomKill: false,
    swap: { counted: false, limited: false, capacityBytes: 0 },
  };
  const settings = {
    nodeName: 'n',
    rootDir: root,
    podLogsDir: `${root}/logs`,
    cgroups,
    capacity: { milliCpu: 2000, memoryBytes: 1 },
  };
  return new StatsProvider({
    settings,
    cgroups: { pathOf: group => group },
    runtime,
    pods: () => [],
    diskFreshMs,
    clock: systemClock,
  });
}

describe('what a node and its pods use', () => {
  it('is read once for all who ask at the same time, and anew for who asks later', async () => {
    const stats = provider();
    const [first, second] = await Promise.all([stats.cpuAndMemory(), stats.cpuAndMemory()]);
    expect(first).toBe(second);
    await stats.cpuAndMemory();
    expect(asked).toBe(2);
  });

  it('has of volumes, logs and root file systems what lies on disks', async () => {
    const put = (path: string): void => {
      mkdirSync(join(root, path, '..'), { recursive: true });
      writeFileSync(join(root, path), Buffer.alloc(64 << 10, 1));
    };
    put('pods/uid-web/volumes/kubernetes.io~empty-dir/scratch/file');
    put('pods/uid-web/volumes/kubernetes.io~secret/key/file');
    put('logs/default_web_uid-web/main/0.log');
    const { pods, node } = await provider().summary();
    const [pod] = pods;
    expect(pod?.volume?.map(({ name }) => name).sort()).toEqual(['key', 'scratch']);
    for (const { usedBytes } of pod?.volume ?? []) expect(usedBytes).toBeGreaterThanOrEqual(64 << 10);
    expect(pod?.containers[0]?.logs?.usedBytes).toBeGreaterThanOrEqual(64 << 10);
    // 1 MiB written, a volume and a log; a secret is not counted
    const used = pod?.['ephemeral-storage']?.usedBytes ?? 0;
    expect(used).toBeGreaterThanOrEqual((1 << 20) + (128 << 10));
    expect(used).toBeLessThan((1 << 20) + (192 << 10));
    expect(node.runtime?.imageFs?.usedBytes).toBe(7);
  });

  it('has no volumes where they are not to be counted, and logs all the same', async () => {
    for (const path of ['pods/uid-web/volumes/kubernetes.io~empty-dir/scratch', 'logs/default_web_uid-web/main'])
      mkdirSync(join(root, path), { recursive: true });
    const [pod] = (await provider(undefined, -1).summary()).pods;
    expect([pod?.volume, pod?.containers[0]?.logs?.inodesUsed]).toEqual([[], 1]);
  });

  it('is that of the newest of two sandboxes of a pod', async () => {
    const old = criPod([criContainer('c0', 'main', 99, 1)]);
    answer = async () => [
      criPod([criContainer('c1', 'main', 3, 64)]),
      { ...old, attributes: { ...old.attributes, id: 'old', metadata: undefined, labels, annotations: {} } },
    ];
    const sandbox = (id: string, createdAt: bigint) => PodSandbox.fromPartial({ id, createdAt, labels });
    const { pods } = await provider([sandbox('sandbox', 2_000_000n), sandbox('old', 1_000_000n)]).cpuAndMemory();
    expect(pods.map(({ containers }) => containers.map(each => each.cpu?.usageCoreNanoSeconds))).toEqual([[3e9]]);
  });

  it('rejects as the runtime does, and is read again by the next', async () => {
    answer = () => Promise.reject(new Error('the runtime is away'));
    const stats = provider();
    await expect(stats.summary()).rejects.toThrow('the runtime is away');
    answer = async () => [];
    expect((await stats.summary()).pods).toEqual([]);
  });
});

describe('the answers', () => {
  const answers = (): StatsAnswers =>
    new StatsAnswers({
      provider: provider(),
      machine: {
        machineID: 'm',
        systemUUID: 's',
        bootID: 'b',
        kernelVersion: '',
        osImage: '',
        operatingSystem: 'linux',
        architecture: 'amd64',
        swapBytes: 0,
      },
      memoryBytes: 1,
      probes: new Registry(),
      log: pino({ level: 'silent' }),
    });
  const none = new URLSearchParams();

  it.each(['/stats', '/stats/container', '/metrics/other', '/metrics/resource/x', '/'])(
    'are none to %s',
    async path => {
      expect(await answers().answer(path, none)).toBeUndefined();
    },
  );

  it('to /stats/summary is 500 with the reason where the runtime does not tell', async () => {
    answer = () => Promise.reject(new Error('the runtime is away'));
    await expect(answers().answer('/stats/summary', none)).rejects.toMatchObject({
      status: 500,
      message: 'Internal Error: failed to list pod stats: the runtime is away',
    });
  });

  it.each([
    ['/metrics/resource', 'resource_scrape_error 1'],
    ['/metrics/cadvisor', 'container_scrape_error 1'],
  ])('to %s says in a row of its own that the runtime does not tell', async (path, row) => {
    answer = () => Promise.reject(new Error('the runtime is away'));
    const { type, body } = (await answers().answer(path, none)) ?? {};
    expect(type).toMatch(/^text\/plain/);
    expect(body?.split('\n')).toContain(row);
  });
});
