import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { timeOf } from '../../../src/api/time.ts';
import type { Lease } from '../../../src/api/types/gen/coordination-v1.ts';
import type { Node, NodeCondition, Pod, Taint } from '../../../src/api/types/gen/core-v1.ts';
import {
  DEFAULT_NODE_LIFECYCLE,
  nodeLifecycleController,
} from '../../../src/controllers/node-lifecycle/node-lifecycle.ts';
import { labelsToSet, scheduleTaints, withExecuteTaint, zoneOf } from '../../../src/controllers/node-lifecycle/plan.ts';
import { TaintQueue } from '../../../src/controllers/node-lifecycle/taint-queue.ts';
import {
  judgeZones,
  type ZoneCount,
  type ZoneState,
  zoneState,
} from '../../../src/controllers/node-lifecycle/zones.ts';
import { LEASES, NODES, PODS } from '../../../src/controllers/resources.ts';
import { ControllerWorld } from '../../harness/controller-world.ts';
import { FakeClock } from '../../harness/fake-clock.ts';

const NOW = '2030-01-01T00:00:00Z';
const RATES = DEFAULT_NODE_LIFECYCLE.rates;
const condition = (type: string, status: 'True' | 'False' | 'Unknown', heartbeat = NOW): NodeCondition => ({
  type,
  status,
  lastHeartbeatTime: heartbeat,
  lastTransitionTime: NOW,
  reason: 'KubeletReady',
});
const nodeOf = (conditions: readonly NodeCondition[], spec: Node['spec'] = {}, labels = {}): Node =>
  ({ metadata: { name: 'n', labels }, spec, status: { conditions } }) as Node;
const taint = (key: string, effect: Taint['effect'], timeAdded?: string): Taint => ({
  key: `node.kubernetes.io/${key}`,
  effect,
  ...(timeAdded === undefined ? {} : { timeAdded }),
});

describe('the taints that keep pods from being placed', () => {
  const cases: readonly [
    sentence: string,
    conditions: readonly NodeCondition[],
    spec: Node['spec'],
    wanted: readonly Taint[] | undefined,
  ][] = [
    ['are none on a node that is ready', [condition('Ready', 'True')], {}, undefined],
    ['say that it is not', [condition('Ready', 'False')], {}, [taint('not-ready', 'NoSchedule', NOW)]],
    ['say that nobody knows', [condition('Ready', 'Unknown')], {}, [taint('unreachable', 'NoSchedule', NOW)]],
    [
      'say what is short',
      [condition('MemoryPressure', 'True'), condition('DiskPressure', 'True'), condition('PIDPressure', 'False')],
      {},
      [taint('memory-pressure', 'NoSchedule', NOW), taint('disk-pressure', 'NoSchedule', NOW)],
    ],
    [
      'say that it has no network',
      [condition('NetworkUnavailable', 'True')],
      {},
      [taint('network-unavailable', 'NoSchedule', NOW)],
    ],
    ['say that it is cordoned', [], { unschedulable: true }, [taint('unschedulable', 'NoSchedule', NOW)]],
    ['stay as they are', [condition('Ready', 'False')], { taints: [taint('not-ready', 'NoSchedule')] }, undefined],
    [
      'go and come together, and leave those of others alone',
      [condition('Ready', 'Unknown')],
      {
        taints: [
          taint('not-ready', 'NoSchedule'),
          taint('not-ready', 'NoExecute'),
          { key: 'mine', effect: 'NoSchedule' },
        ],
      },
      [taint('not-ready', 'NoExecute'), { key: 'mine', effect: 'NoSchedule' }, taint('unreachable', 'NoSchedule', NOW)],
    ],
  ];
  it.each(cases)('%s', (_, conditions, spec, wanted) => {
    expect(scheduleTaints(nodeOf(conditions, spec), NOW)).toEqual(wanted);
  });
});

describe('the taint that sends pods away', () => {
  const [notReady, unreachable] = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];
  it.each([
    ['comes', [], notReady, [taint('not-ready', 'NoExecute', NOW)]],
    ['stays', [taint('not-ready', 'NoExecute')], notReady, undefined],
    ['replaces the other', [taint('not-ready', 'NoExecute')], unreachable, [taint('unreachable', 'NoExecute', NOW)]],
    ['goes', [taint('not-ready', 'NoExecute'), taint('unreachable', 'NoExecute')], undefined, []],
    ['is not there to go', [taint('not-ready', 'NoSchedule')], undefined, undefined],
  ] as const)('%s', (_, taints, key, wanted) => {
    expect(withExecuteTaint(nodeOf([], { taints }), key, NOW)).toEqual(wanted);
  });
});

describe('the labels of a node', () => {
  it.each([
    ['have older names beside the newer', { 'kubernetes.io/os': 'linux', 'kubernetes.io/arch': 'amd64' }, { 'beta.kubernetes.io/os': 'linux', 'beta.kubernetes.io/arch': 'amd64' }], // biome-ignore format: a row
    [
      'are set right',
      { 'kubernetes.io/os': 'linux', 'beta.kubernetes.io/os': 'x' },
      { 'beta.kubernetes.io/os': 'linux' },
    ],
    ['are left alone', { 'kubernetes.io/os': 'linux', 'beta.kubernetes.io/os': 'linux' }, undefined],
    ['need the newer', { 'beta.kubernetes.io/os': 'linux' }, undefined],
  ])('%s', (_, labels, wanted) => {
    expect(labelsToSet(nodeOf([], {}, labels))).toEqual(wanted);
  });

  it.each([
    [{}, ''],
    [{ 'topology.kubernetes.io/zone': 'a' }, ':\u0000:a'],
    [{ 'topology.kubernetes.io/zone': 'a', 'failure-domain.beta.kubernetes.io/zone': 'b', 'topology.kubernetes.io/region': 'r' }, 'r:\u0000:b'], // biome-ignore format: a row
  ])('name its zone: %j', (labels, zone) => {
    expect(zoneOf(nodeOf([], {}, labels))).toBe(zone);
  });
});

describe('a zone', () => {
  it.each([
    ['without nodes is normal', 0, 0, 'normal'],
    ['of nodes that are ready is normal', 3, 0, 'normal'],
    ['that has lost two is normal', 1, 2, 'normal'],
    ['that has lost three of five is partly lost', 2, 3, 'partial-disruption'],
    ['that has lost three of six is normal', 3, 3, 'normal'],
    ['that has lost all is lost', 0, 1, 'full-disruption'],
  ] as const)('%s', (_, ready, notReady, state) => {
    expect(zoneState({ ready, notReady }, RATES.unhealthy)).toBe(state);
  });

  const count = (ready: number, notReady: number): ZoneCount => ({ ready, notReady });
  const judge = (before: Record<string, ZoneState>, counts: Record<string, ZoneCount>) => {
    const { states, rates, turn } = judgeZones(new Map(Object.entries(before)), new Map(Object.entries(counts)), RATES);
    return { states: Object.fromEntries(states), rates: Object.fromEntries(rates), turn };
  };

  it('that is well is emptied at the usual rate', () => {
    expect(judge({}, { a: count(3, 1) })).toEqual({ states: { a: 'normal' }, rates: { a: 0.1 }, turn: undefined });
    expect(judge({ a: 'normal' }, { a: count(3, 0) })).toEqual({ states: { a: 'normal' }, rates: {}, turn: undefined });
  });

  it('that is partly lost is not emptied where it is small, and slowly where it is large', () => {
    expect(judge({ a: 'normal', b: 'normal' }, { a: count(2, 3), b: count(20, 31) })).toEqual({
      states: { a: 'partial-disruption', b: 'partial-disruption' },
      rates: { a: 0, b: 0.01 },
      turn: undefined,
    });
  });

  it('that is lost among others is emptied at the usual rate', () => {
    expect(judge({ a: 'normal', b: 'normal' }, { a: count(0, 2), b: count(3, 0) })).toEqual({
      states: { a: 'full-disruption', b: 'normal' },
      rates: { a: 0.1 },
      turn: undefined,
    });
  });

  it('is not emptied when all are lost, until one comes back', () => {
    const lost = { a: count(0, 2), b: count(0, 3) };
    const all = { a: 'full-disruption', b: 'full-disruption' } as const;
    expect(judge({ a: 'full-disruption', b: 'normal' }, lost)).toEqual({ states: all, rates: { a: 0, b: 0 }, turn: 'all-lost' }); // biome-ignore format: one answer
    expect(judge(all, lost)).toEqual({ states: all, rates: {}, turn: undefined });
    expect(judge(all, { a: count(1, 1), b: count(0, 3) })).toEqual({
      states: { a: 'normal', b: 'full-disruption' },
      rates: { a: 0.1, b: 0.1 },
      turn: 'back',
    });
  });

  it('without nodes is forgotten', () => {
    expect(judge({ a: 'normal', b: 'normal' }, { a: count(1, 0) }).states).toEqual({ a: 'normal' });
  });
});

describe('nodes that wait to be tainted', () => {
  it('go one after another, the first at once', async () => {
    const clock = new FakeClock();
    const queue = new TaintQueue(0.1, clock);
    for (const node of ['a', 'b', 'a']) queue.add(node);
    expect(queue.next()).toBe('a');
    queue.took('a');
    expect(queue.next()).toBe(10_000);
    await clock.advance(10_000);
    expect(queue.next()).toBe('b');
    queue.postpone('b');
    queue.delete('b');
    expect(queue.next()).toBeUndefined();
  });

  it('wait for ever at no rate, and after that as at first sight of the new one', async () => {
    const clock = new FakeClock();
    const queue = new TaintQueue(0.1, clock);
    queue.add('a');
    queue.setRate(0);
    await clock.advance(1_000_000);
    expect(queue.next()).toBeUndefined();
    queue.setRate(0.5);
    expect(queue.next()).toBe(2000);
  });
});

describe('the life of nodes', () => {
  const row = nodeLifecycleController(DEFAULT_NODE_LIFECYCLE);
  let world: ControllerWorld;
  beforeEach(() => {
    world = new ControllerWorld();
  });
  afterEach(() => world.kill());

  const node = (name: string, conditions = [condition('Ready', 'True')], spec: Node['spec'] = {}): Node => ({
    ...nodeOf(conditions, spec),
    metadata: { name },
  });
  const pod = (name: string, nodeName: string): Pod =>
    ({
      metadata: { namespace: 'default', name },
      spec: { nodeName },
      status: { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: NOW, reason: 'R' }] },
    }) as unknown as Pod;
  const renew = (...names: string[]): void => {
    for (const name of names) {
      const renewTime = new Date(world.clock.now()).toISOString().replace('Z', '000Z');
      world.put(LEASES, { metadata: { namespace: 'kube-node-lease', name }, spec: { renewTime } } as Lease);
    }
  };
  /** Time passes in steps, with leases of some renewed. */
  const pass = async (seconds: number, ...renewing: string[]): Promise<void> => {
    for (let left = seconds; left > 0; left -= 5) {
      renew(...renewing);
      world.show();
      await world.clock.advance(Math.min(5, left) * 1000);
      await world.converge();
    }
  };
  const taints = (name: string): readonly string[] =>
    (world.get<Node>(NODES, name)?.spec.taints ?? [])
      .map(({ key, effect }) => `${key.split('/')[1]}:${effect}`)
      .toSorted();
  const ready = (name: string) => world.get<Node>(NODES, name)?.status.conditions?.find(({ type }) => type === 'Ready');

  it('marks one that is silent, its pods, and sends them away; and takes it back', async () => {
    for (const name of ['a', 'b']) world.put(NODES, node(name));
    renew('a', 'b');
    world.put(PODS, pod('p', 'a'));
    world.start(row);
    await pass(45, 'b');
    expect(ready('a')?.status).toBe('True');
    await pass(15, 'b');
    expect(ready('a')).toMatchObject({
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
      lastHeartbeatTime: NOW,
    });
    const conditions = world.get<Node>(NODES, 'a')?.status.conditions ?? [];
    expect(conditions.map(({ type, status, reason }) => [type, status, reason])).toEqual([
      ['Ready', 'Unknown', 'NodeStatusUnknown'],
      ['MemoryPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['DiskPressure', 'Unknown', 'NodeStatusNeverUpdated'],
      ['PIDPressure', 'Unknown', 'NodeStatusNeverUpdated'],
    ]);
    expect(taints('a')).toEqual(['unreachable:NoExecute', 'unreachable:NoSchedule']);
    expect(taints('b')).toEqual([]);
    expect(world.get<Pod>(PODS, 'default/p')?.status.conditions).toMatchObject([{ type: 'Ready', status: 'False', reason: 'R' }]); // biome-ignore format: one answer
    expect(world.events).toContainEqual({ type: 'Normal', reason: 'NodeNotReady', message: 'Node a status is now: NodeNotReady', name: 'a' }); // biome-ignore format: one event
    expect(world.events).toContainEqual({ type: 'Warning', reason: 'NodeNotReady', message: 'Node is not ready', name: 'p' }); // biome-ignore format: one event
    world.put(PODS, pod('late', 'a'));
    await world.converge();
    expect(world.get<Pod>(PODS, 'default/late')?.status.conditions?.[0]?.status).toBe('False');
    world.put(
      NODES,
      node('a', [condition('Ready', 'True', timeOf(world.clock.now()))], world.get<Node>(NODES, 'a')?.spec),
    );
    await pass(10, 'a', 'b');
    expect(taints('a')).toEqual([]);
  });

  it('takes a lease for a sign of life, and a heartbeat too', async () => {
    for (const name of ['a', 'b', 'c']) world.put(NODES, node(name));
    world.start(row);
    for (let step = 0; step < 20; step += 1) {
      world.put(NODES, node('b', [condition('Ready', 'True', timeOf(world.clock.now()))]));
      await pass(5, 'a');
    }
    expect(['a', 'b', 'c'].map(name => ready(name)?.status)).toEqual(['True', 'True', 'Unknown']);
  });

  it('gives one that never told anything a minute', async () => {
    world.put(NODES, node('well'));
    world.put(NODES, node('new', []));
    world.start(row);
    await pass(60, 'well');
    expect(ready('new')).toBeUndefined();
    await pass(10, 'well');
    expect(ready('new')).toMatchObject({ status: 'Unknown', reason: 'NodeStatusNeverUpdated', message: 'Kubelet never posted node status.' }); // biome-ignore format: one answer
  });

  it('follows what a kubelet says of itself', async () => {
    world.put(NODES, node('well'));
    world.put(NODES, node('a', [condition('Ready', 'False'), condition('MemoryPressure', 'True')]));
    world.start(row);
    await pass(10, 'a', 'well');
    expect(taints('a')).toEqual(['memory-pressure:NoSchedule', 'not-ready:NoExecute', 'not-ready:NoSchedule']);
    world.put(NODES, node('a', [condition('Ready', 'Unknown')], world.get<Node>(NODES, 'a')?.spec));
    await pass(5, 'a', 'well');
    expect(taints('a')).toEqual(['unreachable:NoExecute', 'unreachable:NoSchedule']);
  });

  it('sends pods away from one node in ten seconds', async () => {
    const lost = ['l1', 'l2'];
    for (const name of ['w1', 'w2', 'w3', ...lost]) world.put(NODES, node(name));
    world.start(row);
    const emptied = (): number => lost.filter(name => taints(name).includes('unreachable:NoExecute')).length;
    await pass(55, 'w1', 'w2', 'w3');
    expect(emptied()).toBe(1);
    await pass(5, 'w1', 'w2', 'w3');
    expect(emptied()).toBe(1);
    await pass(10, 'w1', 'w2', 'w3');
    expect(emptied()).toBe(2);
  });

  it('sends nobody away where most of a small zone is lost, or all', async () => {
    const names = ['a', 'b', 'c', 'd'];
    for (const name of names) world.put(NODES, node(name));
    world.start(row);
    await pass(120, 'a');
    expect(names.map(name => ready(name)?.status)).toEqual(['True', 'Unknown', 'Unknown', 'Unknown']);
    expect(names.flatMap(taints)).toEqual(Array(3).fill('unreachable:NoSchedule'));
    await pass(120);
    expect(names.flatMap(taints)).toEqual(Array(4).fill('unreachable:NoSchedule'));
  });

  it('frees nodes when the last is lost, and gives all their time when one comes back', async () => {
    for (const name of ['a', 'b']) world.put(NODES, node(name));
    world.start(row);
    await pass(70, 'a');
    expect(taints('b')).toContain('unreachable:NoExecute');
    await pass(70);
    expect(taints('b')).toEqual(['unreachable:NoSchedule']);
    world.put(
      NODES,
      node('a', [condition('Ready', 'True', timeOf(world.clock.now()))], world.get<Node>(NODES, 'a')?.spec),
    );
    await pass(20, 'a');
    expect(ready('a')?.status).toBe('True');
    expect(taints('b')).toContain('unreachable:NoExecute');
  });

  it('is the same over kill -9: taints stay, and pods are told what a life before did not tell them', async () => {
    for (const name of ['a', 'b']) world.put(NODES, node(name));
    world.put(PODS, pod('p', 'a'));
    world.fate = write => (write.startsWith('patch/status pods') ? 'refused' : undefined);
    world.start(row);
    await pass(70, 'b');
    expect(taints('a')).toContain('unreachable:NoExecute');
    expect(world.get<Pod>(PODS, 'default/p')?.status.conditions?.[0]?.status).toBe('True');
    await world.kill();
    const { writes } = world;
    const before = writes.length;
    world.fate = () => undefined;
    world.start(row);
    await pass(10, 'b');
    expect(new Set(writes.slice(before))).toEqual(new Set(['patch/status pods default/p']));
  });

  it('begins anew with a node of another life', async () => {
    for (const name of ['a', 'b']) world.put(NODES, node(name));
    world.start(row);
    await pass(70, 'b');
    world.put(NODES, { ...node('a'), metadata: { name: 'a', uid: 'other' } });
    await pass(45, 'b');
    expect(ready('a')?.status).toBe('True');
    world.remove(NODES, 'a');
    await pass(10, 'b');
    expect(world.events.at(-1)).toEqual({ type: 'Normal', reason: 'RemovingNode', message: 'Node a event: Removing Node a from Controller', name: 'a' }); // biome-ignore format: one event
  });
});
