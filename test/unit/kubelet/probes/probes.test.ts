import { describe, expect, it, vi } from 'vitest';
import type { Container, PodStatus } from '../../../../src/api/types/gen/core-v1.ts';
import { Registry } from '../../../../src/daemon/metrics.ts';
import type { ObservedPod } from '../../../../src/kubelet/observed/observed-pod.ts';
import { ProbeManager } from '../../../../src/kubelet/probes/probe-manager.ts';
import { httpTarget, portOf } from '../../../../src/kubelet/probes/probe-target.ts';
import { countOutcome, NOTHING_COUNTED, type ProbeOutcome } from '../../../../src/kubelet/probes/threshold.ts';
import { FakeClock } from '../../../harness/fake-clock.ts';
import { FakeRuntime } from '../fake-runtime.ts';
import { podWith } from '../pods.ts';

const CONTAINER = { name: 'main', ports: [{ name: 'web', containerPort: 8080 }] } as unknown as Container;

describe('where a probe goes', () => {
  it.each([
    ['a number', 80, 80],
    ['a name', 'web', 8080],
    ['a number as text', '81', 81],
    ['a name that there is not', 'ftp', { error: "couldn't find port: ftp" }],
    ['no port', 0, { error: 'invalid port number: 0' }],
    ['more than a port', 70_000, { error: 'invalid port number: 70000' }],
  ])('by %s', (_, port, expected) => {
    expect(portOf(port, CONTAINER)).toEqual(expected);
  });

  it.each([
    ['the pod by default', { port: 80 }, 'http://10.0.0.5:80/'],
    ['another host', { port: 80, host: 'example.org', scheme: 'HTTPS' as const }, 'https://example.org:80/'],
    ['a path with a query', { port: 'web', path: '/ready?x=1' }, 'http://10.0.0.5:8080/ready?x=1'],
    ['a path without its slash', { port: 80, path: 'ready' }, 'http://10.0.0.5:80/ready'],
  ])('%s', (_, action, url) => {
    expect(httpTarget(action, CONTAINER, '10.0.0.5')).toMatchObject({ url });
  });

  it('has the address of a pod of version 6 in brackets', () => {
    expect(httpTarget({ port: 80 }, CONTAINER, 'fd00::7')).toMatchObject({ url: 'http://[fd00::7]:80/' });
  });

  it('says who it is, unless the handler says something else or nothing', () => {
    const headersOf = (...httpHeaders: { name: string; value: string }[]): unknown =>
      (httpTarget({ port: 80, httpHeaders }, CONTAINER, 'a') as { headers: unknown }).headers;
    expect(headersOf({ name: 'X', value: '1' }, { name: 'X', value: '2' })).toEqual([
      ['User-Agent', 'kube-probe/1.36'],
      ['Accept', '*/*'],
      ['X', '1'],
      ['X', '2'],
    ]);
    expect(headersOf({ name: 'user-agent', value: 'me' }, { name: 'Accept', value: '' })).toEqual([
      ['user-agent', 'me'],
    ]);
  });
});

describe('thresholds', () => {
  const play = (outcomes: string, probe: object): string => {
    let count = NOTHING_COUNTED;
    return [...outcomes]
      .map(each => {
        const result = ({ s: 'success', f: 'failure', u: 'unknown' } as const)[each as 's' | 'f' | 'u'];
        const counted = countOutcome(count, { result, output: '' } satisfies ProbeOutcome, probe);
        count = counted.count;
        return counted.settled?.[0] ?? '-';
      })
      .join('');
  };

  it.each([
    ['one success, three failures by default', {}, 'sffffs', 's--ffs'],
    ['a success between begins anew', {}, 'ffsfff', '--s--f'],
    ['two successes where that is asked for', { successThreshold: 2 }, 'sfss', '---s'],
    ['one failure is enough where that is asked for', { failureThreshold: 1 }, 'sf', 'sf'],
    ['what could not be found out counts for nothing', {}, 'ffuf', '---f'],
  ])('%s', (_, probe, outcomes, expected) => {
    expect(play(outcomes, probe)).toBe(expected);
  });
});

/** A pod of one container that runs since now, and what its probes say. */
function world(
  probes: string,
  told?: (id: string) => PodStatus,
  startedBeforeMs = 0,
  exec: FakeRuntime['answerExec'] = async () => 0,
) {
  const clock = new FakeClock();
  const pod = podWith(`containers: [{name: main, image: localhost/busybox:1, ${probes}}]`);
  const events: string[] = [];
  const registry = new Registry();
  let changes = 0;
  const runtime = new FakeRuntime();
  runtime.answerExec = exec;
  const manager = new ProbeManager({
    runtime,
    hostIPs: ['192.0.2.1'],
    events: { record: (_pod, type, reason, message) => events.push(`${type} ${reason} ${message}`) },
    clock,
    log: { debug() {} } as never,
    registry,
    random: () => 0.5,
    onChange: () => {
      changes += 1;
    },
  });
  const observed = {
    sandboxes: [{ ips: ['10.0.0.5'] }],
    containers: [{ id: 'c1', name: 'main', state: 'running', startedAt: clock.now() - startedBeforeMs }],
  } as unknown as ObservedPod;
  const follow = (): void => manager.follow(pod, observed, told?.('c1'));
  follow();
  return {
    clock,
    runtime,
    manager,
    registry,
    pod,
    events,
    follow,
    observed,
    results: () => manager.results(pod.uid).get('c1'),
    changes: () => changes,
  };
}

const EXEC = 'exec: {command: [check]}';

describe('probes of a container', () => {
  it('find it ready, and unready after three failures', async () => {
    const { clock, runtime, results, events } = world(`readinessProbe: {${EXEC}, periodSeconds: 5}`);
    expect(results()).toEqual({});
    await clock.advance(0);
    expect(results()).toEqual({ readiness: 'success' });
    runtime.answerExec = async () => 1;
    await clock.advance(10_000);
    expect(results()).toEqual({ readiness: 'success' });
    await clock.advance(5_000);
    expect(results()).toEqual({ readiness: 'failure' });
    expect(events).toEqual(Array(3).fill('Warning Unhealthy Readiness probe failed: said 1'));
    runtime.answerExec = async () => 0;
    await clock.advance(5_000);
    expect(results()).toEqual({ readiness: 'success' });
  });

  it('wait for their initial delay, counted from its start', async () => {
    const { clock, results } = world(`readinessProbe: {${EXEC}, initialDelaySeconds: 20}`, undefined, 15_000);
    await clock.advance(4_999);
    expect(results()).toEqual({});
    await clock.advance(6_000);
    expect(results()).toEqual({ readiness: 'success' });
  });

  it('begin with startup: the others wait until it has succeeded', async () => {
    const { clock, runtime, results } = world(
      `startupProbe: {${EXEC}, periodSeconds: 1, failureThreshold: 30}, livenessProbe: {${EXEC}}, readinessProbe: {${EXEC}}`,
      undefined,
      0,
      async () => 1,
    );
    await clock.advance(20_000);
    expect(results()).toEqual({});
    runtime.answerExec = async () => 0;
    await clock.advance(1_000);
    expect(results()).toEqual({ startup: 'success', liveness: 'success', readiness: 'success' });
  });

  it('end with a failure of startup or of life', async () => {
    const { clock, runtime, results } = world(`livenessProbe: {${EXEC}, periodSeconds: 1}`);
    runtime.answerExec = async () => 1;
    await clock.advance(3_000);
    expect(results()).toEqual({ liveness: 'failure' });
    runtime.answerExec = async () => 0;
    await clock.advance(60_000);
    expect(results()).toEqual({ liveness: 'failure' });
  });

  it('are tried again at once, three times in all, when they cannot be carried out, and then count for nothing', async () => {
    let tries = 0;
    const probes = `livenessProbe: {${EXEC}, periodSeconds: 1, failureThreshold: 1}`;
    const { clock, results, events } = world(probes, undefined, 0, async () => {
      tries += 1;
      throw new Error('no such runtime');
    });
    await clock.advance(0);
    expect(tries).toBe(3);
    expect(results()).toEqual({});
    expect(events).toEqual(['Warning Unhealthy Liveness probe errored and resulted in unknown state: no such runtime']);
  });

  it('fail where the host of the handler is none', async () => {
    const { clock, events, results } = world(`livenessProbe: {httpGet: {host: 'a b', port: 80}, failureThreshold: 1}`);
    await clock.advance(0);
    await vi.waitFor(() => expect(results()).toEqual({ liveness: 'failure' }));
    expect(events).toEqual(['Warning Unhealthy Liveness probe failed: Get "http://a b:80/": invalid URL']);
  });

  it('keep what was told of this very container before', () => {
    const told = (id: string): PodStatus =>
      ({ containerStatuses: [{ name: 'main', containerID: `fake://${id}`, ready: true, started: true }] }) as never;
    expect(world(`startupProbe: {${EXEC}}, readinessProbe: {${EXEC}}`, told).results()).toEqual({
      startup: 'success',
      readiness: 'success',
    });
    expect(world(`readinessProbe: {${EXEC}}`, () => told('another')).results()).toEqual({});
  });

  it('of containers that were there when the kubelet came begin within a period, not all at once', async () => {
    const { clock, results } = world(`readinessProbe: {${EXEC}}`, undefined, 60_000);
    await clock.advance(4_999);
    expect(results()).toEqual({});
    await clock.advance(1);
    expect(results()).toEqual({ readiness: 'success' });
  });

  it('stop with the container, and another life of it begins anew', async () => {
    const { clock, manager, pod, observed, runtime, results } = world(`readinessProbe: {${EXEC}, periodSeconds: 1}`);
    await clock.advance(0);
    manager.follow(pod, { ...observed, containers: [] }, undefined);
    expect(results()).toBeUndefined();
    const before = runtime.calls.length;
    await clock.advance(60_000);
    expect(runtime.calls.length).toBe(before);
    manager.follow(pod, { ...observed, containers: observed.containers.map(c => ({ ...c, id: 'c2' })) }, undefined);
    expect(manager.results(pod.uid).get('c2')).toEqual({});
    manager.stop();
    expect(clock.pending).toBe(0);
  });

  it('ask of a pod that is being ended whether it is ready, and nothing else', async () => {
    const probes = ['startup', 'readiness', 'liveness'].map(
      kind => `${kind}Probe: {exec: {command: [${kind}]}, periodSeconds: 1, failureThreshold: 1}`,
    );
    const { clock, runtime, manager, pod, observed, results } = world(probes.join(', '));
    await clock.advance(1_000);
    const found = { startup: 'success', readiness: 'success', liveness: 'success' };
    expect(results()).toEqual(found);
    manager.windDown(pod, observed, undefined);
    expect(results()).toEqual(found);
    runtime.answerExec = async () => 1;
    await clock.advance(10_000);
    expect(results()).toEqual({ ...found, readiness: 'failure' });
    manager.windDown(pod, { ...observed, containers: [] }, undefined);
    expect(results()).toBeUndefined();
    expect(clock.pending).toBe(0);
  });

  it('of a pod that is ended before it has started never find it ready', async () => {
    const { clock, runtime, manager, pod, observed, results } = world(
      `startupProbe: {${EXEC}, periodSeconds: 1, failureThreshold: 30}, readinessProbe: {${EXEC}, periodSeconds: 1}`,
      undefined,
      0,
      async () => 1,
    );
    await clock.advance(1_000);
    manager.windDown(pod, observed, undefined);
    runtime.answerExec = async () => 0;
    await clock.advance(10_000);
    expect(results()).toEqual({});
    manager.forget(pod.uid);
    expect(results()).toBeUndefined();
  });

  it('of a kubelet that comes while the pod is being ended keep what was told of it', async () => {
    const told = { containerStatuses: [{ name: 'main', containerID: 'fake://c1', ready: true, started: true }] };
    const { manager, pod, observed, results } = world(`readinessProbe: {${EXEC}}`, () => told as never);
    manager.forget(pod.uid);
    manager.windDown(pod, observed, told as never);
    expect(results()).toEqual({ readiness: 'success' });
    manager.stop();
  });

  it('leave nothing in the metrics when the pod is gone', async () => {
    const { clock, manager, pod, registry } = world(`readinessProbe: {${EXEC}, periodSeconds: 1}`);
    await clock.advance(0);
    expect(await registry.metrics()).toContain(pod.uid);
    manager.forget(pod.uid);
    expect(await registry.metrics()).not.toContain(pod.uid);
    expect([manager.results(pod.uid).size, clock.pending]).toEqual([0, 0]);
  });
});
