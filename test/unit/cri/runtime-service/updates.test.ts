import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { checkpointContainer } from '../../../../src/cri/runtime-service/checkpoint-container.ts';
import { containerStatus } from '../../../../src/cri/runtime-service/container-status.ts';
import type { RuntimeServiceContext } from '../../../../src/cri/runtime-service/context.ts';
import { createContainer } from '../../../../src/cri/runtime-service/create-container.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import { startContainer } from '../../../../src/cri/runtime-service/start-container.ts';
import { updateContainerResources } from '../../../../src/cri/runtime-service/update-container-resources.ts';
import { updatePodSandboxResources } from '../../../../src/cri/runtime-service/update-pod-sandbox-resources.ts';
import {
  CreateContainerRequest,
  RunPodSandboxRequest,
  UpdateContainerResourcesRequest,
  UpdatePodSandboxResourcesRequest,
} from '../../../../src/rpc/cri-api.ts';
import { FakeMachine, fakeContext, IMAGE_NAME } from '../fakes.ts';

async function running(ctx: RuntimeServiceContext): Promise<{ podSandboxId: string; containerId: string }> {
  const metadata = { name: 'web', namespace: 'default', uid: 'u1', attempt: 0 };
  const sandbox = RunPodSandboxRequest.fromPartial({ config: { metadata, linux: { cgroupParent: '/pods' } } });
  const { podSandboxId } = await runPodSandbox(ctx, sandbox);
  const config = { metadata: { name: 'main', attempt: 0 }, image: { image: IMAGE_NAME } };
  const { containerId } = await createContainer(ctx, CreateContainerRequest.fromPartial({ podSandboxId, config }));
  await startContainer(ctx, { containerId });
  return { podSandboxId, containerId };
}

describe('UpdateContainerResources', () => {
  const update = (containerId: string, linux: object): UpdateContainerResourcesRequest =>
    UpdateContainerResourcesRequest.fromPartial({ containerId, linux });

  it('changes what it names, and the status shows the limits in force', async () => {
    const ctx = fakeContext(new FakeMachine());
    const { containerId } = await running(ctx);
    await updateContainerResources(ctx, update(containerId, { cpuShares: 204n, memoryLimitInBytes: 1n << 26n }));
    await updateContainerResources(ctx, update(containerId, { memoryLimitInBytes: 1n << 27n }));
    const { status } = containerStatus(ctx, { containerId, verbose: false });
    expect(status?.resources?.linux).toMatchObject({ cpuShares: 204n, memoryLimitInBytes: 1n << 27n });
  });

  it('of one that is not started yet changes what its start will find, and asks no runtime', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const metadata = { name: 'web', namespace: 'default', uid: 'u1', attempt: 0 };
    const { podSandboxId } = await runPodSandbox(ctx, RunPodSandboxRequest.fromPartial({ config: { metadata } }));
    const linux = { resources: { cpuShares: 2n, memoryLimitInBytes: 1n << 26n } };
    const config = { metadata: { name: 'main', attempt: 0 }, image: { image: IMAGE_NAME }, linux };
    const { containerId } = await createContainer(ctx, CreateContainerRequest.fromPartial({ podSandboxId, config }));
    await updateContainerResources(ctx, update(containerId, { cpuShares: 204n }));
    const spec = JSON.parse(machine.files.get(`${ctx.paths.containerBundle(containerId)}/config.json`) ?? '');
    expect(spec.linux.resources).toMatchObject({ cpu: { shares: 204 }, memory: { limit: 1 << 26 } });
    expect(spec.linux.resources.devices).not.toEqual([]);
    expect(machine.counts.get('update')).toBeUndefined();
    const { status } = containerStatus(ctx, { containerId, verbose: false });
    expect(status?.resources?.linux?.cpuShares).toBe(204n);
  });

  it('leaves the limits that are shown when the runtime refuses', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { containerId } = await running(ctx);
    await updateContainerResources(ctx, update(containerId, { cpuShares: 204n }));
    machine.failing.add('update');
    await expect(updateContainerResources(ctx, update(containerId, { cpuShares: 9n }))).rejects.toThrow(
      'update failed',
    );
    const { status } = containerStatus(ctx, { containerId, verbose: false });
    expect(status?.resources?.linux?.cpuShares).toBe(204n);
  });

  it('is refused for a container that has ended, and without limits', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { containerId } = await running(ctx);
    const nothing = UpdateContainerResourcesRequest.fromPartial({ containerId });
    await expect(updateContainerResources(ctx, nothing)).rejects.toMatchObject({ code: 'invalid-argument' });
    machine.end(containerId, 0);
    await expect(updateContainerResources(ctx, update(containerId, { cpuShares: 2n }))).rejects.toMatchObject({
      code: 'failed-precondition',
    });
    await expect(updateContainerResources(ctx, update('nobody', { cpuShares: 2n }))).rejects.toMatchObject({
      code: 'not-found',
    });
  });
});

describe('CheckpointContainer', () => {
  afterEach(() => void vi.unstubAllEnvs());
  const checkpoint = (ctx: RuntimeServiceContext, containerId: string, location = '/tmp/c.tar', timeout = 1n) =>
    checkpointContainer(ctx, { containerId, location, timeout });

  it('is refused with what is missing: CRIU, then a runtime that drives it', async () => {
    const ctx = fakeContext(new FakeMachine());
    const { containerId } = await running(ctx);
    vi.stubEnv('PATH', '/nowhere');
    await expect(checkpoint(ctx, containerId)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('needs CRIU, and there is no criu on the PATH'),
    });
    const programs = mkdtempSync(join(tmpdir(), 'programs-'));
    writeFileSync(`${programs}/criu`, '', { mode: 0o755 });
    vi.stubEnv('PATH', programs);
    const refused = checkpoint(ctx, containerId);
    await expect(refused).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('fake is not known to make checkpoints'),
    });
    rmSync(programs, { recursive: true });
  });

  it('is refused for containers that do not run, and an unknown one is not found', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { containerId } = await running(ctx);
    machine.end(containerId, 0);
    await expect(checkpoint(ctx, containerId)).rejects.toMatchObject({
      code: 'failed-precondition',
      message: expect.stringContaining('is exited: only running containers'),
    });
    await expect(checkpoint(ctx, 'nobody')).rejects.toMatchObject({ code: 'not-found' });
  });

  it.each([
    ['', 'invalid-argument', 'location is empty'],
    ['c.tar', 'invalid-argument', 'location "c.tar" must be an absolute path'],
    ['/tmp/../c.tar', 'invalid-argument', 'may not contain ".."'],
    ['/tmp//c.tar', 'invalid-argument', 'must be a clean path'],
    ['/tmp/./c.tar', 'invalid-argument', 'must be a clean path'],
    ['/', 'invalid-argument', 'must be a clean path'],
    ['/tmp', 'invalid-argument', 'is a directory'],
    ['/nowhere/c.tar', 'failed-precondition', 'location: /nowhere is no directory'],
  ])('takes no location like %j', async (location, code, message) => {
    const ctx = fakeContext(new FakeMachine());
    const { containerId } = await running(ctx);
    await expect(checkpoint(ctx, containerId, location)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(message),
    });
  });

  it('takes no negative timeout', async () => {
    const ctx = fakeContext(new FakeMachine());
    const { containerId } = await running(ctx);
    await expect(checkpoint(ctx, containerId, '/tmp/c.tar', -1n)).rejects.toThrow('timeout -1 is negative');
  });
});

describe('UpdatePodSandboxResources', () => {
  it('is noted, and an unknown sandbox is not found', async () => {
    const ctx = fakeContext(new FakeMachine());
    const { podSandboxId } = await running(ctx);
    const request = (id: string) =>
      UpdatePodSandboxResourcesRequest.fromPartial({ podSandboxId: id, resources: { cpuShares: 512n } });
    updatePodSandboxResources(ctx, request(podSandboxId));
    expect(ctx.store.requireSandbox(podSandboxId).config.linux?.resources?.cpuShares).toBe(512n);
    expect(() => updatePodSandboxResources(ctx, request('nobody'))).toThrow(
      expect.objectContaining({ code: 'not-found' }),
    );
  });
});
