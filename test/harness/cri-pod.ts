import { ContainerConfig, PodSandboxConfig } from '../../src/rpc/cri-api.ts';
import type { CriClient } from '../../src/rpc/cri-client.ts';
import { BUSYBOX } from './images.ts';

export interface CriPod {
  readonly sandboxId: string;
  readonly containerId: string;
  /** Milliseconds of each call. */
  readonly times: { readonly sandbox: number; readonly create: number; readonly start: number; readonly total: number };
}

/** A pod of one sleeping container, as the kubelet would ask for it: own network, uts and ipc, a pid namespace per container. */
export function podConfig(name: string): PodSandboxConfig {
  return PodSandboxConfig.fromPartial({
    metadata: { name, uid: `uid-${name}`, namespace: 'default', attempt: 0 },
    hostname: name,
    logDirectory: `/var/log/pods/default_${name}_uid-${name}`,
    linux: {
      cgroupParent: `/kubepods/poduid-${name}`,
      securityContext: { namespaceOptions: { network: 0, pid: 1, ipc: 0 } },
    },
  });
}

export function containerConfig(command: readonly string[]): ContainerConfig {
  return ContainerConfig.fromPartial({
    metadata: { name: 'main', attempt: 0 },
    image: { image: BUSYBOX },
    command: [...command],
    logPath: 'main/0.log',
    linux: { resources: { cpuShares: 102n, memoryLimitInBytes: 64n << 20n } },
  });
}

/** Sandbox, container, start: the three calls that make a pod run, timed one by one. */
export async function runCriPod(client: CriClient, name: string): Promise<CriPod> {
  const sandboxConfig = podConfig(name);
  const begun = performance.now();
  const { podSandboxId } = await client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' });
  const sandboxed = performance.now();
  const config = containerConfig(['/bin/sleep', '100000']);
  const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
  const created = performance.now();
  await client.startContainer({ containerId });
  const started = performance.now();
  return {
    sandboxId: podSandboxId,
    containerId,
    times: {
      sandbox: sandboxed - begun,
      create: created - sandboxed,
      start: started - created,
      total: started - begun,
    },
  };
}

/** One more container that sleeps, under a name of its own, in a sandbox made with this configuration. Returns its id. */
export async function startContainerIn(
  client: CriClient,
  podSandboxId: string,
  sandboxConfig: PodSandboxConfig,
  name: string,
): Promise<string> {
  const config = {
    ...containerConfig(['/bin/sleep', '100000']),
    metadata: { name, attempt: 0 },
    logPath: `${name}/0.log`,
  };
  const { containerId } = await client.createContainer({ podSandboxId, config, sandboxConfig });
  await client.startContainer({ containerId });
  return containerId;
}

/** Stop and remove, as the kubelet does at once for a pod without grace. Returns the milliseconds of both. */
export async function removeCriPod(client: CriClient, pod: Pick<CriPod, 'sandboxId'>): Promise<number> {
  const begun = performance.now();
  await client.stopPodSandbox({ podSandboxId: pod.sandboxId });
  await client.removePodSandbox({ podSandboxId: pod.sandboxId });
  return performance.now() - begun;
}
