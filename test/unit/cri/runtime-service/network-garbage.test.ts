import { describe, expect, it } from 'vitest';
import { collectNetworkGarbage } from '../../../../src/cri/runtime-service/network-garbage.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import { stopPodSandbox } from '../../../../src/cri/runtime-service/stop-pod-sandbox.ts';
import { RunPodSandboxRequest } from '../../../../src/rpc/cri-api.ts';
import { FakeMachine, fakeContext } from '../fakes.ts';
import { creatingSandbox, idOf, sandboxRecord } from '../records.ts';

const request = (name: string): RunPodSandboxRequest =>
  RunPodSandboxRequest.fromPartial({ config: { metadata: { name, namespace: 'default', uid: name, attempt: 0 } } });

describe('garbage of the network', () => {
  it('is what belongs to no sandbox that is there, being made or being stopped, in this boot', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId: runs } = await runPodSandbox(ctx, request('runs'));
    const { podSandboxId: stopped } = await runPodSandbox(ctx, request('stopped'));
    await stopPodSandbox(ctx, { podSandboxId: stopped });
    const { bootId } = ctx.node;
    ctx.store.putSandbox(creatingSandbox({ id: idOf('a'), key: 'a', bootId }));
    ctx.store.putSandbox(sandboxRecord({ id: idOf('b'), key: 'b', bootId, notReadyAt: 1n }));
    ctx.store.putSandbox(sandboxRecord({ id: idOf('c'), key: 'c', bootId: 'of a boot before' }));
    await collectNetworkGarbage(ctx, new AbortController().signal);
    expect([...(machine.attached ?? [])].sort()).toEqual([runs, idOf('a'), idOf('b')].sort());
  });

  it('stays for the next round when it cannot be collected now', async () => {
    const machine = new FakeMachine();
    machine.failing.add('network-prune');
    await collectNetworkGarbage(fakeContext(machine), new AbortController().signal);
    expect(machine.attached).toBeUndefined();
  });
});
