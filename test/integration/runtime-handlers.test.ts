import { existsSync, writeFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ContainerState,
  PodSandboxConfig,
  PodSandboxState,
  UpdateContainerResourcesRequest,
} from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig, removeCriPod } from '../harness/cri-pod.ts';
import { killAndRestart } from '../harness/fault.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

const CONFIG = `
runtimes:
  second: { path: /usr/sbin/runc }
  missing: { path: /opt/none/kata }
`;
/** What a pod asks for, with the directory in which the runtime behind it keeps its state. */
const HANDLERS = [
  ['runc', 'runc', '/run/gantry/cri/runc'],
  ['second', 'runc', '/run/gantry/cri/handlers/second/containers'],
] as const;

let target: RuntimeHost;
beforeAll(async () => {
  target = await gantryHost({ criConfig: CONFIG });
});
afterAll(() => target.delete());

/** A pod whose group nobody made before, as crictl asks for it: then the shim takes all of it away. */
function ownGroup(name: string): PodSandboxConfig {
  const config = podConfig(name);
  return PodSandboxConfig.fromPartial({ ...config, linux: { ...config.linux, cgroupParent: '' } });
}

interface HandledPod {
  readonly sandboxId: string;
  readonly containerId: string;
}

async function runPod(name: string, runtimeHandler: string): Promise<HandledPod> {
  const { client } = target;
  const sandboxConfig = ownGroup(name);
  const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler });
  const config = containerConfig(['/bin/sleep', '100000']);
  const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
  await client.startContainer({ containerId });
  return { sandboxId: podSandboxId, containerId };
}

async function remove(pod: HandledPod): Promise<void> {
  await removeCriPod(target.client, pod);
  await expectNoLeftovers(target);
}

async function killShim(): Promise<void> {
  await killAndRestart(target.service);
  await waitFor('the shim to answer', async () => {
    await target.client.version({ version: '' }, { timeoutMs: 2_000 });
    return true;
  });
}

async function echo(containerId: string): Promise<string> {
  const { stdout } = await target.client.execSync({ containerId, cmd: ['echo', 'here'], timeout: 10n });
  return stdout.toString();
}

describe('runtime handlers', () => {
  it('are told with their features, the default one by the empty name too', async () => {
    const { runtimeHandlers } = await target.client.status({ verbose: false });
    const names = runtimeHandlers.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['', 'runc', 'second']));
    expect(names).not.toContain('missing');
    const features = Object.fromEntries(runtimeHandlers.map(h => [h.name, h.features]));
    expect(features['second']).toEqual(features['runc']);
    expect(features['']?.recursiveReadOnlyMounts).toBe(true);
  });

  it.each(HANDLERS)(
    '%s runs, changes and ends pods, also after a kill -9 of the shim',
    async (handler, program, root) => {
      const { client, host } = target;
      const pod = await runPod(`on-${handler}`, handler);
      const info = async (): Promise<{ runtime: string }> => {
        const { info, status } = await client.podSandboxStatus({ podSandboxId: pod.sandboxId, verbose: true });
        expect(status?.runtimeHandler).toBe(handler);
        return JSON.parse(info['info'] ?? '{}') as { runtime: string };
      };
      expect((await info()).runtime).toBe(program);
      expect([pod.sandboxId, pod.containerId].map(id => existsSync(host.path(`${root}/${id}`)))).toEqual([true, true]);
      await killShim();
      expect((await info()).runtime).toBe(program);
      expect(await echo(pod.containerId)).toBe('here\n');
      await client.updateContainerResources(
        UpdateContainerResourcesRequest.fromPartial({ containerId: pod.containerId, linux: { cpuShares: 300n } }),
      );
      await client.stopContainer({ containerId: pod.containerId, timeout: 0n });
      const { status } = await client.containerStatus({ containerId: pod.containerId, verbose: false });
      expect(status?.state).toBe(ContainerState.CONTAINER_EXITED);
      await remove(pod);
    },
  );

  it.each([
    ['other', 'failed to get sandbox runtime: no runtime for "other" is configured; known are '],
    ['missing', 'runtime handler "missing" cannot be used: /opt/none/kata is not there'],
  ])('that cannot be had (%s) are refused, and nothing is left', async (handler, message) => {
    await expect(target.client.runPodSandbox({ config: ownGroup('no'), runtimeHandler: handler })).rejects.toThrow(
      message,
    );
    await expectNoLeftovers(target);
  });

  it('that are taken away leave their pods, which can be stopped and removed', async () => {
    const { client, host } = target;
    const pod = await runPod('orphan', 'second');
    writeFileSync(host.path('/etc/gantry/cri.yaml'), '{}\n');
    await killShim();
    const { status, containersStatuses } = await client.podSandboxStatus({
      podSandboxId: pod.sandboxId,
      verbose: false,
    });
    expect(status?.state).toBe(PodSandboxState.SANDBOX_READY);
    expect(containersStatuses.map(c => c.state)).toEqual([ContainerState.CONTAINER_RUNNING]);
    await expect(echo(pod.containerId)).rejects.toThrow('the runtime handler "second", with which the pod was made');
    await remove(pod);
  });
});
