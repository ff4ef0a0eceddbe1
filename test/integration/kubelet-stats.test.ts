/** What the kubelet tells of its node and of pods with a known load: /stats/summary, /metrics/resource, /metrics/cadvisor, /metrics/probes. */
import { statSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { FsStats, Summary } from '../../src/kubelet/stats/summary.ts';
import { httpGet } from '../harness/host.ts';
import { type KubeletHost, podManifest, startKubelet, WAIT } from '../harness/kubelet.ts';
import { type RuntimeHost, type RuntimeName, runtimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const RUNTIMES: readonly RuntimeName[] = ['gantry', 'containerd'];
const MIB = 1 << 20;

const LOADED = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'loaded', namespace: 'default' },
  spec: {
    terminationGracePeriodSeconds: 0,
    volumes: [
      { name: 'disk', emptyDir: {} },
      { name: 'memory', emptyDir: { medium: 'Memory' } },
    ],
    containers: [
      {
        name: 'burns',
        image: 'localhost/busybox:1.35',
        command: ['/bin/sh', '-c', 'while :; do :; done'],
        resources: { limits: { cpu: '500m' } },
        readinessProbe: { exec: { command: ['true'] }, periodSeconds: 1 },
      },
      {
        name: 'holds',
        image: 'localhost/busybox:1.35',
        command: ['/bin/sh', '-c', '{ head -c 67108864 /dev/zero; sleep 100000; } | tail -c 67108864'],
        resources: { limits: { memory: '256Mi' } },
      },
      {
        name: 'writes',
        image: 'localhost/busybox:1.35',
        command: [
          '/bin/sh',
          '-c',
          'for file in /disk/a /memory/b /c; do head -c 3145728 /dev/zero > $file; done; head -c 20000 /dev/zero | tr "\\0" x; echo; sleep 100000',
        ],
        volumeMounts: [
          { name: 'disk', mountPath: '/disk' },
          { name: 'memory', mountPath: '/memory' },
        ],
      },
    ],
  },
};

describe.each(RUNTIMES)('the kubelet on %s tells of a pod', runtime => {
  let target: RuntimeHost;
  let kubelet: KubeletHost;
  const get = async (path: string): Promise<string> => {
    const { status, body } = await httpGet(target.host, 10250, path);
    expect([path, status]).toEqual([path, 200]);
    return body;
  };
  const summary = async (query = ''): Promise<Summary> => JSON.parse(await get(`/stats/summary${query}`)) as Summary;
  const loaded = (seen: Summary) => seen.pods.find(pod => pod.podRef.name === kubelet.podName('loaded'));
  const container = (seen: Summary, name: string) => loaded(seen)?.containers.find(each => each.name === name);

  beforeAll(async () => {
    target = await runtimeHost(runtime);
    kubelet = await startKubelet(target);
    kubelet.writeManifest('loaded.yaml', JSON.stringify(LOADED));
    kubelet.writeManifest('sleeps.yaml', podManifest('sleeps', WAIT));
    const [{ metadata }] = await Promise.all([kubelet.running('loaded'), kubelet.running('sleeps')]);
    const log = target.host.path(`/var/log/pods/default_${metadata.name}_${metadata.uid}/writes/0.log`);
    await waitFor('all to be written before it is counted', () => statSync(log).size > 20_000);
  });
  afterAll(() => target.delete());

  it('in a summary: what its containers hold and burn, and the pod with them', async () => {
    const seen = await waitFor('the rates and the memory', async saw => {
      const now = await summary();
      saw(loaded(now));
      const rate = container(now, 'burns')?.cpu?.usageNanoCores ?? 0;
      const held = container(now, 'holds')?.memory?.workingSetBytes ?? 0;
      // read one after the other, while the program takes it
      const together = loaded(now)?.memory?.workingSetBytes ?? 0;
      const isHeld = held > 63 * MIB && together > 63 * MIB;
      return rate > 0 && isHeld && loaded(now)?.cpu?.usageNanoCores !== undefined ? now : undefined;
    });
    const pod = loaded(seen);
    expect(pod?.podRef).toMatchObject({ namespace: 'default', uid: expect.stringMatching(/./) });
    expect(container(seen, 'burns')?.cpu?.usageNanoCores).toBeLessThan(0.62e9);
    expect(container(seen, 'holds')?.memory?.workingSetBytes).toBeLessThan(72 * MIB);
    expect(container(seen, 'holds')?.memory?.availableBytes).toBeGreaterThan(180 * MIB);
    expect(container(seen, 'writes')?.cpu?.usageCoreNanoSeconds).toBeLessThan(5e9);
    expect(loaded(await summary())?.cpu?.usageCoreNanoSeconds).toBeGreaterThanOrEqual(
      container(seen, 'burns')?.cpu?.usageCoreNanoSeconds ?? Number.NaN,
    );
    expect(Date.now() - Date.parse(String(pod?.startTime))).toBeLessThan(120_000);
  });

  it('in a summary: what lies on disks, in memory and in logs', async () => {
    const used = (stats: FsStats | undefined): number => stats?.usedBytes ?? 0;
    const seen = await waitFor(
      'all of it to be counted',
      async saw => {
        const now = await summary();
        const pod = loaded(now);
        const writes = container(now, 'writes');
        saw([pod?.volume, writes]);
        const counted = [writes?.rootfs, ...(pod?.volume ?? [])].map(used);
        return counted.length >= 3 && counted.every(bytes => bytes >= 3 * MIB) && used(writes?.logs) > 20_000
          ? now
          : undefined;
      },
      // containerd counts root file systems every 10 s
      { timeoutMs: 20_000 },
    );
    const pod = loaded(seen);
    expect(pod?.volume?.map(({ name }) => name).sort()).toEqual(['disk', 'memory']);
    const memory = pod?.volume?.find(({ name }) => name === 'memory');
    expect(memory?.capacityBytes).toBeLessThan(pod?.volume?.find(({ name }) => name === 'disk')?.capacityBytes ?? 0);
    const storage = pod?.['ephemeral-storage'];
    // the file on the disk and that in the root file system, not that in memory
    expect(storage?.usedBytes).toBeGreaterThan(6 * MIB);
    expect(storage?.usedBytes).toBeLessThan(8.9 * MIB);
    expect(storage?.capacityBytes).toBe(seen.node.fs?.capacityBytes);
  });

  it('in a summary: its node', async () => {
    const { node } = await summary();
    expect(node.nodeName).toBe(target.host.name);
    expect(node.memory?.workingSetBytes).toBeGreaterThan(64 * MIB);
    expect(node.cpu?.usageCoreNanoSeconds).toBeGreaterThan(0);
    expect(node.fs?.capacityBytes).toBeGreaterThan(node.fs?.availableBytes ?? Number.NaN);
    expect(node.runtime?.imageFs?.usedBytes).toBeGreaterThan(0);
    expect(node.rlimit?.maxpid).toBeGreaterThan(node.rlimit?.curproc ?? Number.NaN);
    expect(node.systemContainers.map(({ name }) => name)).toEqual(['kubelet', 'pods']);
    const pods = node.systemContainers[1];
    expect(pods?.memory?.workingSetBytes).toBeGreaterThan(63 * MIB);
  });

  it('in a summary of CPU and memory alone: nothing else', async () => {
    const seen = await summary('?only_cpu_and_memory=true');
    expect(Object.keys(loaded(seen) ?? {}).sort()).toEqual(
      ['containers', 'cpu', 'memory', 'podRef', 'startTime', 'swap'].filter(key =>
        Object.hasOwn(loaded(seen) ?? {}, key),
      ),
    );
    expect(container(seen, 'burns')?.rootfs).toBeUndefined();
    expect(seen.node.fs).toBeUndefined();
  });

  it('in /metrics/resource, as metrics-server reads it', async () => {
    const text = await get('/metrics/resource');
    const pod = `namespace="default",pod="${kubelet.podName('loaded')}"`;
    expect(text).toContain('# TYPE container_cpu_usage_seconds_total counter\n');
    const value = (row: string): number =>
      Number(new RegExp(`^${row.replace(/[{}]/g, '\\$&')} (\\S+)( \\d{13})?$`, 'm').exec(text)?.[1]);
    expect(value(`container_cpu_usage_seconds_total{container="burns",${pod}}`)).toBeGreaterThan(0.1);
    expect(value(`container_memory_working_set_bytes{container="holds",${pod}}`)).toBeGreaterThan(63 * MIB);
    expect(value(`pod_memory_working_set_bytes{${pod}}`)).toBeGreaterThan(63 * MIB);
    expect(value(`container_start_time_seconds{container="holds",${pod}}`)).toBeGreaterThan(Date.now() / 1000 - 300);
    expect(value('node_cpu_usage_seconds_total')).toBeGreaterThan(0);
    expect(value('node_memory_working_set_bytes')).toBeGreaterThan(64 * MIB);
    expect(value('resource_scrape_error')).toBe(0);
  });

  it('in /metrics/cadvisor, under the names that dashboards know', async () => {
    const text = await get('/metrics/cadvisor');
    const uid = (await kubelet.pod('loaded'))?.metadata.uid;
    const row = new RegExp(
      `^container_cpu_usage_seconds_total\\{cpu="total",container="burns",id="/kubepods/\\S*pod${uid}/\\w{64}",image="\\S+",name="\\w{64}",namespace="default",pod="loaded-\\S+"\\} [\\d.]+ \\d{13}$`,
      'm',
    );
    expect(text).toMatch(row);
    expect(text).toMatch(/^container_spec_cpu_quota\{container="burns",\S+\} 50000$/m);
    expect(text).toMatch(/^container_spec_memory_limit_bytes\{container="holds",\S+\} 268435456$/m);
    expect(text).toMatch(/^machine_memory_bytes\{boot_id="\S+",machine_id="\S*",system_uuid="\S*"\} \d+$/m);
    expect(text).toMatch(/^container_scrape_error 0$/m);
  });

  it('in /metrics/probes, and there alone: how its probes ended', async () => {
    const row = /^prober_probe_total\{probe_type="Readiness",result="successful",container="burns",\S+\} \d+$/m;
    await waitFor('a probe', async () => row.test(await get('/metrics/probes')));
    expect(await get('/metrics')).not.toContain('prober_probe_total');
  });
});
