import { describe, expect, it } from 'vitest';
import type { RuntimeServiceContext } from '../../../../src/cri/runtime-service/context.ts';
import { createContainer } from '../../../../src/cri/runtime-service/create-container.ts';
import { removeContainer } from '../../../../src/cri/runtime-service/remove-container.ts';
import { removePodSandbox } from '../../../../src/cri/runtime-service/remove-pod-sandbox.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import { startContainer } from '../../../../src/cri/runtime-service/start-container.ts';
import { stopContainer } from '../../../../src/cri/runtime-service/stop-container.ts';
import { stopPodSandbox } from '../../../../src/cri/runtime-service/stop-pod-sandbox.ts';
import { containerState } from '../../../../src/cri/store/container-record.ts';
import { sandboxState } from '../../../../src/cri/store/sandbox-record.ts';
import { CreateContainerRequest, RunPodSandboxRequest, Signal } from '../../../../src/rpc/cri-api.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { FakeMachine, fakeContext, IMAGE_NAME } from '../fakes.ts';

const sandboxRequest = (attempt = 0): RunPodSandboxRequest =>
  RunPodSandboxRequest.fromPartial({
    config: { metadata: { name: 'web', namespace: 'default', uid: 'u1', attempt }, logDirectory: '/logs' },
  });

const containerRequest = (podSandboxId: string, more: object = {}): CreateContainerRequest =>
  CreateContainerRequest.fromPartial({
    podSandboxId,
    config: { metadata: { name: 'main', attempt: 0 }, image: { image: IMAGE_NAME }, logPath: 'main/0.log', ...more },
  });

async function running(ctx: RuntimeServiceContext): Promise<{ podSandboxId: string; containerId: string }> {
  const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
  const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
  await startContainer(ctx, { containerId });
  return { podSandboxId, containerId };
}

describe('a create that fails after the runtime made a group and before it wrote that down', () => {
  it('takes the group of the infra container away by its path', async () => {
    const machine = new FakeMachine();
    machine.failing.add('create');
    await expect(runPodSandbox(fakeContext(machine), sandboxRequest())).rejects.toThrow('create failed');
    expect([...machine.removedGroups]).toEqual([expect.stringMatching(/^\/gantry\/[0-9a-f]{64}$/)]);
  });

  it('takes the group of a container away by its path', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
    machine.failing.add('create');
    await expect(startContainer(ctx, { containerId })).rejects.toThrow('create failed');
    await removeContainer(ctx, { containerId });
    expect([...machine.removedGroups]).toEqual([expect.stringMatching(/^\/gantry\/[0-9a-f]{64}$/)]);
  });
});

describe('RunPodSandbox', () => {
  it('makes one sandbox for calls at once and for calls after, per attempt', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const ids = await Promise.all([1, 2, 3].map(async () => (await runPodSandbox(ctx, sandboxRequest())).podSandboxId));
    ids.push((await runPodSandbox(ctx, sandboxRequest())).podSandboxId);
    expect(new Set(ids).size).toBe(1);
    expect(machine.counts.get('create')).toBe(1);
    const other = await runPodSandbox(ctx, sandboxRequest(1));
    expect(ids).not.toContain(other.podSandboxId);
  });

  it('makes a new one when the old one of the same attempt is not ready any more', async () => {
    const ctx = fakeContext(new FakeMachine());
    const first = await runPodSandbox(ctx, sandboxRequest());
    await stopPodSandbox(ctx, first);
    expect((await runPodSandbox(ctx, sandboxRequest())).podSandboxId).not.toBe(first.podSandboxId);
  });

  it.each([
    ['create', 'starting the infra container: create failed'],
    ['start', 'starting the infra container: start failed'],
    ['network-add', 'setting up the network: network-add failed'],
    ['readiness', 'the pod network is not ready: no configuration'],
  ])('undoes everything when %s fails, and says which step it was', async (step, message) => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    machine.failing.add(step);
    await expect(runPodSandbox(ctx, sandboxRequest())).rejects.toThrow(message);
    expect(machine.inspect()).toEqual([]);
    expect(ctx.store.allSandboxes()).toEqual([]);
    machine.failing.clear();
    await runPodSandbox(ctx, sandboxRequest());
  });

  it('shows what could not be undone as NOTREADY, so that it can be stopped and removed', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    machine.failing.add('start').add('network-remove');
    await expect(runPodSandbox(ctx, sandboxRequest())).rejects.toThrow('start failed');
    const [left] = ctx.store.allSandboxes();
    expect(left && sandboxState(left)).toBe('not-ready');
    machine.failing.clear();
    await removePodSandbox(ctx, { podSandboxId: left?.id ?? '' });
    expect(machine.inspect()).toEqual([]);
  });

  it.each([
    ['no config', RunPodSandboxRequest.fromPartial({}), 'config is missing'],
    [
      'no uid',
      RunPodSandboxRequest.fromPartial({ config: { metadata: { name: 'a', namespace: 'b' } } }),
      'uid is empty',
    ],
    [
      'an unknown handler',
      { ...sandboxRequest(), runtimeHandler: 'kata' },
      'failed to get sandbox runtime: no runtime for "kata" is configured; known are fake',
    ],
  ])('refuses %s', async (_what, request, message) => {
    await expect(runPodSandbox(fakeContext(new FakeMachine()), request)).rejects.toThrow(message);
  });
});

describe('CreateContainer', () => {
  it('makes one container for calls at once and for calls after', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const request = containerRequest(podSandboxId);
    const ids = await Promise.all([1, 2, 3].map(async () => (await createContainer(ctx, request)).containerId));
    ids.push((await createContainer(ctx, request)).containerId);
    expect(new Set(ids).size).toBe(1);
    expect(ctx.store.allContainers()).toHaveLength(1);
  });

  it('begins nothing that runs: that comes with the start', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
    expect([...machine.containers.keys()]).toEqual([podSandboxId]);
    await startContainer(ctx, { containerId });
    expect([...machine.containers.keys()]).toEqual([podSandboxId, containerId]);
  });

  it.each([
    ['an image that is not here', { image: { image: 'localhost/none:1' } }, 'image "localhost/none:1" is not here'],
    [
      'a mount source that cannot be made',
      { mounts: [{ containerPath: '/a', hostPath: '/missing/under-a-file' }] },
      '/missing/under-a-file is not there and cannot be made',
    ],
    ['a log path that leads out', { logPath: '../../x' }, 'may not contain ".."'],
  ])('leaves nothing for %s', async (_what, more, message) => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const before = machine.inspect();
    await expect(createContainer(ctx, containerRequest(podSandboxId, more))).rejects.toThrow(message);
    expect(machine.inspect()).toEqual(before);
  });

  it('keeps the environment out of the record', async () => {
    const ctx = fakeContext(new FakeMachine());
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const envs = [{ key: 'TOKEN', value: Buffer.from('secret') }];
    const { containerId } = await createContainer(ctx, containerRequest(podSandboxId, { envs }));
    expect(ctx.store.requireContainer(containerId).config.envs).toEqual([]);
  });
});

describe('StartContainer', () => {
  it('may be repeated while the container runs, not after it ended', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { containerId } = await running(ctx);
    await startContainer(ctx, { containerId });
    expect(machine.counts.get('start')).toBe(2);
    machine.end(containerId, 0);
    await expect(startContainer(ctx, { containerId })).rejects.toThrow('cannot be started again');
  });

  it('makes a refused start an end with the reason StartError', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
    machine.failing.add('start');
    await expect(startContainer(ctx, { containerId })).rejects.toThrow('start failed');
    const record = ctx.store.requireContainer(containerId);
    expect([containerState(record), record.exitCode, record.reason, record.message]).toEqual([
      'exited',
      128,
      'StartError',
      'start failed',
    ]);
  });

  it('is waited for by the stop of its sandbox, which ends what was started', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
    let stopped: Promise<unknown> = Promise.resolve();
    machine.during.set('create', () => {
      stopped = stopPodSandbox(ctx, { podSandboxId });
    });
    await startContainer(ctx, { containerId });
    await stopped;
    expect(ctx.store.requireContainer(containerId).exitCode).toBe(137);
    expect(sandboxState(ctx.store.requireSandbox(podSandboxId))).toBe('not-ready');
    await removePodSandbox(ctx, { podSandboxId });
    expect(machine.inspect()).toEqual([]);
  });

  it.each(['create', 'start'])(
    'that the runtime refuses at %s leaves nothing once the container is removed',
    async step => {
      const machine = new FakeMachine();
      const ctx = fakeContext(machine);
      const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
      const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
      machine.failing.add(step);
      await expect(startContainer(ctx, { containerId })).rejects.toThrow(`${step} failed`);
      expect(ctx.store.requireContainer(containerId).reason).toBe('StartError');
      machine.failing.clear();
      await removePodSandbox(ctx, { podSandboxId });
      expect(machine.inspect()).toEqual([]);
    },
  );

  it('takes no exit file of an earlier try for the end of a container that is still to be started', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
    await machine.monitor.create(
      { id: containerId, bundle: '', logPath: undefined, terminal: false, stdin: false, stdinOnce: false },
      machine.runtime,
    );
    machine.end(containerId, 1);
    expect(containerState(ctx.store.requireContainer(containerId))).toBe('created');
  });

  it('never shows an end before the start, whatever the clock of the exit file says', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { containerId } = await running(ctx);
    const exit = { id: containerId, exitCode: 0, finishedAt: 1n, oomKilled: false };
    const fake = machine.containers.get(containerId);
    Object.assign(fake ?? {}, { exit, state: 'stopped' });
    machine.onExit(containerId);
    const { startedAt, finishedAt } = ctx.store.requireContainer(containerId);
    expect(finishedAt).toBe(startedAt);
  });

  it('tells the start before the end, however quick the end is', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
    machine.during.set('start', () => machine.end(containerId, 5));
    const leave = new AbortController();
    const types: number[] = [];
    const listening = (async () => {
      for await (const event of ctx.events.subscribe(leave.signal)) types.push(event.containerEventType);
    })();
    await startContainer(ctx, { containerId });
    leave.abort();
    await listening;
    expect(types).toEqual([1, 2]);
    expect(ctx.store.requireContainer(containerId).exitCode).toBe(5);
  });
});

describe('StopContainer', () => {
  it('ends a container by its stop signal, well before the time-out', async () => {
    const ctx = fakeContext(new FakeMachine());
    const { containerId } = await running(ctx);
    await stopContainer(ctx, { containerId, timeout: 30n });
    expect(ctx.store.requireContainer(containerId).exitCode).toBe(128 + 15);
  });

  it('kills a deaf one when the grace is over, and sooner when a later caller has less patience', async () => {
    const machine = new FakeMachine();
    const clock = new FakeClock();
    const ctx = fakeContext(machine, clock);
    const { containerId } = await running(ctx);
    machine.deaf.add(containerId);
    const patient = stopContainer(ctx, { containerId, timeout: 300n });
    await ctx.queue.idle();
    await clock.advance(5_000);
    expect(containerState(ctx.store.requireContainer(containerId))).toBe('running');
    const hasty = stopContainer(ctx, { containerId, timeout: 2n });
    await clock.advance(2_000);
    await Promise.all([patient, hasty]);
    expect(ctx.store.requireContainer(containerId).exitCode).toBe(137);
  });

  it('waits with the signal for a program that has just begun until it has a handler', async () => {
    const machine = new FakeMachine();
    const clock = new FakeClock();
    const ctx = fakeContext(machine, clock);
    const { containerId } = await running(ctx);
    machine.deaf.add(containerId);
    const stopped = stopContainer(ctx, { containerId, timeout: 30n });
    await ctx.queue.idle();
    await clock.advance(100);
    expect(containerState(ctx.store.requireContainer(containerId))).toBe('running');
    machine.deaf.delete(containerId);
    await clock.advance(20);
    await stopped;
    expect(ctx.store.requireContainer(containerId).exitCode).toBe(128 + 15);
  });

  it('waits for no handler of a stop signal that nobody can handle', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine, new FakeClock());
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const request = containerRequest(podSandboxId, { stopSignal: Signal.SIGKILL });
    const { containerId } = await createContainer(ctx, request);
    await startContainer(ctx, { containerId });
    machine.deaf.add(containerId);
    await stopContainer(ctx, { containerId, timeout: 30n });
    expect(ctx.store.requireContainer(containerId).exitCode).toBe(137);
  });

  it('signals no process of an earlier boot: its pid may be another program now', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { containerId } = await running(ctx);
    const stale = { ...ctx, node: { ...ctx.node, bootId: 'another-boot' } };
    await stopContainer(stale, { containerId, timeout: 0n });
    expect(machine.containers.get(containerId)?.state).toBe('running');
  });

  it('is shortened by a later caller while it still waits for a start at work', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { containerId } = await running(ctx);
    machine.deaf.add(containerId);
    let endStart = (): void => {};
    const starting = new Promise<void>(resolve => {
      endStart = resolve;
    });
    const start = ctx.queue.run(containerId, () => starting);
    const patient = stopContainer(ctx, { containerId, timeout: 3600n });
    const impatient = stopContainer(ctx, { containerId, timeout: 0n });
    endStart();
    await Promise.all([start, patient, impatient]);
    expect(ctx.store.requireContainer(containerId).exitCode).toBe(137);
  });

  it('ends one that was never started, so that nobody starts it any more', async () => {
    const ctx = fakeContext(new FakeMachine());
    const { podSandboxId } = await runPodSandbox(ctx, sandboxRequest());
    const { containerId } = await createContainer(ctx, containerRequest(podSandboxId));
    await stopContainer(ctx, { containerId, timeout: 3600n });
    const { exitCode, reason, startedAt } = ctx.store.requireContainer(containerId);
    expect([exitCode, reason, startedAt]).toEqual([137, 'Error', undefined]);
    await expect(startContainer(ctx, { containerId })).rejects.toThrow('cannot be started again');
  });

  it('is fine with one that has ended, is gone or never was', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { containerId } = await running(ctx);
    machine.end(containerId, 0);
    await stopContainer(ctx, { containerId, timeout: 1n });
    await removeContainer(ctx, { containerId });
    await removeContainer(ctx, { containerId });
    await stopContainer(ctx, { containerId, timeout: 1n });
    await stopContainer(ctx, { containerId: 'nobody', timeout: 1n });
  });
});

describe('stop and removal of a sandbox', () => {
  it('takes everything away, and may be repeated', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await running(ctx);
    await Promise.all([stopPodSandbox(ctx, { podSandboxId }), stopPodSandbox(ctx, { podSandboxId })]);
    expect(machine.counts.get('network-remove')).toBe(1);
    await removePodSandbox(ctx, { podSandboxId });
    await removePodSandbox(ctx, { podSandboxId });
    expect(machine.inspect()).toEqual([]);
    expect([...ctx.store.allSandboxes(), ...ctx.store.allContainers()]).toEqual([]);
  });

  it('stops all it can when the network fails, and the next call does the rest', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId, containerId } = await running(ctx);
    machine.failing.add('network-remove');
    await expect(stopPodSandbox(ctx, { podSandboxId })).rejects.toThrow('network-remove failed');
    expect(containerState(ctx.store.requireContainer(containerId))).toBe('exited');
    machine.failing.clear();
    await removePodSandbox(ctx, { podSandboxId });
    expect(machine.inspect()).toEqual([]);
  });

  it('is not ready once its infra process dies, and can still be removed', async () => {
    const machine = new FakeMachine();
    const ctx = fakeContext(machine);
    const { podSandboxId } = await running(ctx);
    machine.end(podSandboxId, 137);
    expect(sandboxState(ctx.store.requireSandbox(podSandboxId))).toBe('not-ready');
    await removePodSandbox(ctx, { podSandboxId });
    expect(machine.inspect()).toEqual([]);
  });
});
