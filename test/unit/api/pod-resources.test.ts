import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { allContainersLimited, podLimits, podRequests, qosClass } from '../../../src/api/pod-resources.ts';
import type { Container, Pod, PodSpec, PodStatus } from '../../../src/api/types/gen/core-v1.ts';

type Side = Readonly<Record<string, string>>;
const container = (requests?: Side, limits?: Side, more: Partial<Container> = {}): Container => ({
  name: 'c',
  resources: { requests, limits },
  ...more,
});
const pod = (spec: Partial<PodSpec>): Pod => ({ metadata: {}, spec: { containers: [], ...spec }, status: {} });
const sidecar: Partial<Container> = { restartPolicy: 'Always' };

describe('what a pod requests', () => {
  it.each([
    ['nothing, where nothing is asked', { containers: [container()] }, {}],
    [
      'the sum of its containers',
      { containers: [container({ cpu: '1' }), container({ cpu: '500m', memory: '1Gi' })] },
      { cpu: '1500m', memory: '1Gi' },
    ],
    [
      'its largest init container, where that is more',
      { containers: [container({ cpu: '1' })], initContainers: [container({ cpu: '2' }), container({ cpu: '3' })] },
      { cpu: '3' },
    ],
    [
      'its containers with their sidecars',
      { containers: [container({ cpu: '1' })], initContainers: [container({ cpu: '1' }, undefined, sidecar)] },
      { cpu: '2' },
    ],
    [
      'an init container with the sidecars that start before it',
      {
        containers: [container({ cpu: '1' })],
        initContainers: [container({ cpu: '2' }, undefined, sidecar), container({ cpu: '4' })],
      },
      { cpu: '6' },
    ],
    [
      'an init container without the sidecars that start after it',
      {
        containers: [container({ cpu: '1' })],
        initContainers: [container({ cpu: '4' }), container({ cpu: '2' }, undefined, sidecar)],
      },
      { cpu: '4' },
    ],
    [
      'its overhead on top',
      { containers: [container({ cpu: '1' })], overhead: { cpu: '250m', memory: '64Mi' } },
      { cpu: '1250m', memory: '64Mi' },
    ],
    [
      'what is set for the pod as a whole',
      { containers: [container({ cpu: '1' })], resources: { requests: { cpu: '5' } } },
      { cpu: '5' },
    ],
  ])('is %s', (_, spec, expected) => {
    expect(podRequests(pod(spec))).toEqual(expected);
  });

  it('adds the overhead only to limits that are there', () => {
    const limited = pod({
      containers: [container(undefined, { memory: '1Gi' })],
      overhead: { cpu: '1', memory: '1Gi' },
    });
    expect(podLimits(limited)).toEqual({ memory: '2Gi' });
  });

  it('is limited as a whole only where every container is', () => {
    expect(allContainersLimited(pod({ containers: [container(undefined, { cpu: '1' })] }).spec, 'cpu')).toBe(true);
    expect(
      allContainersLimited(pod({ containers: [container(undefined, { cpu: '1' }), container()] }).spec, 'cpu'),
    ).toBe(false);
    expect(allContainersLimited(pod({ containers: [container(undefined, { cpu: '0' })] }).spec, 'cpu')).toBe(false);
  });

  const resized = (requests: Side, limits: Side, status: object, conditions: object[] = []): Pod => ({
    ...pod({ containers: [container(requests, limits)] }),
    status: { conditions, containerStatuses: [{ name: 'c', ...status }] } as unknown as PodStatus,
  });
  const pending = (reason: string) => [{ type: 'PodResizePending', status: 'True', reason }];
  it.each([
    ['what it asks, where nothing is known of what it has', resized({ cpu: '1' }, {}, {}), { cpu: '1' }, {}],
    [
      'what it has, where it asks for less',
      resized({ cpu: '1' }, { cpu: '1' }, { resources: { requests: { cpu: '3' }, limits: { cpu: '4' } } }),
      { cpu: '3' },
      { cpu: '4' },
    ],
    [
      'what it asks, where it has less',
      resized({ cpu: '5' }, { cpu: '5' }, { resources: { requests: { cpu: '3' }, limits: { cpu: '4' } } }),
      { cpu: '5' },
      { cpu: '5' },
    ],
    [
      'what it was promised, where that is most',
      resized({ cpu: '1' }, {}, { allocatedResources: { cpu: '2' }, resources: { requests: { cpu: '1' } } }),
      { cpu: '2' },
      {},
    ],
    [
      'what it has, where the node will never give more',
      resized(
        { cpu: '9' },
        { cpu: '9' },
        { allocatedResources: { cpu: '2' }, resources: { requests: { cpu: '1' }, limits: { cpu: '3' } } },
        pending('Infeasible'),
      ),
      { cpu: '2' },
      { cpu: '3' },
    ],
    [
      'what it asks, where the node will give it later',
      resized({ cpu: '9' }, {}, { resources: { requests: { cpu: '1' } } }, pending('Deferred')),
      { cpu: '9' },
      {},
    ],
  ])('counts for a pod by its status: %s', (_, each, requests, limits) => {
    expect([podRequests(each, 'spec-and-status'), podLimits(each, 'spec-and-status')]).toEqual([requests, limits]);
  });

  it('counts by its status what a sidecar has, and of other init containers what they ask', () => {
    const has = (name: string) => ({ name, resources: { requests: { cpu: '5' } } });
    const each = {
      ...pod({
        containers: [container({ cpu: '1' })],
        initContainers: [
          { ...container({ cpu: '1' }, undefined, sidecar), name: 'side' },
          { ...container({ cpu: '2' }), name: 'init' },
        ],
      }),
      status: { initContainerStatuses: [has('side'), has('init')] } as unknown as PodStatus,
    };
    expect([podRequests(each), podRequests(each, 'spec-and-status')]).toEqual([{ cpu: '3' }, { cpu: '7' }]);
  });

  it('never is less than what any of its containers asks', () => {
    const cpu = fc.nat({ max: 5000 }).map(n => `${n}m`);
    fc.assert(
      fc.property(fc.array(cpu, { minLength: 1 }), fc.array(fc.tuple(cpu, fc.boolean())), (apps, inits) => {
        const total = podRequests(
          pod({
            containers: apps.map(c => container({ cpu: c })),
            initContainers: inits.map(([c, side]) => container({ cpu: c }, undefined, side ? sidecar : {})),
          }),
        )['cpu'];
        const milli = (text: string | undefined) => Number.parseFloat(text ?? '0') * (text?.endsWith('m') ? 1 : 1000);
        for (const each of [...apps, ...inits.map(([c]) => c)])
          expect(milli(total)).toBeGreaterThanOrEqual(milli(each));
      }),
      { seed: 2, numRuns: 200 },
    );
  });
});

describe('the class of service', () => {
  const both = { cpu: '1', memory: '1Gi' };
  it.each([
    ['BestEffort', 'where nothing is asked', { containers: [container()] }],
    ['BestEffort', 'where only zero is asked', { containers: [container({ cpu: '0' })] }],
    ['BestEffort', 'where only other resources are asked', { containers: [container({ 'ephemeral-storage': '1Gi' })] }],
    ['Guaranteed', 'where all is limited and requested alike', { containers: [container(both, both)] }],
    [
      'Guaranteed',
      'where the same is written differently',
      { containers: [container({ cpu: '1000m', memory: '1024Mi' }, both)] },
    ],
    ['Burstable', 'where one container has nothing', { containers: [container(both, both), container()] }],
    [
      'Burstable',
      'where an init container has nothing',
      { containers: [container(both, both)], initContainers: [container()] },
    ],
    ['Burstable', 'where requests are lower', { containers: [container({ cpu: '500m', memory: '1Gi' }, both)] }],
    ['Burstable', 'where only one resource is limited', { containers: [container({ cpu: '1' }, { cpu: '1' })] }],
    [
      'Guaranteed',
      'where the pod as a whole is limited',
      { containers: [container()], resources: { requests: both, limits: both } },
    ],
  ])('is %s %s', (expected, _, spec) => {
    expect(qosClass(pod(spec))).toBe(expected);
  });
});
