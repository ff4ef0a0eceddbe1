import { describe, expect, it } from 'vitest';
import { createContainer } from '../../../../src/cri/runtime-service/create-container.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import { keepScopeLimits } from '../../../../src/cri/runtime-service/scope-limits.ts';
import { startContainer } from '../../../../src/cri/runtime-service/start-container.ts';
import { updateContainerResources } from '../../../../src/cri/runtime-service/update-container-resources.ts';
import {
  CreateContainerRequest,
  RunPodSandboxRequest,
  UpdateContainerResourcesRequest,
} from '../../../../src/rpc/cri-api.ts';
import { FakeMachine, fakeContext, IMAGE_NAME } from '../fakes.ts';

/** A machine with systemd, and what was asked of the limits of its scopes, in order. */
function systemdMachine() {
  const machine = new FakeMachine();
  const asked: string[] = [];
  const quota = ({ cpu }: { readonly cpu?: { readonly quota?: number } }): string => String(cpu?.quota);
  const scopes = {
    setLimits: async ({ group }: { group: string }, limits: object) =>
      void asked.push(`set ${group.split('/').at(1)} ${quota(limits)}`),
    keepLimits: ({ group }: { group: string }, limits: object) =>
      void asked.push(`keep ${group.split('/').at(1)} ${quota(limits)}`),
    release: () => void asked.push('release'),
  };
  // the machine tells ends to the context itself
  const ctx = Object.assign(fakeContext(machine), { cgroupDriver: 'systemd' as const, scopes });
  machine.during.set('update', () => void asked.push('update'));
  return { machine, ctx, asked };
}

type Context = ReturnType<typeof systemdMachine>['ctx'];

async function created(ctx: Context, cgroupParent: string): Promise<string> {
  const config = { metadata: { name: 'web', namespace: 'default', uid: 'u1', attempt: 0 }, linux: { cgroupParent } };
  const { podSandboxId } = await runPodSandbox(ctx, RunPodSandboxRequest.fromPartial({ config }));
  const { containerId } = await createContainer(
    ctx,
    CreateContainerRequest.fromPartial({
      podSandboxId,
      config: {
        metadata: { name: 'main', attempt: 0 },
        image: { image: IMAGE_NAME },
        linux: { resources: { cpuQuota: 33_300n, cpuPeriod: 100_000n } },
      },
    }),
  );
  return containerId;
}

describe('the limits of a container that is a scope', () => {
  const update = (ctx: Context, containerId: string, cpuQuota: bigint) =>
    updateContainerResources(ctx, UpdateContainerResourcesRequest.fromPartial({ containerId, linux: { cpuQuota } }));

  it('are set before its program runs, and let go at its end', async () => {
    const { machine, ctx, asked } = systemdMachine();
    const containerId = await created(ctx, 'pods.slice');
    machine.during.set('start', () => void asked.push('start'));
    await startContainer(ctx, { containerId });
    expect(asked).toEqual(['set pods.slice 33300', 'start']);
    machine.end(containerId, 0);
    expect(asked.at(-1)).toBe('release');
  });

  it('are let go while the runtime changes them', async () => {
    const { ctx, asked } = systemdMachine();
    const containerId = await created(ctx, 'pods.slice');
    await startContainer(ctx, { containerId });
    asked.length = 0;
    await update(ctx, containerId, 50_000n);
    expect(asked).toEqual(['release', 'update', 'set pods.slice 50000']);
  });

  it('are those of before when the runtime refuses others', async () => {
    const { machine, ctx, asked } = systemdMachine();
    const containerId = await created(ctx, 'pods.slice');
    await startContainer(ctx, { containerId });
    asked.length = 0;
    machine.failing.add('update');
    await expect(update(ctx, containerId, 50_000n)).rejects.toThrow('update failed');
    expect(asked).toEqual(['release', 'update', 'keep pods.slice 33300']);
  });

  it('are taken up again by a process that starts anew', async () => {
    const { machine, ctx, asked } = systemdMachine();
    const containerId = await created(ctx, 'pods.slice');
    await startContainer(ctx, { containerId });
    await update(ctx, containerId, 50_000n);
    asked.length = 0;
    keepScopeLimits(ctx);
    expect(asked).toEqual(['keep pods.slice 50000']);
    machine.end(containerId, 0);
    asked.length = 0;
    keepScopeLimits(ctx);
    expect(asked).toEqual([]);
  });

  it('that cannot be kept stop nobody', async () => {
    const { ctx } = systemdMachine();
    await startContainer(ctx, { containerId: await created(ctx, 'pods.slice') });
    const keepLimits = (): void => {
      throw new Error('no');
    };
    expect(() => keepScopeLimits({ ...ctx, scopes: { ...ctx.scopes, keepLimits } })).not.toThrow();
  });

  it('of a pod of the other driver are nobody else’s', async () => {
    const { ctx, asked } = systemdMachine();
    const containerId = await created({ ...ctx, cgroupDriver: 'cgroupfs' as 'systemd' }, '/pods');
    await startContainer(ctx, { containerId });
    keepScopeLimits(ctx);
    expect(asked).toEqual([]);
  });
});
