import { describe, expect, it } from 'vitest';
import type { PodStatus } from '../../../../src/api/types/gen/core-v1.ts';
import { StartFailure } from '../../../../src/kubelet/act/start-container.ts';
import type { PodAction } from '../../../../src/kubelet/decide/actions.ts';
import { CRASH_BACKOFF, decideCrashBackoff, goDuration } from '../../../../src/kubelet/decide/crash-backoff.ts';
import { rememberFailed, rememberImage } from '../../../../src/kubelet/decide/remember.ts';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const ONE = 'containers: [{name: main, image: localhost/busybox:1}]';
const conditions = (sim: Simulation): Record<string, string> =>
  Object.fromEntries((sim.status().conditions ?? []).map(c => [c.type, c.status]));
const waiting = (sim: Simulation) => sim.status().containerStatuses?.[0]?.state.waiting;

describe('computePodStatus', () => {
  it('of a pod of which nothing is there yet', () => {
    const sim = new Simulation(podWith(ONE));
    expect(sim.status()).toMatchObject({ phase: 'Pending', hostIP: '192.0.2.1', qosClass: 'BestEffort' });
    expect(waiting(sim)).toEqual({ reason: 'ContainerCreating' });
    expect(conditions(sim)).toEqual({
      PodReadyToStartContainers: 'False',
      Initialized: 'True',
      Ready: 'False',
      ContainersReady: 'False',
      PodScheduled: 'True',
    });
  });

  it('of a pod that runs', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    const status = sim.status();
    expect(status).toMatchObject({ phase: 'Running', podIP: '10.0.0.5', podIPs: [{ ip: '10.0.0.5' }] });
    expect(status.containerStatuses?.[0]).toMatchObject({
      ready: true,
      started: true,
      restartCount: 0,
      image: 'localhost/busybox:1',
      containerID: expect.stringMatching(/^fake:\/\//),
    });
    expect(new Set(Object.values(conditions(sim)))).toEqual(new Set(['True']));
  });

  it('of a pod that ends with its machine: it has failed, whatever its containers ended with, once none of them runs', async () => {
    const sim = new Simulation({ ...podWith(ONE), source: 'api' });
    await sim.settle();
    sim.previous = sim.status();
    Object.assign(sim, { wanted: false, shutdown: true });
    const told = { reason: 'Terminated', message: 'Pod was terminated in response to imminent node shutdown.' };
    expect(sim.status()).toMatchObject({ phase: 'Running', ...told });
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 0);
    await sim.plan();
    const status = sim.status();
    expect(status).toMatchObject({ phase: 'Failed', ...told });
    const condition = {
      type: 'DisruptionTarget',
      status: 'True',
      reason: 'TerminationByKubelet',
      message: told.message,
    };
    expect(status.conditions?.find(({ type }) => type === 'DisruptionTarget')).toMatchObject(condition);
    // and it keeps saying so when the next kubelet looks
    sim.previous = status;
    sim.shutdown = false;
    expect(sim.status()).toMatchObject({ phase: 'Failed', ...told });
  });

  it('tells what a container was given: resources, user and mounts', async () => {
    const sim = new Simulation(
      podWith(
        `volumes: [{name: v, emptyDir: {}}]
  containers:
    - name: main
      image: localhost/busybox:1
      resources: {requests: {cpu: 100m}, limits: {cpu: 200m}}
      volumeMounts: [{name: v, mountPath: /w}, {name: v, mountPath: /r, readOnly: true}]`,
      ),
    );
    const volumeMounts = [
      { name: 'v', mountPath: '/w' },
      { name: 'v', mountPath: '/r', readOnly: true, recursiveReadOnly: 'Disabled' },
    ];
    expect(sim.status().containerStatuses?.[0]).toMatchObject({ volumeMounts });
    await sim.settle();
    expect(sim.status().containerStatuses?.[0]).toMatchObject({
      resources: { requests: { cpu: '100m' }, limits: { cpu: '200m' } },
      allocatedResources: { cpu: '100m' },
      user: { linux: { uid: 1000, gid: 1001, supplementalGroups: [1001, 2000] } },
      volumeMounts,
    });
    // told of one that has ended as well
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
    await sim.plan();
    expect(sim.status().containerStatuses?.[0]).toMatchObject({ allocatedResources: { cpu: '100m' } });
  });

  it("has the node's address for a pod in the node's network", async () => {
    const sim = new Simulation(podWith(`hostNetwork: true\n  ${ONE}`));
    await sim.settle();
    expect(sim.status().podIPs).toEqual([{ ip: '192.0.2.1' }]);
  });

  it('of a container in its crash back-off: why it waits, and how it ended', async () => {
    const sim = new Simulation(podWith(ONE));
    await sim.settle();
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 1);
    await sim.settle();
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 7);
    await sim.plan();
    expect(sim.status().phase).toBe('Running');
    expect(sim.status().containerStatuses?.[0]).toMatchObject({
      ready: false,
      restartCount: 1,
      state: {
        waiting: { reason: 'CrashLoopBackOff', message: expect.stringMatching(/^back-off 10s restarting failed/) },
      },
      lastState: { terminated: { exitCode: 7, reason: 'Error' } },
    });
  });

  it('of a container that the runtime refuses to start: that, and from the second time on its crash back-off', async () => {
    const sim = new Simulation(podWith(ONE));
    let starts = 0;
    sim.runtime.startContainer = async id => {
      starts += 1;
      sim.runtime.exit(id, 128);
      throw new StartFailure(id, new Error('there is no such program'));
    };
    const refused = async (): Promise<unknown> => {
      const before = starts;
      while (starts === before) await sim.step();
      await sim.plan();
      return sim.status().containerStatuses?.[0];
    };
    expect(await refused()).toMatchObject({
      state: { waiting: { reason: 'RunContainerError', message: expect.stringContaining('there is no such program') } },
      lastState: { terminated: { exitCode: 128 } },
    });
    expect(await refused()).toMatchObject({
      restartCount: 1,
      state: {
        waiting: { reason: 'CrashLoopBackOff', message: expect.stringMatching(/^back-off 10s restarting failed/) },
      },
      lastState: { terminated: { exitCode: 128 } },
    });
  });

  it('of a container that ended well in the end: how it ended before, though that one is removed', async () => {
    const sim = new Simulation(podWith(`restartPolicy: OnFailure\n  ${ONE}`));
    await sim.settle();
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 3);
    await sim.settle();
    sim.runtime.exit(sim.runtime.running()[0]?.id ?? '', 0);
    await sim.plan();
    const told = sim.status();
    await sim.settle();
    expect(sim.status().containerStatuses?.[0]?.lastState).toEqual({});
    expect(sim.status(told).containerStatuses?.[0]).toMatchObject({
      restartCount: 1,
      state: { terminated: { exitCode: 0 } },
      lastState: { terminated: { exitCode: 3, reason: 'Error' } },
    });
  });

  it('of several containers: by their names, whatever their order in the pod', async () => {
    const image = 'image: localhost/busybox:1';
    const sim = new Simulation(podWith(`containers: [{name: b, ${image}}, {name: a, ${image}}]`));
    await sim.settle();
    expect(sim.status().containerStatuses?.map(({ name }) => name)).toEqual(['a', 'b']);
  });

  it('of what containers have left to say: 12 KiB in all, shared evenly', () => {
    const image = 'image: localhost/busybox:1';
    const sim = new Simulation(
      podWith(`containers: [{name: a, ${image}}, {name: b, ${image}}, {name: c, ${image}}, {name: d, ${image}}]`),
    );
    sim.wanted = false;
    const ended = (name: string, message: string) => ({
      ...{ name, restartCount: 0, image: 'x', imageID: 'x', ready: false, lastState: {} },
      state: { terminated: { exitCode: 1, containerID: `fake://${name}`, message } },
    });
    const told = { phase: 'Failed', containerStatuses: [ended('a', 'm'.repeat(4096)), ended('b', 'short')] };
    const messages = sim
      .status(told as unknown as PodStatus)
      .containerStatuses?.map(({ state }) => state.terminated?.message?.length);
    expect(messages?.slice(0, 2)).toEqual([3072, 5]);
  });

  it('of an image that cannot be pulled: the failure first, then the back-off', () => {
    const sim = new Simulation(podWith(ONE));
    const outcome = { reason: 'ErrImagePull', message: 'not found' };
    sim.memory = rememberImage(sim.memory, sim.container('main'), outcome, sim.runtime.now);
    expect(waiting(sim)).toEqual({ reason: 'ErrImagePull', message: 'not found' });
    sim.runtime.now += 1_000;
    expect(waiting(sim)).toEqual({
      reason: 'ImagePullBackOff',
      message: 'Back-off pulling image "localhost/busybox:1": ErrImagePull: not found',
    });
  });

  it.each<[PodAction, string, string]>([
    [{ kind: 'create-sandbox', attempt: 0, because: '' }, 'CreatePodSandboxError', 'a step of the pod'],
    [{ kind: 'make-volumes', because: '' }, 'FailedMount', 'a volume'],
    [
      {
        kind: 'start-container',
        container: 'main',
        sandboxId: 's',
        restartCount: 0,
        backoff: undefined,
        because: '',
      } as const,
      'CreateContainerError',
      'a step of the container',
    ],
  ])('names a failed step %j as %s: %s', (action, reason) => {
    const sim = new Simulation(podWith(ONE));
    const failure = { reason: undefined, message: 'it is so', containerId: undefined };
    sim.memory = rememberFailed(sim.memory, action, failure, sim.runtime.now);
    expect(waiting(sim)).toEqual({ reason, message: 'it is so' });
  });

  it('says which init containers are awaited', async () => {
    const image = 'image: localhost/busybox:1';
    const sim = new Simulation(
      podWith(`initContainers: [{name: a, ${image}}, {name: b, ${image}}]\n  containers: [{name: main, ${image}}]`),
    );
    await sim.settle();
    expect(waiting(sim)).toEqual({ reason: 'PodInitializing' });
    expect(sim.status().conditions?.find(c => c.type === 'Initialized')).toMatchObject({
      status: 'False',
      message: 'containers with incomplete status: [a b]',
    });
  });
});

describe('failures of a step', () => {
  it('wait 1 s, doubling to 30 s, and begin anew with another step', () => {
    const sim = new Simulation(podWith(ONE));
    const failure = { reason: undefined, message: 'x', containerId: undefined };
    const waits: number[] = [];
    for (let i = 0; i < 7; i += 1) {
      sim.memory = rememberFailed(sim.memory, { kind: 'make-volumes', because: '' }, failure, sim.runtime.now);
      const { retryAt } = sim.memory.failures.get('') ?? { retryAt: 0 };
      waits.push((retryAt - sim.runtime.now) / 1000);
      sim.runtime.now = retryAt;
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 30, 30]);
    sim.memory = rememberFailed(sim.memory, { kind: 'make-cgroup', because: '' }, failure, sim.runtime.now);
    expect(sim.memory.failures.get('')?.backoff.delayMs).toBe(1_000);
  });
});

describe('decideCrashBackoff', () => {
  it.each([
    [0, 0, 'the first end'],
    [1, 10_000, 'restarted once'],
    [3, 40_000, 'restarted three times'],
    [50, 300_000, 'never more than five minutes'],
  ])('after %i restarts and without memory the wait is %i ms: %s', (restartCount, delayMs) => {
    const exited = { restartCount, startedAt: 1_000, finishedAt: 2_000 };
    expect(decideCrashBackoff(undefined, exited, true, CRASH_BACKOFF).delayMs).toBe(delayMs);
  });

  it.each([
    [10_000, '10s'],
    [160_000, '2m40s'],
    [300_000, '5m0s'],
  ])('%i ms are %s', (ms, text) => {
    expect(goDuration(ms)).toBe(text);
  });
});
