import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { timeOf } from '../../../src/api/time.ts';
import type { Node, Pod, Taint, Toleration } from '../../../src/api/types/gen/core-v1.ts';
import { NODES, PODS } from '../../../src/controllers/resources.ts';
import { countsFrom, toleratedMs } from '../../../src/controllers/taint-eviction/plan.ts';
import { taintEvictionController } from '../../../src/controllers/taint-eviction/taint-eviction.ts';
import { ControllerWorld } from '../../harness/controller-world.ts';

const taint = (key: string, timeAdded?: string): Taint => ({
  key,
  effect: 'NoExecute',
  ...(timeAdded === undefined ? {} : { timeAdded }),
});
const podOf = (tolerations: readonly Toleration[]): Pod =>
  ({
    metadata: { namespace: 'default', name: 'p', generation: 3 },
    spec: { nodeName: 'n', tolerations },
    status: {},
  }) as unknown as Pod;
const exists = (key: string, tolerationSeconds?: number): Toleration => ({
  key,
  operator: 'Exists',
  ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
});

describe('how long a pod puts up with taints', () => {
  it.each([
    ['for ever with none', [], [], undefined],
    ['not at all with one that it does not know', [exists('a')], [taint('a'), taint('b')], 0],
    ['for ever with what it tolerates so', [exists('a')], [taint('a')], undefined],
    ['as long as it says', [exists('a', 5)], [taint('a')], 5000],
    [
      'as long as the shortest',
      [exists('a', 5), exists('b', 3), exists('c')],
      [taint('a'), taint('b'), taint('c')],
      3000,
    ],
    ['not at all where it says so', [exists('a', -1)], [taint('a')], 0],
    ['as the first that fits says', [exists('a', 5), exists('a', 3)], [taint('a')], 5000],
  ] as const)('%s', (_, tolerations, taints, ms) => {
    expect(toleratedMs(podOf(tolerations), taints)).toBe(ms);
  });

  const at = (time: string) => `2030-01-01T${time}Z`;
  it.each([
    ['since the taint came', at('00:00:00'), [taint('a', at('01:00:00'))], at('01:00:00')],
    [
      'since the last of them came',
      at('00:00:00'),
      [taint('a', at('01:00:00')), taint('b', at('02:00:00'))],
      at('02:00:00'),
    ],
    ['since it was there', at('03:00:00'), [taint('a', at('01:00:00'))], at('03:00:00')],
    ['from now where a taint does not say', at('00:00:00'), [taint('a')], at('05:00:00')],
    ['from now where a taint is of the future', at('00:00:00'), [taint('a', at('09:00:00'))], at('05:00:00')],
  ])('counts %s', (_, creationTimestamp, taints, from) => {
    const pod = { ...podOf([]), metadata: { creationTimestamp } };
    expect(timeOf(countsFrom(pod, taints, Date.parse(at('05:00:00'))))).toBe(from);
  });
});

describe('pods on nodes with taints', () => {
  let world: ControllerWorld;
  beforeEach(() => {
    world = new ControllerWorld();
  });
  afterEach(() => world.kill());

  const node = (...taints: Taint[]): Node =>
    ({ metadata: { name: 'n' }, spec: { taints }, status: {} }) as unknown as Node;
  const isGoing = (): boolean => world.get<Pod>(PODS, 'default/p')?.metadata.deletionTimestamp !== undefined;
  const gone = async (seconds: number): Promise<boolean> => {
    await world.clock.advance(seconds * 1000);
    await world.converge();
    return isGoing();
  };

  it('go at once where they do not tolerate them, with a condition that says why', async () => {
    world.put(NODES, node());
    world.put(PODS, podOf([]));
    world.start(taintEvictionController);
    await world.converge();
    expect(isGoing()).toBe(false);
    world.put(NODES, node(taint('a')));
    await world.converge();
    expect(isGoing()).toBe(true);
    expect(world.get<Pod>(PODS, 'default/p')?.status.conditions).toEqual([
      {
        type: 'DisruptionTarget',
        status: 'True',
        reason: 'DeletionByTaintManager',
        message: 'Taint manager: deleting due to NoExecute taint',
        observedGeneration: 3,
        lastTransitionTime: timeOf(world.clock.now()),
      },
    ]);
    expect(world.events).toEqual([
      { type: 'Normal', reason: 'TaintManagerEviction', message: 'Marking for deletion Pod default/p', name: 'p' },
    ]);
    world.remove(PODS, 'default/p');
    await world.converge();
    expect(world.events).toHaveLength(1);
  });

  it('go when their time is over', async () => {
    world.put(NODES, node(taint('a')));
    world.put(PODS, podOf([exists('a', 30)]));
    world.start(taintEvictionController);
    await world.converge();
    expect(await gone(29)).toBe(false);
    expect(await gone(2)).toBe(true);
  });

  it('stay where the taint goes in time', async () => {
    world.put(NODES, node(taint('a')));
    world.put(PODS, podOf([exists('a', 30)]));
    world.start(taintEvictionController);
    await gone(20);
    world.put(NODES, node());
    await world.converge();
    expect(await gone(60)).toBe(false);
    expect(world.events).toEqual([
      { type: 'Normal', reason: 'TaintManagerEviction', message: 'Cancelling deletion of Pod default/p', name: 'p' },
    ]);
  });

  it('go in their time though the controller is killed, where the taint says when it came', async () => {
    world.put(NODES, node(taint('a', timeOf(world.clock.now()))));
    world.put(PODS, podOf([exists('a', 30)]));
    world.start(taintEvictionController);
    await gone(20);
    await world.kill();
    world.start(taintEvictionController);
    expect(await gone(9)).toBe(false);
    expect(await gone(2)).toBe(true);
  });

  it('go once the writes come through', async () => {
    world.put(NODES, node(taint('a')));
    world.put(PODS, podOf([exists('a', 30)]));
    world.start(taintEvictionController);
    world.fate = () => 'lost';
    expect(await gone(31)).toBe(false);
    world.fate = () => undefined;
    expect(await gone(10)).toBe(true);
  });

  it('leave the pod alone that has their name by then', async () => {
    world.put(NODES, node(taint('a')));
    world.put(PODS, podOf([]));
    world.start(taintEvictionController);
    world.put(PODS, { ...podOf([exists('a')]), metadata: { namespace: 'default', name: 'p', uid: 'other' } });
    await world.settle();
    expect(world.failures[0]).toBeUndefined();
    expect(await gone(10)).toBe(false);
  });
});
