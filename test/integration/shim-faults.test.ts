import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { errorCode } from '../../src/base/errors.ts';
import { FAULT_POINTS, type FaultPoint } from '../../src/linux/fault-point.ts';
import type { Host } from '../../src/local-cluster/host/host.ts';
import { ContainerConfig, PodSandboxConfig, UpdateContainerResourcesRequest } from '../../src/rpc/cri-api.ts';
import { containerConfig, podConfig } from '../harness/cri-pod.ts';
import { armFault, waitForRestart } from '../harness/fault.ts';
import { BUSYBOX } from '../harness/images.ts';
import { expectNoLeftovers } from '../harness/pod-leftovers.ts';
import { type Registry, startRegistry } from '../harness/registry.ts';
import { gantryHost, type RuntimeHost } from '../harness/runtime-host.ts';
import { waitFor } from '../harness/wait-for.ts';

/** Every point that is passed in the shim's process while a pod starts and stops. */
const POD_POINTS = FAULT_POINTS.filter(p => p.startsWith('cri/') || p.startsWith('cni/'));
const IMAGE_POINTS = FAULT_POINTS.filter(p => p.startsWith('image/'));

let target: RuntimeHost;
let registry: Registry;
beforeAll(async () => {
  target = await gantryHost();
  registry = await startRegistry(target.host);
});
afterAll(() => target.delete());

/**
 * A call that is made again while nobody answers: what a caller does across a restart. All CRI verbs used here may be repeated. What the shim refuses
 * is thrown at once: a pod that works at the second try after an error of the first is a fault that shall be seen.
 */
async function persistently<T>(what: string, call: () => Promise<T>): Promise<T> {
  const answer = await waitFor(what, () =>
    call().then(
      value => () => value,
      (error: unknown) => {
        if (errorCode(error) === 'unavailable') throw error;
        return () => {
          throw error;
        };
      },
    ),
  );
  return answer();
}

async function startPod(name: string): Promise<string> {
  const portMappings = [{ protocol: 0, hostPort: 18080, containerPort: 80, hostIp: '' }];
  const sandboxConfig = PodSandboxConfig.fromPartial({ ...podConfig(name), portMappings });
  const { podSandboxId } = await persistently('RunPodSandbox', () =>
    target.client.runPodSandbox({ config: sandboxConfig, runtimeHandler: '' }),
  );
  const config = ContainerConfig.fromPartial({
    ...containerConfig(['/bin/sh', '-c', 'trap "exit 0" TERM; sleep 100000 & wait']),
    mounts: [{ containerPath: '/volume', readonly: true, image: { image: BUSYBOX } }],
  });
  const { containerId } = await persistently('CreateContainer', () =>
    target.client.createContainer({ podSandboxId, config, sandboxConfig }),
  );
  await persistently('StartContainer', async () => {
    const { status } = await target.client.containerStatus({ containerId, verbose: false });
    // a start that died after it started must not be told from one that was answered
    if (status?.state === 1) return;
    await target.client.startContainer({ containerId });
  });
  await persistently('UpdateContainerResources', () =>
    target.client.updateContainerResources(
      UpdateContainerResourcesRequest.fromPartial({ containerId, linux: { cpuShares: 204n } }),
    ),
  );
  return podSandboxId;
}

/** rmdir alone: a group of a container that is still inside makes it fail, and the check for leftovers tells. */
function removePodGroup(host: Host, name: string): void {
  const root = host.path('/sys/fs/cgroup');
  for (const hierarchy of ['.', ...readdirSync(root)]) {
    const group = `${root}/${hierarchy}/kubepods/poduid-${name}`;
    if (existsSync(group)) rmdirSync(group);
  }
}

async function stopPod(podSandboxId: string): Promise<void> {
  const { containers } = await persistently('ListContainers', () =>
    target.client.listContainers({ filter: undefined }),
  );
  for (const { id: containerId } of containers) {
    await persistently('StopContainer', () => target.client.stopContainer({ containerId, timeout: 2n }));
    await persistently('RemoveContainer', () => target.client.removeContainer({ containerId }));
  }
  await persistently('StopPodSandbox', () => target.client.stopPodSandbox({ podSandboxId }));
  await persistently('RemovePodSandbox', () => target.client.removePodSandbox({ podSandboxId }));
}

describe('kill -9 of the shim', () => {
  it.each(POD_POINTS)('at %s: the pod runs once, is removed whole, and nothing is left', async (point: FaultPoint) => {
    const doomed = await armFault(target.host, target.service, point);
    const sandboxName = `fault-${POD_POINTS.indexOf(point)}`;
    const sandboxId = await startPod(sandboxName);
    const { items } = await persistently('ListPodSandbox', () => target.client.listPodSandbox({ filter: undefined }));
    expect(items.map(s => [s.id, s.state])).toEqual([[sandboxId, 0]]);
    const { containers } = await persistently('ListContainers', () =>
      target.client.listContainers({ filter: undefined }),
    );
    expect(containers.map(c => [c.podSandboxId, c.state])).toEqual([[sandboxId, 1]]);
    await waitFor('one process of the container', async saw => {
      const { stdout } = await target.host.exec(['pgrep', '-xc', 'sleep']);
      saw(stdout);
      return stdout.trim() === '1';
    });
    await stopPod(sandboxId);
    // the pod's own group is its caller's: the kubelet makes and removes it
    removePodGroup(target.host, sandboxName);
    await waitForRestart(target.service, doomed);
    await expectNoLeftovers(target);
  });

  it.each(IMAGE_POINTS)('at %s: the image is there whole after a second pull', async (point: FaultPoint) => {
    const reference = await registry.push(BUSYBOX, `faults/${point.replaceAll('/', '-')}:1`);
    const image = { image: BUSYBOX, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
    await target.client.removeImage({ image });
    const doomed = await armFault(target.host, target.service, point);
    const pull = { image: { ...image, image: reference }, auth: undefined, sandboxConfig: undefined };
    const { imageRef } = await persistently('PullImage', () => target.client.pullImage(pull));
    await waitForRestart(target.service, doomed);
    const { image: present } = await persistently('ImageStatus', () =>
      target.client.imageStatus({ image: { ...image, image: reference }, verbose: false }),
    );
    expect(present?.id).toBe(imageRef);
    await target.client.removeImage({ image: { ...image, image: reference } });
    await target.importImage(BUSYBOX);
  });
});
