import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { detectCgroups } from '../../src/linux/cgroup-layout.ts';
import { PROJECT } from '../harness/gantry-command.ts';
import { httpGet, run } from '../harness/host.ts';
import { type KubeletHost, podManifest, type SeenPod, startKubelet, WAIT } from '../harness/kubelet.ts';
import { type RuntimeHost, type RuntimeName, runtimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const RUNTIMES: readonly RuntimeName[] = ['gantry', 'containerd'];

/** Limits as the kernel has them, from the container's group: v1 hierarchies or the v2 tree, as the machine has it. */
async function limits(kubelet: KubeletHost, pod: SeenPod): Promise<{ memory: string; quota: string; shares: string }> {
  const { host } = kubelet.target;
  const id = pod.status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? 'none';
  const find = async (name: string): Promise<string> =>
    (await run(host, ['find', '/sys/fs/cgroup', '-name', name, '-path', `*pod${pod.metadata.uid}*${id}*`])).split(
      '\n',
    )[0] ?? '';
  const read = async (name: string): Promise<string> => (await run(host, ['cat', await find(name)])).trim();
  return detectCgroups().version === 2
    ? {
        memory: await read('memory.max'),
        quota: await read('cpu.max'),
        shares: await read('cpu.weight'),
      }
    : {
        memory: await read('memory.limit_in_bytes'),
        quota: `${await read('cpu.cfs_quota_us')} ${await read('cpu.cfs_period_us')}`,
        shares: await read('cpu.shares'),
      };
}

describe.each(RUNTIMES)('a pod from a manifest, by our kubelet on %s', runtime => {
  let target: RuntimeHost;
  let kubelet: KubeletHost;
  beforeAll(async () => {
    target = await runtimeHost(runtime);
    kubelet = await startKubelet(target);
  });
  afterAll(() => target.delete());

  it('runs the example with its limits in the cgroup, logs its line, and is taken away with its file', async () => {
    kubelet.writeManifest('first-pod.yaml', readFileSync(`${PROJECT}/examples/first-pod.yaml`, 'utf8'));
    const pod = await kubelet.running('first-pod');
    expect(pod.status.podIP).toMatch(/^10\.244\.0\.\d+$/);
    // 500m and 64Mi; a request of 100m is 102 shares, which v2 turns into a weight of 4
    expect(await limits(kubelet, pod)).toEqual({
      memory: String(64 << 20),
      quota: '50000 100000',
      shares: detectCgroups().version === 2 ? '4' : '102',
    });
    const log = target.host.path(
      `/var/log/pods/default_${kubelet.podName('first-pod')}_${pod.metadata.uid}/hello/0.log`,
    );
    await waitFor('the log line', () => / stdout F hello from first-pod/.test(readFileSync(log, 'utf8')));
    kubelet.removeManifest('first-pod.yaml');
    await kubelet.gone('first-pod');
    expect((await target.client.listPodSandbox({ filter: undefined })).items).toEqual([]);
    expect((await target.client.listContainers({ filter: undefined })).containers).toEqual([]);
    expect(await run(target.host, ['find', '/sys/fs/cgroup', '-path', `*pod${pod.metadata.uid}*`, '-type', 'd'])).toBe(
      '',
    );
  });

  it('lets nobody into its pods by a port that asks nobody who he is', async () => {
    const { status, body } = await httpGet(target.host, 10250, '/exec/default/first-pod/hello?command=id&output=1');
    expect([status, body]).toEqual([405, expect.stringContaining('authorization.mode: AlwaysAllow')]);
  });

  it('lets two pods reach each other by IP, and one reach itself', async () => {
    const serve = 'httpd -p 8080 -h /www; trap "exit 0" TERM; sleep 100000 & wait';
    kubelet.writeManifest('a.yaml', podManifest('net-a', serve));
    kubelet.writeManifest('b.yaml', podManifest('net-b', serve));
    const [a, b] = await Promise.all([kubelet.running('net-a'), kubelet.running('net-b')]);
    expect(a.status.podIP).not.toBe(b.status.podIP);
    const fetchFrom = async (from: SeenPod, ip: string): Promise<string> => {
      const containerId = from.status?.containerStatuses?.[0]?.containerID?.replace(/^.*:\/\//, '') ?? '';
      const { stdout, exitCode } = await target.client.execSync({
        containerId,
        cmd: ['timeout', '5', 'wget', '-q', '-O', '-', `http://${ip}:8080/`],
        timeout: 10n,
      });
      return `${exitCode} ${Buffer.from(stdout).toString('utf8')}`;
    };
    for (const [from, to] of [
      [a, b],
      [b, a],
      [a, a],
    ] as const)
      await waitFor(`${from.metadata.name} to reach ${to.metadata.name}`, async saw => {
        const answer = await fetchFrom(from, to.status.podIP);
        saw(answer);
        return answer === '0 hello from a pod\n';
      });
    kubelet.removeManifest('a.yaml');
    kubelet.removeManifest('b.yaml');
    await Promise.all([kubelet.gone('net-a'), kubelet.gone('net-b')]);
  });

  it('starts a container again that ended, and says how often', async () => {
    kubelet.writeManifest('again.yaml', podManifest('again', 'sleep 0.2; exit 3'));
    await waitFor('a second start', async saw => {
      const status = (await kubelet.pod('again'))?.status?.containerStatuses?.[0];
      saw(status);
      return status !== undefined && status.restartCount >= 1;
    });
    kubelet.removeManifest('again.yaml');
    await kubelet.gone('again');
  });

  it('takes several documents of a file as several pods', async () => {
    const documents = ['many-1', 'many-2'].map(name => podManifest(name, WAIT));
    kubelet.writeManifest('many.yaml', documents.join('\n---\n'));
    await Promise.all([kubelet.running('many-1'), kubelet.running('many-2')]);
    kubelet.writeManifest('many.yaml', documents[1] ?? '');
    await kubelet.gone('many-1');
    await kubelet.running('many-2');
    kubelet.removeManifest('many.yaml');
    await kubelet.gone('many-2');
  });
});
