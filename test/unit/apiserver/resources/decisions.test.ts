import { describe, expect, it } from 'vitest';
import { parseCronSchedule } from '../../../../src/api/cron/schedule.ts';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { PodDisruptionBudget } from '../../../../src/api/types/gen/policy-v1.ts';
import { bindPod } from '../../../../src/apiserver/resources/core/pod/binding.ts';
import { decideEviction } from '../../../../src/apiserver/resources/core/pod/eviction.ts';

const NOW = '2026-01-02T03:04:05Z';

describe('a schedule', () => {
  it.each([
    ['five stars fire every minute', '* * * * *', 60],
    ['a step takes every fifth', '*/5 * * * *', 12],
    ['a list and a range', '1,2,10-12 * * * *', 5],
    ['from a value to the end', '50/5 * * * *', 2],
    ['a descriptor', '@hourly', 1],
  ])('%s', (_, text, minutes) => {
    expect(parseCronSchedule(text)).toMatchObject({ kind: 'calendar', minute: { values: { size: minutes } } });
  });

  it.each([
    ['too few fields', '* * *', 'expected exactly 5 fields, found 3: [* * *]'],
    ['a minute that is none', '60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['a descriptor that nobody knows', '@never', 'unrecognized descriptor: @never'],
    ['nothing', '', 'empty spec string'],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseCronSchedule(text)).toThrow(message);
  });
});

const pod = {
  metadata: { name: 'web', namespace: 'default', uid: 'u', labels: { app: 'web' } },
  spec: { containers: [] },
  status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] },
} as unknown as Pod;

describe('binding', () => {
  const binding = { metadata: { name: 'web' }, target: { kind: 'Node', name: 'n1' } };
  it('puts a pod on its node once', () => {
    const bound = bindPod(pod, binding, { now: NOW });
    expect(bound.spec.nodeName).toBe('n1');
    expect(() => bindPod(bound, binding, { now: NOW })).toThrow(
      'Operation cannot be fulfilled on pods/binding "web": pod web is already assigned to node "n1"',
    );
  });
});

describe('eviction', () => {
  const budget = (status: object): PodDisruptionBudget => ({
    metadata: { name: 'b', namespace: 'default', generation: 1 },
    spec: { selector: { matchLabels: { app: 'web' } } },
    status: {
      observedGeneration: 1,
      disruptionsAllowed: 0,
      currentHealthy: 1,
      desiredHealthy: 1,
      expectedPods: 1,
      ...status,
    },
  });
  it('charges the budget that allows it', () => {
    expect(decideEviction(pod, [budget({ disruptionsAllowed: 2 })], NOW)).toMatchObject({
      kind: 'charge',
      budget: { status: { disruptionsAllowed: 1, disruptedPods: { web: NOW } } },
    });
  });
  it('refuses with 429 where the budget is used up', () => {
    expect(() => decideEviction(pod, [budget({})], NOW)).toThrow(
      "Cannot evict pod as it would violate the pod's disruption budget.",
    );
  });
  it('asks no budget about a pod that has not started', () => {
    const pending = { ...pod, status: { phase: 'Pending' } } as Pod;
    expect(decideEviction(pending, [budget({})], NOW).kind).toBe('delete');
  });
});
