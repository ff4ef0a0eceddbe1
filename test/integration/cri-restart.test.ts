/** What a start of the shim makes of pods whose processes, state or machine went while it was away. */
import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ContainerStatus } from '../../src/rpc/cri-api.ts';
import { type CriPod, containerConfig, podConfig, runCriPod } from '../harness/cri-pod.ts';
import { armedFaults, armFaults } from '../harness/fault.ts';
import { run } from '../harness/host.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const STATE = '/run/gantry/cri';
const NAME = 'restarted';
const BOOT_ID = '/proc/sys/kernel/random/boot_id';
const LOST = 'the monitor process (conmon) of the container died, so its exit status is lost; the container was killed';

let target: RuntimeHost;
beforeAll(async () => {
  target = await gantryHost();
});
afterAll(() => target.delete());

const bundleOf = (id: string): string =>
  existsSync(target.host.path(`${STATE}/sandboxes/${id}`)) ? `${STATE}/sandboxes/${id}` : `${STATE}/containers/${id}`;
/** Pids in the host's own numbers. */
const pidIn = (id: string, file: string): string =>
  readFileSync(target.host.path(`${bundleOf(id)}/${file}`), 'utf8').trim();
const monitorOf = (id: string): string => pidIn(id, 'conmon.pid');
const initOf = (id: string): string => pidIn(id, 'container.pid');

/** Ends processes, one after another, and waits until each is gone. */
async function kill(...pids: readonly string[]): Promise<void> {
  for (const pid of pids)
    await run(target.host, ['sh', '-c', 'kill -9 $1; while kill -0 $1 2>/dev/null; do sleep 0.02; done', 'sh', pid]);
}

/** Has something happen while no shim is there. */
async function whileDown(happens: () => void | Promise<void>): Promise<void> {
  await target.service.stop();
  await happens();
  target.service.start();
  await serving();
}
const serving = (): Promise<unknown> => waitFor('the shim to serve', () => target.client.version({ version: '' }));

async function statusOf({ containerId }: CriPod): Promise<ContainerStatus | undefined> {
  return (await target.client.containerStatus({ containerId, verbose: false })).status;
}
const isReady = async ({ sandboxId }: CriPod): Promise<boolean> =>
  (await target.client.podSandboxStatus({ podSandboxId: sandboxId, verbose: false })).status?.state === 0;

/** The calls of a kubelet that ends a pod, each as it makes it, and a look that nothing of it is left. */
async function removeWhole({ sandboxId, containerId }: CriPod): Promise<void> {
  await target.client.stopContainer({ containerId, timeout: 1n });
  await target.client.stopPodSandbox({ podSandboxId: sandboxId });
  await target.client.removeContainer({ containerId });
  await target.client.removePodSandbox({ podSandboxId: sandboxId });
  await expectClean();
}
async function expectClean(): Promise<void> {
  const root = target.host.path('/sys/fs/cgroup');
  for (const hierarchy of ['.', ...readdirSync(root)]) {
    const group = `${root}/${hierarchy}/kubepods/poduid-${NAME}`;
    if (existsSync(group)) rmdirSync(group);
  }
  await expectNoLeftovers(target);
}

/** A pod whose container was made and not started. */
async function createdPod(): Promise<CriPod> {
  const { client } = target;
  const sandboxConfig = podConfig(NAME);
  const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
  const config = containerConfig(['/bin/sleep', '100000']);
  const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
  return { sandboxId: podSandboxId, containerId, times: { sandbox: 0, create: 0, start: 0, total: 0 } };
}

/** The same in the middle of its start: the runtime has made it, and its program is not begun. */
async function halfStartedPod(): Promise<CriPod> {
  const { client, host, service } = target;
  const pod = await createdPod();
  armFaults(host, service, ['cri/start-container/init-recorded']);
  await client.startContainer({ containerId: pod.containerId }).catch(() => undefined);
  await serving();
  expect(armedFaults(host, service)).toEqual([]);
  return pod;
}

describe('processes that died while the shim was away', () => {
  it.each([
    ['the monitor of a half started container', halfStartedPod, (pod: CriPod) => kill(monitorOf(pod.containerId))],
    ['the monitor of a running container', undefined, (pod: CriPod) => kill(monitorOf(pod.containerId))],
    ['monitor and container', undefined, (pod: CriPod) => kill(monitorOf(pod.containerId), initOf(pod.containerId))],
  ] as const)('%s: it is EXITED 255 with the reason, nothing of it runs', async (_what, make, dies) => {
    const pod = await (make ?? (() => runCriPod(target.client, NAME)))();
    const init = initOf(pod.containerId);
    await whileDown(() => dies(pod));
    expect(await statusOf(pod)).toMatchObject({ state: 2, exitCode: 255, reason: 'Unknown', message: LOST });
    await waitFor('its process to be gone', () => !existsSync(target.host.path(`/proc/${init}`)));
    expect(await isReady(pod)).toBe(true);
    await removeWhole(pod);
  });

  it('none: a container that was made and not started is CREATED as before, and can be started', async () => {
    const pod = await createdPod();
    await whileDown(() => undefined);
    expect(await statusOf(pod)).toMatchObject({ state: 0 });
    await target.client.startContainer({ containerId: pod.containerId });
    expect(await statusOf(pod)).toMatchObject({ state: 1 });
    await removeWhole(pod);
  });

  it('the container alone: its end is told as the monitor saw it', async () => {
    const pod = await runCriPod(target.client, NAME);
    await whileDown(() => kill(initOf(pod.containerId)));
    expect(await statusOf(pod)).toMatchObject({ state: 2, exitCode: 137, reason: 'Error' });
    await removeWhole(pod);
  });

  it.each([
    ['the infra process', (pod: CriPod) => kill(initOf(pod.sandboxId))],
    ['its monitor and itself', (pod: CriPod) => kill(monitorOf(pod.sandboxId), initOf(pod.sandboxId))],
  ] as const)('%s: the sandbox is NOTREADY, its container runs on, the pod can be removed', async (_what, dies) => {
    const pod = await runCriPod(target.client, NAME);
    await whileDown(() => dies(pod));
    expect(await isReady(pod)).toBe(false);
    expect(await statusOf(pod)).toMatchObject({ state: 1 });
    await removeWhole(pod);
  });

  it('others that have their pids by now are left alone', async () => {
    const pod = await runCriPod(target.client, NAME);
    const file = `${target.host.dataDir}/innocent.log`;
    const innocent = target.host.spawn(['tail', '-f', file], { logFile: file });
    try {
      const pid = (
        await waitFor('the other program', () => run(target.host, ['pgrep', '-xf', `tail -f ${file}`]))
      ).trim();
      const recordFile = target.host.path(`/var/lib/gantry/containers/${pod.containerId}/record.json`);
      const init = initOf(pod.containerId);
      await whileDown(async () => {
        await kill(monitorOf(pod.containerId), init);
        const record = readFileSync(recordFile, 'utf8').trim().split('\n').at(-1) ?? '';
        writeFileSync(recordFile, `\n${record.replaceAll(/"pid":\d+/g, `"pid":${pid}`)}\n`);
      });
      expect(await statusOf(pod)).toMatchObject({ state: 2, exitCode: 255, reason: 'Unknown' });
      await removeWhole(pod);
      expect(existsSync(target.host.path(`/proc/${pid}`))).toBe(true);
    } finally {
      innocent.kill();
      await innocent.exited;
    }
  });
});

describe("the runtime's own state that went while the shim was away", () => {
  it('takes no container along, and the pod can be stopped and removed', async () => {
    const pod = await runCriPod(target.client, NAME);
    const [runtime = ''] = ['crun', 'runc'].filter(name =>
      existsSync(target.host.path(`${STATE}/${name}/${pod.containerId}`)),
    );
    await whileDown(() => rmSync(target.host.path(`${STATE}/${runtime}`), { recursive: true }));
    expect(await statusOf(pod)).toMatchObject({ state: 1 });
    expect(await isReady(pod)).toBe(true);
    await target.client.stopContainer({ containerId: pod.containerId, timeout: 0n });
    expect(await statusOf(pod)).toMatchObject({ state: 2, exitCode: 137 });
    await removeWhole(pod);
  });
});

describe('a machine that was restarted', () => {
  /** Ends all that runs and takes away what a reboot takes: the host's own boot id stays, so one is laid over it. */
  async function reboot(pod: CriPod, keepsState: boolean, bootId: string): Promise<void> {
    const { host } = target;
    // the monitors first: a power cut lets nobody write an exit file
    const { sandboxId, containerId } = pod;
    await kill(...[containerId, sandboxId].map(monitorOf), ...[containerId, sandboxId].map(initOf));
    const unmountAll = `awk '$2 ~ "^${STATE}/" {print $2}' /proc/mounts | sort -r | while read m; do umount -l "$m"; done`;
    await run(host, ['sh', '-c', unmountAll]);
    if (!keepsState)
      for (const name of readdirSync(host.path(STATE))) rmSync(host.path(`${STATE}/${name}`), { recursive: true });
    const root = host.path('/sys/fs/cgroup');
    await run(host, ['sh', '-c', `find /sys/fs/cgroup -depth -type d -path "*poduid-${NAME}*" -exec rmdir {} +`]);
    expect(existsSync(`${root}/kubepods/poduid-${NAME}`)).toBe(false);
    writeFileSync(host.path('/run/boot-id'), `${bootId}\n`);
    await run(host, ['mount', '--bind', '/run/boot-id', BOOT_ID]);
  }

  it.each([
    ['whose state went with it', false, '00000000-0000-4000-8000-000000000001'],
    ['whose state is on a disk', true, '00000000-0000-4000-8000-000000000002'],
  ])(
    '%s: the sandbox is NOTREADY, the container EXITED 255, both can be removed, the next pod runs',
    async (_what, keepsState, bootId) => {
      const pod = await runCriPod(target.client, NAME);
      await whileDown(() => reboot(pod, keepsState, bootId));
      expect(await isReady(pod)).toBe(false);
      const message = 'the machine was restarted while the container ran';
      expect(await statusOf(pod)).toMatchObject({ state: 2, exitCode: 255, reason: 'Unknown', message });
      // as the kubelet does: a new sandbox beside the old one, which is removed later
      const config = {
        ...podConfig(NAME),
        metadata: { name: NAME, uid: `uid-${NAME}`, namespace: 'default', attempt: 1 },
      };
      const { podSandboxId } = await target.client.runPodSandbox({ config, runtimeHandler: '' });
      const { status } = await target.client.podSandboxStatus({ podSandboxId, verbose: false });
      expect(status?.network?.ip).toMatch(/^10\.244\.0\./);
      await target.client.stopPodSandbox({ podSandboxId });
      await target.client.removePodSandbox({ podSandboxId });
      await removeWhole(pod);
    },
  );
});

describe('records that cannot be written', () => {
  /** Lays a read-only view over a directory of records. */
  async function readOnly(directory: string, during: () => Promise<void>): Promise<void> {
    await run(target.host, ['mount', '--bind', directory, directory]);
    await run(target.host, ['mount', '-o', 'remount,bind,ro', directory]);
    try {
      await during();
    } finally {
      await run(target.host, ['umount', directory]);
    }
  }

  it('of a sandbox: RunPodSandbox says why, and leaves nothing', async () => {
    await readOnly('/var/lib/gantry/sandboxes', async () => {
      const asked = target.client.runPodSandbox({ config: podConfig(NAME), runtimeHandler: '' });
      await expect(asked).rejects.toThrow(/cannot write \/var\/lib\/gantry\/sandboxes\/[0-9a-f]{64}\.json: EROFS/);
    });
    await expectClean();
  });

  it('of a container: CreateContainer says why, and leaves nothing', async () => {
    const { client } = target;
    const sandboxConfig = podConfig(NAME);
    const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
    const config = containerConfig(['/bin/sleep', '100000']);
    await readOnly('/var/lib/gantry/containers', async () => {
      await expect(client.createContainer({ podSandboxId, config, sandboxConfig })).rejects.toThrow(/EROFS/);
    });
    expect(readdirSync(target.host.path('/var/lib/gantry/containers'))).toEqual([]);
    expect(readdirSync(target.host.path(`${STATE}/containers`))).toEqual([]);
    await client.stopPodSandbox({ podSandboxId });
    await client.removePodSandbox({ podSandboxId });
    await expectClean();
  });

  it('does not keep a pod from being stopped, and a restart finds the same; it is removed when there is room again', async () => {
    const { client } = target;
    const pod = await runCriPod(client, NAME);
    await readOnly('/var/lib/gantry/sandboxes', async () => {
      await client.stopContainer({ containerId: pod.containerId, timeout: 0n });
      await client.stopPodSandbox({ podSandboxId: pod.sandboxId });
      expect(await isReady(pod)).toBe(false);
      await whileDown(() => undefined);
      expect(await isReady(pod)).toBe(false);
      await expect(client.removePodSandbox({ podSandboxId: pod.sandboxId })).rejects.toThrow(/EROFS/);
    });
    await removeWhole(pod);
  });
});
