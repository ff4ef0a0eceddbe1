import { describe, expect, it } from 'vitest';
import type { RuntimeServiceContext } from '../../../../src/cri/runtime-service/context.ts';
import { removePodSandbox } from '../../../../src/cri/runtime-service/remove-pod-sandbox.ts';
import { runPodSandbox } from '../../../../src/cri/runtime-service/run-pod-sandbox.ts';
import { stopPodSandbox } from '../../../../src/cri/runtime-service/stop-pod-sandbox.ts';
import { needsInfra } from '../../../../src/cri/spec/infra.ts';
import { containerNamespaces } from '../../../../src/cri/spec/namespaces.ts';
import { sandboxState } from '../../../../src/cri/store/sandbox-record.ts';
import { ContainerEventType, RunPodSandboxRequest } from '../../../../src/rpc/cri-api.ts';
import { FakeMachine, fakeContext } from '../fakes.ts';

const OWN_PID = { network: 0, pid: 1, ipc: 0, targetId: '' };
const NAME = { name: 'web', namespace: 'default', uid: 'u', attempt: 0 };
const request = (options: object): RunPodSandboxRequest =>
  RunPodSandboxRequest.fromPartial({
    config: { metadata: NAME, hostname: 'web', linux: { securityContext: { namespaceOptions: options } } },
  });

function dropping(machine: FakeMachine): RuntimeServiceContext {
  const ctx = fakeContext(machine);
  const runtime = { ...machine.runtime, name: 'crun' };
  const fallback = { ...ctx.runtimes.fallback, runtime };
  return {
    ...ctx,
    config: { ...ctx.config, dropInfra: true },
    runtimes: { ...ctx.runtimes, fallback, handlers: [fallback], wanted: () => fallback, recorded: () => fallback },
  };
}

describe('a pause process', () => {
  it.each([
    ['is there unless the configuration says otherwise', OWN_PID, false, 'crun', true],
    ['is not needed by containers with pid namespaces of their own', OWN_PID, true, 'crun', false],
    ['nor by those in that of the machine', { ...OWN_PID, pid: 2 }, true, 'runc', false],
    ['is needed where they share one', { ...OWN_PID, pid: 0 }, true, 'crun', true],
    ['also where that is left to the default', undefined, true, 'crun', true],
    [
      'is needed with a user namespace',
      { ...OWN_PID, usernsOptions: { mode: 0, uids: [], gids: [] } },
      true,
      'crun',
      true,
    ],
    ['is needed by what starts a virtual machine with it', OWN_PID, true, 'kata-runtime', true],
  ])('%s', (_what, options, dropInfra, runtime, needed) => {
    expect(needsInfra(options, dropInfra, runtime)).toBe(needed);
  });
});

describe('a sandbox without a pause process', () => {
  it('has its namespaces bound, is told of at both ends, and leaves nothing', async () => {
    const machine = new FakeMachine();
    const ctx = dropping(machine);
    const told: string[] = [];
    const end = new AbortController();
    const listening = (async () => {
      for await (const event of ctx.events.subscribe(end.signal))
        told.push(ContainerEventType[event.containerEventType] ?? '');
    })().catch(() => undefined);
    const { podSandboxId } = await runPodSandbox(ctx, request(OWN_PID));
    expect(machine.containers.size).toBe(0);
    expect([...machine.netns].map(path => path.split('.')[1] ?? 'net')).toEqual(['net', 'ipc', 'uts']);
    const record = ctx.store.requireSandbox(podSandboxId);
    expect(sandboxState(record)).toBe('ready');
    await stopPodSandbox(ctx, { podSandboxId });
    expect([...machine.netns]).toEqual([]);
    await removePodSandbox(ctx, { podSandboxId });
    expect(machine.inspect()).toEqual([]);
    end.abort();
    await listening;
    expect(told).toEqual(['CREATED', 'STARTED', 'STOPPED', 'DELETED'].map(what => `CONTAINER_${what}_EVENT`));
  });

  it('binds only what is not the machine’s', async () => {
    const machine = new FakeMachine();
    await runPodSandbox(dropping(machine), request({ ...OWN_PID, network: 2, ipc: 2 }));
    expect([...machine.netns]).toEqual([]);
  });

  it('is undone whole when its namespaces cannot be made', async () => {
    const machine = new FakeMachine();
    machine.failing.add('pin');
    await expect(runPodSandbox(dropping(machine), request(OWN_PID))).rejects.toThrow(
      'making the namespaces: pin failed',
    );
    expect(machine.inspect()).toEqual([]);
  });
});

describe('a container in it', () => {
  const inputs = {
    options: OWN_PID,
    netnsPath: '/n',
    usernsPath: undefined,
    infraPid: 0,
    pinned: { ipc: '/n.ipc', uts: '/n.uts' },
    targetPid: undefined,
    cgroupVersion: 1,
    privileged: false,
  } as const;

  it('joins what is bound', () => {
    expect(containerNamespaces(inputs)).toEqual([
      { type: 'mount' },
      { type: 'pid' },
      { type: 'ipc', path: '/n.ipc' },
      { type: 'network', path: '/n' },
      { type: 'uts', path: '/n.uts' },
    ]);
  });

  it('has the machine’s where the pod has', () => {
    expect(containerNamespaces({ ...inputs, netnsPath: undefined, pinned: {} })).toEqual([
      { type: 'mount' },
      { type: 'pid' },
    ]);
  });

  it('cannot share a pid namespace that nobody holds', () => {
    expect(() => containerNamespaces({ ...inputs, options: { ...OWN_PID, pid: 0 } })).toThrow(
      'made without a pid namespace to share',
    );
  });
});
