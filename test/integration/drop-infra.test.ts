import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FAULT_POINTS, type FaultPoint } from '../../src/linux/fault-point.ts';
import {
  ContainerConfig,
  ContainerState,
  NamespaceMode,
  PodSandboxConfig,
  PodSandboxState,
} from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig, removeCriPod, runCriPod } from '../harness/cri-pod.ts';
import { armedFaults, armFaults, killAndRestart } from '../harness/fault.ts';
import { run } from '../harness/host.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { PodLife } from '../harness/pod-life.ts';
import { seededRandom } from '../harness/random.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Passed only where there is a pause process to make. */
const OF_INFRA: ReadonlySet<FaultPoint> = new Set([
  'cri/run-pod-sandbox/spec-written',
  'cri/run-pod-sandbox/infra-created',
  'cri/run-pod-sandbox/infra-started',
]);
const POINTS = FAULT_POINTS.filter(p => /^cri\/(run|stop|remove)-pod-sandbox\//.test(p) && !OF_INFRA.has(p));
const random = seededRandom();
const from = random.below(POINTS.length - 2);
const CHOSEN = process.env['GANTRY_SOAK'] === '1' ? POINTS : POINTS.slice(from, from + 3);

let target: RuntimeHost;
beforeAll(async () => {
  target = await gantryHost({ criConfig: 'dropInfra: true\n' });
});
afterAll(() => target.delete());

/** A pod whose group nobody made before: the shim takes all of it away. */
function ownGroup(name: string, linux: object = {}): PodSandboxConfig {
  const config = podConfig(name);
  return PodSandboxConfig.fromPartial({ ...config, linux: { ...config.linux, cgroupParent: '', ...linux } });
}

async function addContainer(
  podSandboxId: string,
  sandboxConfig: PodSandboxConfig,
  name: string,
  namespaceOptions = sandboxConfig.linux?.securityContext?.namespaceOptions,
): Promise<string> {
  const config = ContainerConfig.fromPartial({
    ...containerConfig(['/bin/sleep', '100000']),
    metadata: { name, attempt: 0 },
    linux: { securityContext: { namespaceOptions } },
  });
  const { containerId } = await target.client.createContainer({ podSandboxId, config, sandboxConfig });
  await target.client.startContainer({ containerId });
  return containerId;
}

async function sh(containerId: string, script: string): Promise<string> {
  const { stdout, stderr } = await target.client.execSync({ containerId, cmd: ['sh', '-c', script], timeout: 10n });
  return `${stdout}${stderr}`.trim();
}

async function remove(podSandboxId: string): Promise<void> {
  await target.client.stopPodSandbox({ podSandboxId });
  await target.client.removePodSandbox({ podSandboxId });
  await expectNoLeftovers(target);
}

const state = async (podSandboxId: string): Promise<PodSandboxState | undefined> =>
  (await target.client.podSandboxStatus({ podSandboxId, verbose: false })).status?.state;

async function killShim(): Promise<void> {
  await killAndRestart(target.service);
  await waitFor('the shim to answer', () => target.client.version({ version: '' }, { timeoutMs: 2_000 }));
}

/** By the beginning of their command lines: the first process of a host is catatonit too. */
const count = async (program: string): Promise<number> =>
  Number((await target.host.exec(['pgrep', '-fc', `^(/usr/bin)?/${program}`])).stdout.trim());

describe('a pod without a pause process', () => {
  it('has its own name, network, parameters and shared memory, and its containers share them', async () => {
    const sysctls = { 'net.ipv4.ip_local_port_range': '20000 30000', 'kernel.shm_rmid_forced': '1' };
    const config = ownGroup('bare', { sysctls });
    const { podSandboxId } = await target.client.runPodSandbox({ config, runtimeHandler: '' });
    expect([await state(podSandboxId), await count('catatonit -P'), await count('conmon')]).toEqual([
      PodSandboxState.SANDBOX_READY,
      0,
      0,
    ]);
    const a = await addContainer(podSandboxId, config, 'a');
    const b = await addContainer(podSandboxId, config, 'b');
    expect(await sh(a, 'hostname')).toBe('bare');
    expect(await sh(a, 'cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced')).toBe(
      '20000\t30000\n1',
    );
    const namespaces = 'for n in net ipc uts pid; do readlink /proc/1/ns/$n; done';
    const [ofA = '', ofB = '', ofHost = ''] = await Promise.all([
      sh(a, namespaces),
      sh(b, namespaces),
      run(target.host, ['sh', '-c', namespaces]),
    ]);
    const [netA, ipcA, utsA, pidA] = ofA.split('\n');
    const [netB, ipcB, utsB, pidB] = ofB.split('\n');
    expect([netA, ipcA, utsA]).toEqual([netB, ipcB, utsB]);
    expect(pidA).not.toBe(pidB);
    expect([netA, ipcA, utsA].filter(n => ofHost.includes(n ?? 'none'))).toEqual([]);
    await sh(a, 'echo shared > /dev/shm/file');
    expect(await sh(b, 'cat /dev/shm/file')).toBe('shared');
    const { stats } = await target.client.podSandboxStats({ podSandboxId });
    expect(stats?.linux?.network?.defaultInterface?.name).toBe('eth0');
    await remove(podSandboxId);
  });

  it('lives through a kill -9 of the shim, and can be used and ended by the next one', async () => {
    const config = ownGroup('lasting');
    const { podSandboxId } = await target.client.runPodSandbox({ config, runtimeHandler: '' });
    const first = await addContainer(podSandboxId, config, 'first');
    await killShim();
    expect(await state(podSandboxId)).toBe(PodSandboxState.SANDBOX_READY);
    const second = await addContainer(podSandboxId, config, 'second');
    expect(await sh(second, 'readlink /proc/1/ns/uts')).toBe(await sh(first, 'readlink /proc/1/ns/uts'));
    await remove(podSandboxId);
  });

  it('whose namespaces went while the shim was away is not ready, and can be removed', async () => {
    const config = ownGroup('torn');
    const { podSandboxId } = await target.client.runPodSandbox({ config, runtimeHandler: '' });
    await run(target.host, ['umount', `/run/gantry/cri/netns/${podSandboxId}.ipc`]);
    await killShim();
    expect(await state(podSandboxId)).toBe(PodSandboxState.SANDBOX_NOTREADY);
    await remove(podSandboxId);
  });

  it('has no pid namespace to share, and says so to a container that asks', async () => {
    const config = ownGroup('private');
    const { podSandboxId } = await target.client.runPodSandbox({ config, runtimeHandler: '' });
    const options = { ...config.linux?.securityContext?.namespaceOptions, pid: NamespaceMode.POD };
    await expect(
      addContainer(podSandboxId, config, 'nosy', options as Parameters<typeof addContainer>[3]),
    ).rejects.toThrow('made without a pid namespace to share');
    await remove(podSandboxId);
  });

  it('is none where containers share a pid namespace', async () => {
    const namespaceOptions = { network: 0, pid: NamespaceMode.POD, ipc: 0 };
    const config = ownGroup('sharing', { securityContext: { namespaceOptions } });
    const { podSandboxId } = await target.client.runPodSandbox({ config, runtimeHandler: '' });
    expect(await count('catatonit -P')).toBe(1);
    const id = await addContainer(podSandboxId, config, 'a');
    expect(await sh(id, 'cat /proc/1/comm')).toBe('catatonit');
    await remove(podSandboxId);
  });

  it('costs a process less, of a monitor and of a pause', async () => {
    const pod = await runCriPod(target.client, 'small');
    expect([await count('conmon'), await count('catatonit -P')]).toEqual([1, 0]);
    await removeCriPod(target.client, pod);
  });
});

describe(`kill -9 of the shim with a pod without a pause process (seed ${random.seed}; GANTRY_SEED repeats it)`, () => {
  it.each(CHOSEN)('at %s: the pod runs once when its caller tries again, and nothing is left', async point => {
    armFaults(target.host, target.service, [point]);
    const life = new PodLife(target, 'faulty', true);
    const sandboxId = await life.start();
    const { items } = await target.client.listPodSandbox({ filter: undefined });
    expect(items.map(({ id, state: is }) => [id, is])).toEqual([[sandboxId, PodSandboxState.SANDBOX_READY]]);
    const { containers } = await target.client.listContainers({ filter: undefined });
    expect(containers.map(c => c.state)).toEqual([ContainerState.CONTAINER_RUNNING]);
    await life.use();
    expect(life.begun()).toBe(1);
    expect(await life.stop(sandboxId)).toMatchObject({ exitCode: 7 });
    await waitFor('the shim to have died where it should', saw => {
      const left = armedFaults(target.host, target.service);
      saw(left);
      return left.length === 0;
    });
    await waitFor(
      'no namespace to be bound any more',
      () => readdirSync(target.host.path('/run/gantry/cri/netns')).length === 0,
    );
    await target.host.exec(['rm', '-rf', '/var/log/pods']);
  });
});
