/** Logs of containers under conmon's limit, under the kubelet's rotation, and under both. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { boundPod, type ClusterNode, clusterNode } from '../harness/cluster-node.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const LOG_SIZE_MAX = 400_000;
const SOAK = process.env['GANTRY_SOAK'] === '1';

describe('a log under the limit of its monitor', () => {
  let target: RuntimeHost;
  beforeAll(async () => {
    target = await gantryHost({ criConfig: `logSizeMax: ${LOG_SIZE_MAX}\n` });
  });
  afterAll(() => target.delete());

  async function start(name: string, script: string): Promise<{ sandboxId: string; containerId: string; log: string }> {
    const { client, host } = target;
    const sandboxConfig = podConfig(name);
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    const config = containerConfig(['/bin/sh', '-c', script]);
    const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
    await client.startContainer({ containerId });
    return { sandboxId: podSandboxId, containerId, log: host.path(`${sandboxConfig.logDirectory}/main/0.log`) };
  }
  async function remove(podSandboxId: string): Promise<void> {
    await target.client.stopPodSandbox({ podSandboxId });
    await target.client.removePodSandbox({ podSandboxId });
  }
  const directoryOf = (log: string): string => log.slice(0, log.lastIndexOf('/'));
  const names = (log: string): readonly string[] => readdirSync(directoryOf(log)).sort();
  /** On the disk: a file with two names counts once. */
  function bytes(log: string): number {
    const sizes = new Map<bigint, number>();
    for (const name of names(log)) {
      const file = statSync(`${directoryOf(log)}/${name}`, { bigint: true, throwIfNoEntry: false });
      if (file !== undefined) sizes.set(file.ino, Number(file.size));
    }
    return [...sizes.values()].reduce((sum, size) => sum + size, 0);
  }
  const isRunning = async (containerId: string): Promise<boolean> =>
    (await target.client.containerStatus({ containerId, verbose: false })).status?.state === 1;

  it('loses no line when a kubelet rotates it besides', async () => {
    const LINES = 9_000;
    const { sandboxId, containerId, log } = await start(
      'numbers',
      `i=0; while [ $i -lt ${LINES} ]; do i=$((i+1)); echo "line $i of a log that has some length, so that limits are met soon"; [ $((i % 50)) = 0 ] && sleep 0.03; done; exit 0`,
    );
    const collected: string[] = [];
    const collect = (): void => {
      for (const name of names(log).filter(each => /^0\.log\./.test(each) && each !== '0.log.tmp')) {
        collected.push(readFileSync(`${directoryOf(log)}/${name}`, 'utf8'));
        rmSync(`${directoryOf(log)}/${name}`);
      }
    };
    let rotations = 0;
    await waitFor(
      'the program to end',
      async () => {
        if (!(await isRunning(containerId))) return true;
        collect();
        renameSync(log, `${log}.99991231-235959`);
        rotations += 1;
        // a program that has ended meanwhile has no log to begin
        await target.client.reopenContainerLog({ containerId }).catch(() => undefined);
        return false;
      },
      { pauseMs: 100 },
    );
    collect();
    if (names(log).includes('0.log')) collected.push(readFileSync(log, 'utf8'));
    const seen = collected.join('').matchAll(/ line (\d+) of/g);
    const numbers = [...seen].map(([, number]) => Number(number)).sort((a, b) => a - b);
    expect(rotations).toBeGreaterThan(5);
    expect(numbers).toEqual(Array.from({ length: LINES }, (_, i) => i + 1));
    expect(names(log).filter(name => name !== '0.log')).toEqual([]);
    await remove(sandboxId);
  });

  it('stays within three times the limit however much is written, and nobody waits', async () => {
    const calm = await start('calm', 'while :; do echo calm; sleep 0.1; done');
    const wild = await start('wild', 'yes "a line of some fifty characters that says nothing new"');
    const { host, client, service } = target;
    const { info } = await client.containerStatus({ containerId: wild.containerId, verbose: true });
    const { pid } = JSON.parse(info['info'] ?? '{}') as { pid: number };
    const written = (): number =>
      Number(/wchar: (\d+)/.exec(readFileSync(host.path(`/proc/${pid}/io`), 'utf8'))?.[1] ?? 0);
    const cpuTicks = (): number => {
      const fields = readFileSync(host.path(`/proc/${service.pid()}/stat`), 'utf8').split(' ');
      return Number(fields[13]) + Number(fields[14]);
    };
    const startedAt = performance.now();
    const cpuBefore = cpuTicks();
    let most = 0;
    // over at least one look of the shim
    await waitFor(
      'the wild one to have written for a while',
      saw => {
        most = Math.max(most, bytes(wild.log));
        saw({ written: written(), most });
        return performance.now() - startedAt > (SOAK ? 60_000 : 11_000);
      },
      { timeoutMs: 90_000 },
    );
    const seconds = (performance.now() - startedAt) / 1000;
    // two cores that others use as well: conmon alone takes some 100 MB/s on a quiet one
    expect(written() / seconds).toBeGreaterThan(LOG_SIZE_MAX);
    expect(most).toBeLessThanOrEqual(3 * LOG_SIZE_MAX + 65_536);
    expect((cpuTicks() - cpuBefore) / 100 / seconds).toBeLessThan(0.1);
    const times = readFileSync(calm.log, 'utf8')
      .split('\n')
      .flatMap(line => (line === '' ? [] : [Date.parse(line.slice(0, line.indexOf(' ')))]));
    const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(Math.max(...pauses)).toBeLessThan(3_000);
    await remove(wild.sandboxId);
    await remove(calm.sandboxId);
    expect(names(wild.log).filter(name => name.endsWith('.kept'))).toEqual([]);
  });

  it('is unlimited where the configuration says so', async () => {
    const { host, service, client } = target;
    writeFileSync(host.path('/etc/gantry/cri.yaml'), 'logSizeMax: 0\n');
    await service.stop();
    service.start();
    await waitFor('the shim to serve', () => client.version({ version: '' }));
    const { sandboxId, containerId, log } = await start('long', 'head -c 2000000 /dev/zero | tr "\\0" x; exit 0');
    await waitFor('the program to end', async () => !(await isRunning(containerId)));
    expect(statSync(log).size).toBeGreaterThan(2_000_000);
    await remove(sandboxId);
    for (const hierarchy of readdirSync(host.path('/sys/fs/cgroup')))
      for (const name of ['numbers', 'calm', 'wild', 'long'])
        rmSync(host.path(`/sys/fs/cgroup/${hierarchy}/kubepods/poduid-${name}`), { force: true, recursive: true });
    await expectNoLeftovers(target);
  });
});

describe('a log that the kubelet rotates', () => {
  const CONFIG = '/etc/kubernetes/kubelet-rotation.yaml';
  const KUBELET = {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    containerLogMaxSize: '20Ki',
    containerLogMaxFiles: 3,
    containerLogMonitorInterval: '3s',
    failSwapOn: false,
  };
  let node: ClusterNode;
  beforeAll(async () => {
    node = await clusterNode({
      kubeletArgs: ['--config', CONFIG],
      prepare: host => {
        mkdirSync(host.path('/etc/kubernetes'), { recursive: true });
        writeFileSync(host.path(CONFIG), JSON.stringify(KUBELET));
      },
    });
  });
  afterAll(() => node?.delete());

  it('is followed without a gap, is compressed, and keeps as many files as are allowed', async () => {
    const script =
      'i=0; while [ ! -e /tmp/end ]; do i=$((i+1)); echo "line $i of a log"; sleep 0.002; done; echo end; sleep 1000';
    const pod = await node.pods.create(boundPod(node.name, 'grows', script));
    const { status } = await node.running('grows');
    const containerId = status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? '';
    const directory = node.target.host.path(`/var/log/pods/default_grows_${pod.metadata.uid}/main`);
    const { pieces } = await node.admin.stream({
      method: 'GET',
      path: '/api/v1/namespaces/default/pods/grows/log?follow=true',
    });
    const followed: string[] = [];
    const following = (async () => {
      for await (const piece of pieces) {
        followed.push(String(piece));
        if (String(piece).endsWith('end\n')) return;
      }
    })();
    const rotated = new Set<string>();
    await waitFor(
      'three rotations',
      saw => {
        for (const name of readdirSync(directory)) if (name.startsWith('0.log.')) rotated.add(name.slice(0, 21));
        saw([...rotated]);
        return rotated.size >= 3;
      },
      { timeoutMs: 60_000 },
    );
    await node.target.client.execSync({ containerId, cmd: ['touch', '/tmp/end'], timeout: 10n });
    await following;
    const lines = followed.join('').split('\n').slice(0, -2);
    expect(lines).toEqual(lines.map((_, i) => `line ${i + 1} of a log`));
    expect(lines.length).toBeGreaterThan(500);
    const names = readdirSync(directory)
      .filter(name => !name.startsWith('.'))
      .sort();
    expect(names).toEqual([
      '0.log',
      expect.stringMatching(/^0\.log\.\d{8}-\d{6}\.gz$/),
      expect.stringMatching(/^0\.log\.\d{8}-\d{6}$/),
    ]);
    const [, compressed = ''] = names;
    expect(String(gunzipSync(readFileSync(`${directory}/${compressed}`)))).toMatch(/ stdout F line \d+ of a log\n$/);
    // what was rotated is not in what is asked for now, as upstream
    const tail = await node.admin.call({
      method: 'GET',
      path: '/api/v1/namespaces/default/pods/grows/log?tailLines=1',
    });
    expect(String(tail.body)).toBe('end\n');
  });
});
