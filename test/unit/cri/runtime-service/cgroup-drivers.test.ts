import { describe, expect, it } from 'vitest';
import { createContainer } from '../../../../src/cri/runtime-service/create-container.ts';
import { removePodSandbox } from '../../../../src/cri/runtime-service/remove-pod-sandbox.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import { stopPodSandbox } from '../../../../src/cri/runtime-service/stop-pod-sandbox.ts';
import { CreateContainerRequest, RunPodSandboxRequest } from '../../../../src/rpc/cri-api.ts';
import { FakeMachine, fakeContext, IMAGE_NAME } from '../fakes.ts';

const requestIn = (cgroupParent: string): RunPodSandboxRequest =>
  RunPodSandboxRequest.fromPartial({
    config: { metadata: { name: 'web', namespace: 'default', uid: 'u1', attempt: 0 }, linux: { cgroupParent } },
  });
const containerIn = (podSandboxId: string): CreateContainerRequest =>
  CreateContainerRequest.fromPartial({
    podSandboxId,
    config: { metadata: { name: 'main', attempt: 0 }, image: { image: IMAGE_NAME } },
  });

describe('with the systemd driver', () => {
  it.each([
    ['a slice', 'kubepods-podu1.slice', '/kubepods.slice/kubepods-podu1.slice'],
    ['the path of a slice', '/kubepods.slice/kubepods-podu1.slice', '/kubepods.slice/kubepods-podu1.slice'],
    ['no parent', '', '/system.slice'],
  ])('the containers of a pod in %s are scopes, which are removed by their paths', async (_sentence, parent, path) => {
    const machine = new FakeMachine();
    const ctx = { ...fakeContext(machine), cgroupDriver: 'systemd' as const };
    const { podSandboxId } = await runPodSandbox(ctx, requestIn(parent));
    const { containerId } = await createContainer(ctx, containerIn(podSandboxId));
    expect(ctx.store.requireContainer(containerId).cgroupPath).toBe(`${path}/gantry-${containerId}.scope`);
    await stopPodSandbox(ctx, { podSandboxId });
    await removePodSandbox(ctx, { podSandboxId });
    expect([...machine.removedGroups]).toContain(`${path}/gantry-${podSandboxId}.scope`);
  });

  it('a pod keeps the driver that it was made with', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, requestIn(''));
    const { containerId } = await createContainer({ ...ctx, cgroupDriver: 'systemd' }, containerIn(podSandboxId));
    expect(ctx.store.requireContainer(containerId).cgroupPath).toBe(`/gantry/${containerId}`);
  });
});

describe('a pod in a group of the other driver', () => {
  it.each([
    ['systemd', 'kubepods-podu1.slice', 'cgroupfs'],
    ['cgroupfs', '/kubepods/podu1', 'systemd'],
  ] as const)('is refused: %s', async (form, parent, cgroupDriver) => {
    const ctx = { ...fakeContext(new FakeMachine()), cgroupDriver };
    await expect(runPodSandbox(ctx, requestIn(parent))).rejects.toThrow(
      `config.linux.cgroup_parent "${parent}" is the ${form} driver's form; this runtime uses ${cgroupDriver}`,
    );
  });

  it('is refused where its slice can be none', async () => {
    const ctx = { ...fakeContext(new FakeMachine()), cgroupDriver: 'systemd' as const };
    await expect(runPodSandbox(ctx, requestIn('a--b.slice'))).rejects.toThrow('not the name of a systemd slice');
  });
});
