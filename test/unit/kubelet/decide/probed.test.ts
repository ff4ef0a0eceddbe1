import { describe, expect, it } from 'vitest';
import type { PodStatus } from '../../../../src/api/types/gen/core-v1.ts';
import type { ProbeResults } from '../../../../src/kubelet/decide/probe-verdicts.ts';
import type { DesiredPod } from '../../../../src/kubelet/desired/desired-pod.ts';
import { podWith } from '../pods.ts';
import { Simulation } from '../simulate.ts';

const PROBE = '{exec: {command: [check]}, terminationGracePeriodSeconds: 7}';
const pod = (probes: string, more = ''): DesiredPod =>
  podWith(`containers: [{name: main, image: localhost/busybox:1, ${probes}}]\n  ${more}`);

async function running(desired: DesiredPod): Promise<{ sim: Simulation; found: (results: ProbeResults) => void }> {
  const sim = new Simulation(desired);
  await sim.settle();
  const id = sim.runtime.running()[0]?.id ?? '';
  return {
    sim,
    found: results => {
      sim.probed = new Map([[id, results]]);
    },
  };
}
const main = (status: PodStatus) => status.containerStatuses?.[0];
const ready = (status: PodStatus) => status.conditions?.find(each => each.type === 'Ready');

describe('a container with probes', () => {
  it('is started and ready as they say', async () => {
    const { sim, found } = await running(pod(`startupProbe: ${PROBE}, readinessProbe: {exec: {command: [check]}}`));
    expect(main(sim.status())).toMatchObject({ started: false, ready: false });
    expect(ready(sim.status())).toMatchObject({ status: 'False', reason: 'ContainersNotReady' });
    found({ startup: 'success' });
    expect(main(sim.status())).toMatchObject({ started: true, ready: false });
    found({ startup: 'success', readiness: 'success' });
    expect(main(sim.status())).toMatchObject({ started: true, ready: true });
    expect(ready(sim.status())).toMatchObject({ status: 'True' });
    found({ startup: 'success', readiness: 'failure' });
    expect(main(sim.status())).toMatchObject({ started: true, ready: false });
    expect((await sim.plan()).actions).toEqual([]);
  });

  it.each([
    ['liveness', `livenessProbe: ${PROBE}`],
    ['startup', `startupProbe: ${PROBE}`],
  ] as const)('ends and begins anew when %s fails, with the grace of the probe', async (kind, probes) => {
    const { sim, found } = await running(pod(probes));
    found({ [kind]: 'failure' });
    expect((await sim.plan()).actions).toMatchObject([
      {
        kind: 'kill-containers',
        because: `its ${kind} probe failed`,
        containers: [
          { name: 'main', graceSeconds: 7, message: `Container main failed ${kind} probe, will be restarted` },
        ],
      },
    ]);
    await sim.settle();
    expect(main(sim.status())).toMatchObject({ restartCount: 1, state: { running: {} } });
  });

  it('is not begun anew where its pod does not say so', async () => {
    const { sim, found } = await running(pod(`livenessProbe: {exec: {command: [check]}}`, 'restartPolicy: Never'));
    found({ liveness: 'failure' });
    expect((await sim.plan()).actions).toMatchObject([
      { containers: [{ graceSeconds: 30, message: 'Container main failed liveness probe' }] },
    ]);
    await sim.settle();
    expect(sim.status()).toMatchObject({ phase: 'Failed' });
  });

  it('whose probe went away with a new definition is judged by what it has now', async () => {
    const { sim, found } = await running(pod(`readinessProbe: {exec: {command: [check]}}`));
    found({ liveness: 'failure', readiness: 'success' });
    expect((await sim.plan()).actions).toEqual([]);
  });

  it('as a sidecar holds back what comes after it until it has started', async () => {
    const sim = new Simulation(
      podWith(
        `initContainers: [{name: side, image: localhost/busybox:1, restartPolicy: Always, startupProbe: ${PROBE}}]\n  containers: [{name: main, image: localhost/busybox:1}]`,
      ),
    );
    await sim.settle();
    expect(sim.log.at(-1)).toMatch(/^start-container side/);
    sim.probed = new Map([[sim.runtime.running()[0]?.id ?? '', { startup: 'success' }]]);
    await sim.settle();
    expect(sim.log.at(-1)).toMatch(/^start-container main/);
  });
});

describe('readiness gates', () => {
  const GATES = 'readinessGates: [{conditionType: example.com/lb}, {conditionType: example.com/dns}]';
  const ONE = 'containers: [{name: main, image: localhost/busybox:1}]';
  const withConditions = (...conditions: object[]): DesiredPod => {
    const desired = podWith(`${GATES}\n  ${ONE}`);
    return { ...desired, pod: { ...desired.pod, status: { conditions } as never } };
  };

  it.each([
    [
      'that nobody has spoken of',
      [],
      'corresponding condition of pod readiness gate "example.com/lb" does not exist., corresponding condition of pod readiness gate "example.com/dns" does not exist.',
    ],
    [
      'that are not open',
      [
        { type: 'example.com/lb', status: 'True' },
        { type: 'example.com/dns', status: 'False' },
      ],
      'the status of pod readiness gate "example.com/dns" is not "True", but False',
    ],
  ])('%s keep the pod unready, not its containers', async (_, conditions, message) => {
    const sim = new Simulation(withConditions(...conditions));
    await sim.settle();
    const found = Object.fromEntries((sim.status().conditions ?? []).map(each => [each.type, each]));
    expect(found['Ready']).toMatchObject({ status: 'False', reason: 'ReadinessGatesNotReady', message });
    expect(found['ContainersReady']).toMatchObject({ status: 'True' });
  });

  it('that are open let it be ready', async () => {
    const open = ['example.com/lb', 'example.com/dns'].map(type => ({ type, status: 'True' }));
    const sim = new Simulation(withConditions(...open));
    await sim.settle();
    expect(ready(sim.status())).toMatchObject({ status: 'True' });
  });
});
