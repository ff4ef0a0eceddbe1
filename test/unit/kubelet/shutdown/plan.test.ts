import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import { podsByStage, shutdownGrace, shutdownSeconds, shutdownStages } from '../../../../src/kubelet/shutdown/plan.ts';

const none = { shutdownGracePeriod: '0s', shutdownGracePeriodCriticalPods: '0s' };

describe('shutdownStages', () => {
  it('are none where nothing is configured', () => {
    expect(shutdownStages(none)).toEqual([]);
  });

  it('are two: the critical pods have the end of the time', () => {
    const stages = shutdownStages({ shutdownGracePeriod: '30s', shutdownGracePeriodCriticalPods: '10s' });
    expect(stages).toEqual([
      { priority: 0, graceSeconds: 20 },
      { priority: 2_000_000_000, graceSeconds: 10 },
    ]);
    expect(shutdownSeconds(stages)).toBe(30);
  });

  it('are those that are configured, the least priority first', () => {
    const shutdownGracePeriodByPodPriority = [
      { priority: 1000, shutdownGracePeriodSeconds: 5 },
      { priority: 0, shutdownGracePeriodSeconds: 60 },
    ];
    expect(shutdownStages({ ...none, shutdownGracePeriodByPodPriority }).map(({ priority }) => priority)).toEqual([
      0, 1000,
    ]);
  });

  it.each([
    [
      'less in all than for the critical pods',
      '5s',
      '10s',
      'shutdownGracePeriodCriticalPods 10s must be <= shutdownGracePeriod 5s',
    ],
    ['less than a second', '500ms', '0s', 'shutdownGracePeriod 500ms must be either zero or otherwise >= 1 sec'],
  ])('refuses %s', (_what, shutdownGracePeriod, shutdownGracePeriodCriticalPods, message) => {
    expect(() => shutdownStages({ shutdownGracePeriod, shutdownGracePeriodCriticalPods })).toThrow(message);
  });

  it('refuses both kinds at once', () => {
    const config = {
      ...none,
      shutdownGracePeriod: '5s',
      shutdownGracePeriodByPodPriority: [{ priority: 0, shutdownGracePeriodSeconds: 1 }],
    };
    expect(() => shutdownStages(config)).toThrow('Cannot specify both');
  });
});

const pod = (name: string, spec: object): { readonly pod: Pod } => ({
  pod: { metadata: { name }, spec } as unknown as Pod,
});

describe('podsByStage', () => {
  const stages = [
    { priority: 10, graceSeconds: 1 },
    { priority: 100, graceSeconds: 2 },
    { priority: 1000, graceSeconds: 3 },
  ];

  it.each([
    [undefined, 10],
    [-5, 10],
    [10, 10],
    [99, 10],
    [100, 100],
    [101, 100],
    [5000, 1000],
  ])('a pod of priority %s ends in the stage of %s', (priority, stage) => {
    expect(podsByStage(stages, [pod('a', { priority })]).map(each => each.stage.priority)).toEqual([stage]);
  });

  it('leaves out stages without pods and keeps the order', () => {
    const groups = podsByStage(stages, [pod('high', { priority: 2000 }), pod('low', { priority: 1 })]);
    expect(groups.map(({ pods }) => pods.map(each => each.pod.metadata.name))).toEqual([['low'], ['high']]);
  });
});

describe('shutdownGrace', () => {
  it.each([
    ['its own where that is shorter', 3, 3],
    ["its stage's where its own is longer", 300, 20],
    ["its stage's where it has none", undefined, 20],
  ])('is %s', (_what, terminationGracePeriodSeconds, grace) => {
    expect(shutdownGrace(pod('a', { terminationGracePeriodSeconds }).pod, { priority: 0, graceSeconds: 20 })).toBe(
      grace,
    );
  });
});
