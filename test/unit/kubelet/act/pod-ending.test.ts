import { describe, expect, it, vi } from 'vitest';
import type { ActTools } from '../../../../src/kubelet/act/pod-task.ts';
import { PodWorker, type WorkerTools } from '../../../../src/kubelet/act/pod-worker.ts';
import { startCreated } from '../../../../src/kubelet/act/start-container.ts';
import type { ProbeResults } from '../../../../src/kubelet/decide/probe-verdicts.ts';
import { NO_OBJECTS } from '../../../../src/kubelet/objects/pod-objects.ts';
import type { ObservedPod } from '../../../../src/kubelet/observed/observed-pod.ts';
import { StatusStore } from '../../../../src/kubelet/report/status-store.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { podWith } from '../pods.ts';

const never = (signal: AbortSignal): Promise<never> =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });

describe('a pod that is being ended', () => {
  it('tells that it is not ready any more while its containers still take their time', async () => {
    const pod = podWith('containers: [{name: main, image: x, readinessProbe: {exec: {command: [check]}}}]');
    const observed = {
      ...{ uid: pod.uid, name: pod.name, namespace: pod.namespace, at: 0 },
      sandboxes: [{ id: 's', attempt: 0, state: 'ready', createdAt: 1, ips: ['10.0.0.5'], annotations: {} }],
      containers: [{ id: 'c', sandboxId: 's', name: 'main', state: 'running', startedAt: 1, restartCount: 0 }],
    } as unknown as ObservedPod;
    let results: ProbeResults = { readiness: 'success' };
    const statuses = new StatusStore();
    const killing = vi.fn((_action: unknown, _task: unknown, signal: AbortSignal) => never(signal));
    const worker = new PodWorker(pod.uid, { kind: 'end', desired: pod, because: 'it is deleted' }, {
      cache: { get: () => observed, refresh: async () => observed },
      statuses,
      executors: { 'kill-containers': killing },
      probes: {
        windDown: () => {},
        results: () => new Map([['c', results]]),
        forget: () => {},
      },
      objects: NO_OBJECTS,
      events: { record: () => {} },
      settings: { hostIPs: [], crashBackoff: { baseMs: 1, maxMs: 1 } },
      clock: new FakeClock(),
      log: { info: () => {}, warn: () => {} },
      runtimeName: 'fake',
      isTold: () => true,
      onRunning: () => {},
    } as unknown as WorkerTools);
    const kubelet = new AbortController();
    const done = worker.run(kubelet.signal);
    await vi.waitFor(() => expect(killing).toHaveBeenCalled());
    const isReady = (): unknown => statuses.statusOf(pod.uid)?.containerStatuses?.[0]?.ready;
    expect(isReady()).toBe(true);
    results = { readiness: 'failure' };
    worker.onProbed();
    expect(isReady()).toBe(false);
    kubelet.abort();
    await done;
  });

  it('does not wait for a postStart hook that takes for ever', async () => {
    const pod = podWith(
      'containers: [{name: main, image: x, lifecycle: {postStart: {exec: {command: [sleep, infinity]}}}}]',
    );
    const events: string[] = [];
    const tools = {
      runtime: {
        startContainer: async () => {},
        execSync: (_id: string, _words: unknown, _limit: number, signal: AbortSignal) => never(signal),
        stopContainer: async () => events.push('stopped'),
      },
      settings: {},
      events: { record: (_pod: unknown, _type: string, reason: string) => events.push(reason) },
    } as unknown as ActTools;
    const ending = new AbortController();
    const kubelet = new AbortController();
    const container = { id: 'c', name: 'main', restartCount: 0 };
    const started = startCreated(tools, { ending: ending.signal }, pod, container, '10.0.0.5', kubelet.signal);
    await vi.waitFor(() => expect(events).toEqual(['Started']));
    ending.abort();
    await started;
    expect(events).toEqual(['Started']);
  });
});

describe('a container whose postStart hook fails', () => {
  it('is ended as others are: its preStop hook runs, then it gets its grace', async () => {
    const pod = podWith(
      `terminationGracePeriodSeconds: 7
  containers: [{name: main, image: x, lifecycle: {postStart: {exec: {command: [begin]}}, preStop: {exec: {command: [leave]}}}}]`,
    );
    const done: string[] = [];
    const tools = {
      runtime: {
        startContainer: async () => {},
        execSync: async (_id: string, [word = '']: readonly string[]) => {
          done.push(word);
          const exitCode = word === 'begin' ? 1 : 0;
          return { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0), exitCode };
        },
        stopContainer: async (id: string, graceSeconds: number) => done.push(`stop ${id} ${graceSeconds}`),
      },
      clock: new FakeClock(),
      settings: {},
      events: { record: () => {} },
    } as unknown as ActTools;
    const { signal } = new AbortController();
    const container = { id: 'c', name: 'main', restartCount: 0 };
    await expect(startCreated(tools, { ending: signal }, pod, container, '10.0.0.5', signal)).rejects.toThrow(
      'PostStartHook of main failed',
    );
    expect(done).toEqual(['begin', 'leave', 'stop c 7']);
  });
});
