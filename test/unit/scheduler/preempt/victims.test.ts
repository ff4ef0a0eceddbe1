import { describe, expect, it } from 'vitest';
import type { Pod } from '../../../../src/api/types/gen/core-v1.ts';
import type { PodDisruptionBudget } from '../../../../src/api/types/gen/policy-v1.ts';
import { PodChecks, prepareChecks } from '../../../../src/scheduler/filter/all.ts';
import { NominatedPods } from '../../../../src/scheduler/nominated-pods.ts';
import { type PodInfo, podInfo } from '../../../../src/scheduler/pod-info.ts';
import { bestVictims } from '../../../../src/scheduler/preempt/best-victims.ts';
import { type Victims, victimsOn } from '../../../../src/scheduler/preempt/victims.ts';
import { pictureOf, settled, testNode, testPod } from '../../../harness/scheduling.ts';

const NOW = Date.UTC(2030, 0, 1);

/** Pods of one CPU each on a node of four. */
const on = (
  name: string,
  priority: number,
  more: { minute?: number; labels?: Record<string, string>; spec?: object } = {},
): Pod => {
  const { minute = 0, labels = {}, spec = {} } = more;
  const startTime = new Date(Date.UTC(2029, 0, 1, 0, minute)).toISOString();
  return testPod(name, { node: 'n', priority, labels, requests: { cpu: '1' }, status: { startTime }, spec });
};
const budget = (app: string, disruptionsAllowed: number, more: object = {}): PodDisruptionBudget =>
  ({
    metadata: { name: app, namespace: 'default' },
    spec: { selector: { matchLabels: { app } }, ...more },
    status: { disruptionsAllowed, disruptedPods: {} },
  }) as unknown as PodDisruptionBudget;

/** Who has to go for a pod, and how many of them a budget protects; or the reasons why it does not help. */
function victims(pod: Pod, pods: readonly Pod[], budgets: readonly PodDisruptionBudget[] = []) {
  const picture = pictureOf([testNode('n')], pods);
  const info = podInfo(pod);
  const checks = settled(prepareChecks(info, picture));
  const node = picture.nodes[0];
  if (!(checks instanceof PodChecks) || node === undefined) return expect.fail('no checks');
  const options = { nominations: new NominatedPods(), budgetsOf: () => budgets, now: NOW };
  const found = victimsOn(info, node, checks, options);
  if ('reasons' in found) return found.reasons;
  return { pods: found.pods.map(each => each.pod.metadata.name), violations: found.violations };
}

const two = testPod('p', { priority: 10, requests: { cpu: '2' } });

describe('those that have to go for a pod', () => {
  it.each<[string, Pod, Pod[], PodDisruptionBudget[], unknown]>([
    [
      'are no more than needed, and those that matter least',
      two,
      [on('a', 1), on('b', 2), on('c', 3), on('d', 4)],
      [],
      { pods: ['b', 'a'], violations: 0 },
    ],
    [
      'are the youngest of those that are alike',
      two,
      [on('a', 1, { minute: 4 }), on('b', 1, { minute: 1 }), on('c', 1, { minute: 3 }), on('d', 1, { minute: 2 })],
      [],
      { pods: ['c', 'a'], violations: 0 },
    ],
    ['are none that matter as much', two, [on('a', 10), on('b', 11), on('c', 1)], [], { pods: ['c'], violations: 0 }],
    [
      'cannot be found where all matter as much',
      two,
      [on('a', 10), on('b', 10), on('c', 10)],
      [],
      ['No preemption victims found for incoming pod'],
    ],
    [
      'do not help where it is too much even so',
      testPod('p', { priority: 10, requests: { cpu: '4' } }),
      [on('a', 10), on('b', 1)],
      [],
      ['Insufficient cpu'],
    ],
    [
      'are not those that a budget protects, where others can go',
      two,
      [on('a', 1, { labels: { app: 'x' } }), on('b', 2, { labels: { app: 'x' } }), on('c', 3), on('d', 4)],
      [budget('x', 0)],
      { pods: ['d', 'c'], violations: 0 },
    ],
    [
      'are as many of those as their budget allows',
      two,
      [on('a', 1, { labels: { app: 'x' } }), on('b', 2, { labels: { app: 'x' } }), on('c', 3), on('d', 10)],
      [budget('x', 1)],
      { pods: ['c', 'b'], violations: 0 },
    ],
    [
      'are counted where the budget is broken',
      two,
      [on('a', 1, { labels: { app: 'x' } }), on('b', 2, { labels: { app: 'x' } }), on('c', 10), on('d', 10)],
      [budget('x', 1)],
      { pods: ['b', 'a'], violations: 1 },
    ],
    [
      'are not protected by a budget that selects nobody in particular',
      two,
      [on('a', 1, { labels: { app: 'x' } }), on('b', 2), on('c', 10), on('d', 10)],
      [budget('x', 0, { selector: {} })],
      { pods: ['b', 'a'], violations: 0 },
    ],
    [
      'hold the host port that is wanted',
      testPod('p', { priority: 10, spec: { containers: [{ name: 'c', resources: {}, ports: [{ hostPort: 80 }] }] } }),
      [on('a', 1), on('b', 2, { spec: { containers: [{ name: 'c', resources: {}, ports: [{ hostPort: 80 }] }] } })],
      [],
      { pods: ['b'], violations: 0 },
    ],
    [
      'keep the pod away by their anti-affinity',
      testPod('p', { priority: 10, labels: { app: 'p' } }),
      [
        on('a', 1),
        on('b', 2, {
          spec: {
            affinity: {
              podAntiAffinity: {
                requiredDuringSchedulingIgnoredDuringExecution: [
                  { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'p' } } },
                ],
              },
            },
          },
        }),
      ],
      [],
      { pods: ['b'], violations: 0 },
    ],
  ])('%s', (_, pod, pods, budgets, expected) => {
    expect(victims(pod, pods, budgets)).toEqual(expected);
  });
});

describe('the node where least harm is done', () => {
  const group = (
    node: string,
    violations: number,
    ...pods: readonly (readonly [priority: number, minute: number])[]
  ): Victims => ({
    node,
    violations,
    pods: pods.map(([priority, minute], i): PodInfo => podInfo(on(`${node}${i}`, priority, { minute }))),
  });

  it.each<[string, Victims[], string | undefined]>([
    ['is none where there is none', [], undefined],
    ['breaks fewest budgets', [group('a', 1, [1, 0]), group('b', 0, [9, 0], [9, 0])], 'b'],
    ['then has the lower highest priority', [group('a', 0, [5, 0]), group('b', 0, [4, 0], [4, 0])], 'b'],
    ['then the lower sum of priorities', [group('a', 0, [5, 0], [4, 0]), group('b', 0, [5, 0], [3, 0])], 'b'],
    ['where one pod more is always more', [group('a', 0, [5, 0], [-1000, 0]), group('b', 0, [5, 0])], 'b'],
    ['then those that have started last', [group('a', 0, [5, 1]), group('b', 0, [5, 2])], 'b'],
    [
      'by the first of those that matter most',
      [group('a', 0, [5, 9], [5, 1], [1, 9]), group('b', 0, [5, 2], [5, 2], [1, 0])],
      'b',
    ],
    ['else the first', [group('a', 0, [5, 1]), group('b', 0, [5, 1])], 'a'],
  ])('%s', (_, candidates, expected) => {
    expect(bestVictims(candidates, NOW)?.node).toBe(expected);
  });
});
