import { describe, expect, it } from 'vitest';
import type { Node, PodStatus, ResourceRequirements } from '../../../../src/api/types/gen/core-v1.ts';
import type { PodAction } from '../../../../src/kubelet/decide/actions.ts';
import { refuseResize } from '../../../../src/kubelet/decide/admit-pod.ts';
import { rememberDone, rememberFailed } from '../../../../src/kubelet/decide/remember.ts';
import { allocatedBefore, keptAt, podSize, sizeOf } from '../../../../src/kubelet/decide/resize.ts';
import type { DesiredPod } from '../../../../src/kubelet/desired/desired-pod.ts';
import { resizeEvents } from '../../../../src/kubelet/report/resize-events.ts';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const SMALL = '{requests: {cpu: 100m, memory: 64Mi}, limits: {cpu: 200m, memory: 64Mi}}';
const LARGE = '{requests: {cpu: 300m, memory: 128Mi}, limits: {cpu: 400m, memory: 128Mi}}';

function sizedPod(resources: string, generation = 1, more = ''): DesiredPod {
  const pod = podWith(`containers: [{name: main, image: localhost/busybox:1, resources: ${resources}${more}}]`);
  return { ...pod, source: 'api', file: '', pod: { ...pod.pod, metadata: { ...pod.pod.metadata, generation } } };
}

/** A pod that runs with the small sizes, and is then asked to have others. */
async function resizing(resources: string, more = ''): Promise<Simulation> {
  const sim = new Simulation(sizedPod(SMALL, 1, more));
  await sim.settle();
  sim.log.length = 0;
  sim.pod = { ...sizedPod(resources, 2, more), uid: sim.pod.uid };
  return sim;
}

const conditions = (status: PodStatus): readonly string[] =>
  (status.conditions ?? []).filter(c => c.type.startsWith('PodResize')).map(c => `${c.type} ${c.reason ?? ''}`.trim());

describe('a resize', () => {
  it('is carried out in place, group first and last, and done once', async () => {
    const sim = await resizing(LARGE);
    expect(conditions(sim.status())).toEqual(['PodResizeInProgress']);
    expect((await sim.plan()).actions.map(a => a.kind)).toEqual(['resize-containers', 'settle-group']);
    await sim.settle();
    expect(conditions(sim.status())).toEqual([]);
    expect(sim.status().containerStatuses?.[0]).toMatchObject({
      restartCount: 0,
      resources: { limits: { cpu: '400m', memory: '128Mi' } },
    });
    expect((await sim.plan()).actions).toEqual([]);
  });

  it('is nothing where the sizes are the same in other words', async () => {
    const sim = await resizing('{requests: {cpu: 0.1, memory: 65536Ki}, limits: {cpu: 0.2, memory: 64Mi}}');
    expect(conditions(sim.status())).toEqual([]);
    expect((await sim.plan()).actions.map(a => a.kind)).toEqual(['settle-group']);
  });

  it('ends the container whose policy asks for that, and starts the next one in the same plan', async () => {
    const sim = await resizing(LARGE, ', resizePolicy: [{resourceName: memory, restartPolicy: RestartContainer}]');
    // its image is asked for first, and nobody is ended for that
    await sim.step();
    const { actions } = await sim.plan();
    expect(actions.map(a => a.kind)).toEqual([
      'resize-containers',
      'kill-containers',
      'settle-group',
      'start-container',
    ]);
    await sim.settle();
    expect(sim.status().containerStatuses?.[0]?.restartCount).toBe(1);
    expect(conditions(sim.status())).toEqual([]);
  });

  it('is gone on with by the next kubelet, from what this one has told', async () => {
    const sim = await resizing(LARGE);
    const told = sim.status();
    expect(told.containerStatuses?.[0]?.resources).toEqual({
      requests: { cpu: '100m', memory: '64Mi' },
      limits: { cpu: '200m', memory: '64Mi' },
    });
    await sim.settle();
    sim.memory = { ...sim.memory, given: new Map(), groupSize: undefined };
    sim.previous = told;
    expect((await sim.plan()).actions.map(a => a.kind)).toEqual(['resize-containers', 'settle-group']);
  });

  it('that failed says so, and is tried again later', async () => {
    const sim = await resizing(LARGE);
    const [action] = (await sim.plan()).actions;
    const failure = { reason: undefined, message: 'it is in use', containerId: undefined };
    sim.memory = rememberFailed(sim.memory, action as NonNullable<typeof action>, failure, sim.runtime.now);
    expect(sim.status().conditions?.find(c => c.type === 'PodResizeInProgress')).toMatchObject({
      reason: 'Error',
      message: 'it is in use',
    });
    const plan = await sim.plan();
    expect(plan.actions).toEqual([]);
    expect(plan.wakeAt).toBeGreaterThan(sim.runtime.now);
  });

  it('tells what each container was given, and whether others end', async () => {
    const sim = await resizing(LARGE);
    expect((await sim.plan()).actions[0]).toMatchObject({
      containers: [{ name: 'main', given: { limits: { memory: '64Mi' } }, resources: { limits: { memory: '128Mi' } } }],
      kills: false,
    });
  });

  it('says so as well where only the group of the pod could not follow', async () => {
    const sim = await resizing(LARGE);
    const [first, second] = (await sim.plan()).actions as [PodAction, PodAction];
    const failure = { reason: undefined, message: 'it is in use', containerId: undefined };
    sim.memory = rememberFailed(rememberDone(sim.memory, first), second, failure, sim.runtime.now);
    expect(conditions(sim.status())).toEqual(['PodResizeInProgress Error']);
    sim.runtime.now = (await sim.plan()).wakeAt ?? 0;
    await sim.settle();
    expect(conditions(sim.status())).toEqual([]);
  });

  it('is none of a pod from a manifest', async () => {
    const sim = await resizing(LARGE);
    sim.pod = { ...sim.pod, source: 'file' };
    expect((await sim.plan()).actions).toEqual([]);
  });
});

describe('what a node can give', () => {
  const node = {
    metadata: { name: 'n' },
    status: { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } },
  } as unknown as Node;
  const asks = (cpu: string) => sizedPod(`{requests: {cpu: "${cpu}", memory: 64Mi}}`).pod;
  it.each([
    ['is given', '500m', undefined],
    [
      'is given later',
      '800m',
      {
        reason: 'Deferred',
        message: "Node didn't have enough resource: cpu, requested: 800, used: 300, capacity: 1000",
      },
    ],
    [
      'is never given',
      '2',
      { reason: 'Infeasible', message: "Node didn't have enough capacity: cpu, requested: 2000, capacity: 1000" },
    ],
  ])('%s: %s', (_what, cpu, refusal) => {
    expect(refuseResize(asks(cpu), [asks('300m')], node)).toEqual(refusal);
  });
});

describe('sizes', () => {
  const resources: ResourceRequirements = { limits: { cpu: '1', memory: '1Gi' } };
  it('count a limit as the request that was not said', () => {
    expect(sizeOf(resources)).toEqual(sizeOf({ ...resources, requests: { cpu: '1000m', memory: '1024Mi' } }));
  });

  it('that were allocated are found in the status, and kept while others cannot be had', () => {
    const small = sizedPod(SMALL);
    const wanted = sizedPod(LARGE, 2);
    const [main] = small.pod.spec.containers;
    const told = {
      ...wanted.pod,
      status: {
        containerStatuses: [{ name: 'main', resources: main?.resources, allocatedResources: main?.resources.requests }],
      },
    } as unknown as typeof wanted.pod;
    expect(podSize(allocatedBefore(told))).toBe(podSize(small.pod));
    expect(podSize(allocatedBefore(wanted.pod))).toBe(podSize(wanted.pod));
    const kept = keptAt(wanted, small.pod, 'Deferred', 'not now');
    expect(podSize(kept.pod)).toBe(podSize(small.pod));
    expect(kept.pod.metadata.generation).toBe(2);
    expect(kept.resizePending).toEqual({ reason: 'Deferred', message: 'not now' });
  });
});

describe('events of a resize', () => {
  const pod = sizedPod(LARGE, 2);
  const status = (...all: { type: string; reason?: string; message?: string }[]): PodStatus =>
    ({ phase: 'Running', conditions: all }) as unknown as PodStatus;
  const pending = { type: 'PodResizePending', reason: 'Deferred', message: 'not now' };
  const open = { type: 'PodResizeInProgress' };
  const failed = { ...open, reason: 'Error', message: 'in use' };
  it.each([
    ['waits', status(), status(pending), ['Warning ResizeDeferred']],
    ['waits on', status(pending), status(pending), []],
    ['begins', status(pending), status(open), ['Normal ResizeStarted']],
    ['fails', status(open), status(failed), ['Warning ResizeError']],
    ['is done', status(failed), status(), ['Normal ResizeCompleted']],
  ])('that %s', (_what, before, after, expected) => {
    expect(resizeEvents(pod, before, after).map(e => `${e.type} ${e.reason}`)).toEqual(expected);
  });

  it('tell the sizes as upstream does', () => {
    expect(resizeEvents(pod, status(), status(open))[0]?.message).toBe(
      'Pod resize started: {"containers":[{"name":"main","resources":{"limits":{"cpu":"400m","memory":"128Mi"},"requests":{"cpu":"300m","memory":"128Mi"}}}],"generation":2}',
    );
  });
});
