import { describe, expect, it } from 'vitest';
import { timeOf } from '../../../src/api/time.ts';
import type { ControllerRevision, DaemonSet } from '../../../src/api/types/gen/apps-v1.ts';
import type { Node, Pod, Taint, Toleration } from '../../../src/api/types/gen/core-v1.ts';
import { daemonTemplate, fitnessOf, nodeOfDaemon } from '../../../src/controllers/daemonset/daemon-pod.ts';
import { daemonSetController } from '../../../src/controllers/daemonset/daemonset.ts';
import { FailedPods } from '../../../src/controllers/daemonset/failed-pods.ts';
import { type DaemonWorld, daemonStatus, planDaemons } from '../../../src/controllers/daemonset/plan.ts';
import { CONTROLLER_REVISIONS, DAEMON_SETS, NODES, PODS } from '../../../src/controllers/resources.ts';
import { hashOf, newRevision, sortRevisions, surplusRevisions } from '../../../src/controllers/revisions/plan.ts';
import { ControllerWorld, type Fate } from '../../harness/controller-world.ts';
import { FakeClock } from '../../harness/fake-clock.ts';
import { seededRandom } from '../../harness/random.ts';

const NOW = Date.UTC(2030, 0, 1);
const KIND = { apiVersion: 'apps/v1', kind: 'DaemonSet' };
const setOf = (template: object = {}, spec: object = {}, image = 'v1'): DaemonSet =>
  ({
    metadata: { namespace: 'default', name: 'd', uid: 'uid-d', generation: 1 },
    spec: {
      selector: { matchLabels: { app: 'd' } },
      template: { metadata: { labels: { app: 'd' } }, spec: { containers: [{ name: 'c', image }], ...template } },
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      ...spec,
    },
    status: {},
  }) as unknown as DaemonSet;
const nodeOf = (name: string, more: { labels?: Record<string, string>; taints?: readonly Taint[] } = {}): Node =>
  ({
    metadata: { name, ...(more.labels === undefined ? {} : { labels: more.labels }) },
    spec: more.taints === undefined ? {} : { taints: more.taints },
    status: {},
  }) as unknown as Node;
const taint = (key: string, effect: Taint['effect']): Taint => ({ key, effect });

describe('a node and a daemon set', () => {
  const affinity = (operator: string, values: readonly string[]) => ({
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: [{ key: 'disk', operator, values }] }],
      },
    },
  });
  const cases: readonly [sentence: string, template: object, node: Node, shouldRun: boolean, mayStay: boolean][] = [
    ['fit', {}, nodeOf('n'), true, true],
    ['fit by its name', { nodeName: 'n' }, nodeOf('n'), true, true],
    ['do not fit by its name', { nodeName: 'other' }, nodeOf('n'), false, false],
    ['fit by its labels', { nodeSelector: { disk: 'ssd' } }, nodeOf('n', { labels: { disk: 'ssd' } }), true, true],
    ['do not fit by its labels', { nodeSelector: { disk: 'ssd' } }, nodeOf('n'), false, false],
    ['fit by affinity', { affinity: affinity('In', ['ssd']) }, nodeOf('n', { labels: { disk: 'ssd' } }), true, true],
    ['do not fit by affinity', { affinity: affinity('In', ['ssd']) }, nodeOf('n'), false, false],
    ['leave a pod on a node that takes no more', {}, nodeOf('n', { taints: [taint('a', 'NoSchedule')] }), false, true],
    ['send a pod away', {}, nodeOf('n', { taints: [taint('a', 'NoExecute')] }), false, false],
    [
      'fit by what is tolerated',
      { tolerations: [{ operator: 'Exists' }] },
      nodeOf('n', { taints: [taint('a', 'NoExecute')] }),
      true,
      true,
    ],
    [
      'fit where it is lost, short of something or cordoned',
      {},
      nodeOf('n', {
        taints: [
          taint('node.kubernetes.io/unreachable', 'NoExecute'),
          taint('node.kubernetes.io/not-ready', 'NoExecute'),
          taint('node.kubernetes.io/disk-pressure', 'NoSchedule'),
          taint('node.kubernetes.io/unschedulable', 'NoSchedule'),
        ],
      }),
      true,
      true,
    ],
    [
      'do not fit without a network',
      {},
      nodeOf('n', { taints: [taint('node.kubernetes.io/network-unavailable', 'NoSchedule')] }),
      false,
      true,
    ],
    [
      'fit without a network where the pod uses that of the host',
      { hostNetwork: true },
      nodeOf('n', { taints: [taint('node.kubernetes.io/network-unavailable', 'NoSchedule')] }),
      true,
      true,
    ],
  ];
  it.each(cases)('%s', (_, template, node, shouldRun, mayStay) => {
    expect(fitnessOf(setOf(template))(node)).toEqual({ shouldRun, mayStay });
  });
});

describe('the pod of a node', () => {
  it('is bound to it by an affinity, has the hash, and tolerates what daemons do', () => {
    const terms = [{ matchExpressions: [{ key: 'disk', operator: 'Exists' }] }];
    const preferred = [{ weight: 1, preference: terms[0] }];
    const given = setOf({
      affinity: {
        nodeAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms },
          preferredDuringSchedulingIgnoredDuringExecution: preferred,
        },
      },
      tolerations: [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute', tolerationSeconds: 5 }], // biome-ignore format: one list
    });
    const annotations = { 'deprecated.daemonset.template.generation': '3' };
    const { metadata, spec } = daemonTemplate({ ...given, metadata: { ...given.metadata, annotations } }, 'h', 'n1');
    expect(metadata?.labels).toEqual({ app: 'd', 'controller-revision-hash': 'h', 'pod-template-generation': '3' });
    expect(spec.affinity?.nodeAffinity).toEqual({
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['n1'] }] }],
      },
      preferredDuringSchedulingIgnoredDuringExecution: preferred,
    });
    expect(nodeOfDaemon({ metadata: {}, spec, status: {} } as Pod)).toBe('n1');
    const of = (toleration: Toleration) => `${toleration.key?.split('/')[1]} ${toleration.effect} ${toleration.tolerationSeconds ?? 'ever'}`; // biome-ignore format: a line
    expect(spec.tolerations?.map(of)).toEqual([
      'not-ready NoExecute ever',
      'unreachable NoExecute ever',
      'disk-pressure NoSchedule ever',
      'memory-pressure NoSchedule ever',
      'pid-pressure NoSchedule ever',
      'unschedulable NoSchedule ever',
    ]);
  });
});

interface PodFacts {
  readonly hash?: string;
  readonly phase?: string;
  /** Since so many seconds. */
  readonly readyFor?: number;
  readonly deleted?: boolean;
  readonly unplaced?: boolean;
  readonly age?: number;
}
const podOf = (name: string, node: string, facts: PodFacts = {}): Pod => {
  const { hash = 'new', phase = 'Running', readyFor, deleted, unplaced, age = 100 } = facts;
  const { spec } = daemonTemplate(setOf(), hash, node);
  return {
    metadata: {
      namespace: 'default',
      name,
      labels: { app: 'd', 'controller-revision-hash': hash },
      creationTimestamp: timeOf(NOW - age * 1000),
      ...(deleted === true ? { deletionTimestamp: timeOf(NOW) } : {}),
    },
    spec: { ...spec, ...(unplaced === true ? {} : { nodeName: node }) },
    status: {
      phase,
      ...(readyFor === undefined
        ? {}
        : { conditions: [{ type: 'Ready', status: 'True', lastTransitionTime: timeOf(NOW - readyFor * 1000) }] }),
    },
  } as unknown as Pod;
};
const worldOf = (
  set: DaemonSet,
  nodes: readonly Node[],
  pods: readonly Pod[],
  held: Record<string, number> = {},
): DaemonWorld => ({
  set,
  nodes,
  fitness: fitnessOf(set),
  pods,
  hash: 'new',
  now: NOW,
  heldBackMs: node => held[node] ?? 0,
});
const planned = (world: DaemonWorld) => {
  const { create, remove } = planDaemons(world);
  return {
    create: create.toSorted(),
    remove: remove.map(({ pod, because }) => `${pod.metadata.name}: ${because}`).toSorted(),
  };
};
const three = ['a', 'b', 'c'].map(name => nodeOf(name));

describe('each node', () => {
  const set = setOf();
  const one = [nodeOf('a')];
  const cases: readonly [
    sentence: string,
    nodes: readonly Node[],
    pods: readonly Pod[],
    create: readonly string[],
    remove: readonly string[],
  ][] = [
    ['gets a pod', three, [podOf('p', 'b', { readyFor: 9 })], ['a', 'c'], []],
    ['keeps one that is on its way', one, [podOf('p', 'a', { unplaced: true, phase: 'Pending' })], [], []],
    ['waits for one that is being deleted', one, [podOf('p', 'a', { deleted: true })], [], []],
    ['loses one that failed', one, [podOf('p', 'a', { phase: 'Failed' })], [], ['p: failed']],
    ['loses one that has ended', one, [podOf('p', 'a', { phase: 'Succeeded' })], [], ['p: succeeded']],
    [
      'keeps the oldest of several, and one that is placed before others',
      one,
      [
        podOf('young', 'a', { age: 1 }),
        podOf('old', 'a', { age: 50 }),
        podOf('oldest', 'a', { age: 99, unplaced: true }),
      ],
      [],
      ['oldest: surplus', 'young: surplus'],
    ],
    [
      'that it does not fit loses it',
      [nodeOf('a', { taints: [taint('x', 'NoExecute')] })],
      [podOf('p', 'a')],
      [],
      ['p: not here'],
    ],
    ['that takes no more keeps it', [nodeOf('a', { taints: [taint('x', 'NoSchedule')] })], [podOf('p', 'a')], [], []],
    [
      'that is gone loses what was never placed there',
      one,
      [podOf('p', 'a', { readyFor: 9 }), podOf('q', 'gone', { unplaced: true }), podOf('r', 'gone')],
      [],
      ['q: no node'],
    ],
  ];
  it.each(cases)('%s', (_, nodes, pods, create, remove) => {
    expect(planned(worldOf(set, nodes, pods))).toEqual({ create, remove });
  });

  it('keeps a failed pod for a while where the one before failed too', () => {
    const world = worldOf(set, one, [podOf('p', 'a', { phase: 'Failed' })], { a: 700 });
    expect(planDaemons(world)).toEqual({ create: [], remove: [], againInMs: 700 });
  });

  it('holds failed pods back for a second, and twice as long each time', async () => {
    const clock = new FakeClock();
    const failed = new FailedPods(clock);
    expect(failed.heldBackMs('k')).toBe(0);
    failed.deleted('k');
    expect(failed.heldBackMs('k')).toBe(1000);
    await clock.advance(1000);
    failed.deleted('k');
    expect(failed.heldBackMs('k')).toBe(2000);
    for (let count = 0; count < 12; count += 1) failed.deleted('k');
    expect(failed.heldBackMs('k')).toBe(900_000);
    await clock.advance(1_800_001);
    failed.deleted('k');
    expect(failed.heldBackMs('k')).toBe(1000);
  });
});

describe('a rolling update', () => {
  const rolling = (rollingUpdate: object, spec: object = {}) =>
    setOf({}, { updateStrategy: { type: 'RollingUpdate', rollingUpdate }, ...spec });
  const old = (node: string, readyFor?: number) => podOf(`old-${node}`, node, { hash: 'old', ...(readyFor === undefined ? {} : { readyFor }) }); // biome-ignore format: a line
  const fresh = (node: string, readyFor?: number) => podOf(`new-${node}`, node, { age: 1, ...(readyFor === undefined ? {} : { readyFor }) }); // biome-ignore format: a line
  const cases: readonly [
    sentence: string,
    set: DaemonSet,
    pods: readonly Pod[],
    create: readonly string[],
    remove: readonly string[],
  ][] = [
    [
      'deletes as many as may be missing',
      rolling({ maxUnavailable: 2 }),
      [old('a', 9), old('b', 9), old('c', 9)],
      [],
      ['old-a: outdated', 'old-b: outdated'],
    ],
    [
      'counts in hundredths of the nodes, rounded up',
      rolling({ maxUnavailable: '34%' }),
      [old('a', 9), old('b', 9), old('c', 9)],
      [],
      ['old-a: outdated', 'old-b: outdated'],
    ],
    ['waits for one that is not ready', rolling({ maxUnavailable: 1 }), [fresh('a'), old('b', 9), old('c', 9)], [], []],
    [
      'waits until it has been ready for long enough',
      rolling({ maxUnavailable: 1 }, { minReadySeconds: 30 }),
      [fresh('a', 9), old('b', 99), old('c', 99)],
      [],
      [],
    ],
    [
      'waits for one that is being deleted',
      rolling({ maxUnavailable: 1 }),
      [podOf('old-a', 'a', { hash: 'old', deleted: true }), old('b', 9), old('c', 9)],
      [],
      [],
    ],
    [
      'replaces at once what does not work',
      rolling({ maxUnavailable: 1 }),
      [old('a'), old('b'), old('c', 9)],
      [],
      ['old-a: outdated', 'old-b: outdated'],
    ],
    [
      'is no standstill where nothing may be missing',
      rolling({ maxUnavailable: 0, maxSurge: 0 }),
      [old('a', 9), old('b', 9), old('c', 9)],
      [],
      ['old-a: outdated'],
    ],
    ['is over', rolling({ maxUnavailable: 1 }), [fresh('a', 9), fresh('b', 9), fresh('c', 9)], [], []],
    [
      'does not begin by itself with OnDelete',
      setOf({}, { updateStrategy: { type: 'OnDelete' } }),
      [old('a', 9), old('b', 9), old('c', 9)],
      [],
      [],
    ],
    [
      'makes pods beside the old ones',
      rolling({ maxSurge: 2, maxUnavailable: 0 }),
      [old('a', 9), old('b', 9), old('c', 9)],
      ['a', 'b'],
      [],
    ],
    [
      'makes no more beside while one is not ready',
      rolling({ maxSurge: 1, maxUnavailable: 0 }),
      [old('a', 9), fresh('a'), old('b', 9), old('c', 9)],
      [],
      [],
    ],
    [
      'deletes the old one when the new one is ready',
      rolling({ maxSurge: 1, maxUnavailable: 0 }),
      [old('a', 9), fresh('a', 9), old('b', 9), old('c', 9)],
      [],
      ['old-a: surplus'],
    ],
    [
      'deletes an old one that is not ready beside a new one',
      rolling({ maxSurge: 1, maxUnavailable: 0 }),
      [old('a'), fresh('a'), old('b', 9), old('c', 9)],
      [],
      ['old-a: surplus'],
    ],
    [
      'makes at once a pod beside an old one that does not work',
      rolling({ maxSurge: 1, maxUnavailable: 0 }),
      [old('a'), old('b'), old('c', 9)],
      ['a', 'b', 'c'],
      [],
    ],
  ];
  it.each(cases)('%s', (_, set, pods, create, remove) => {
    expect(planned(worldOf(set, three, pods))).toEqual({ create, remove });
  });

  it('takes a pod from a node that takes no more only when enough are available elsewhere', () => {
    const nodes = [nodeOf('a', { taints: [taint('x', 'NoSchedule')] }), nodeOf('b'), nodeOf('c')];
    const set = rolling({ maxSurge: 1, maxUnavailable: 0 });
    const leaving = (pods: readonly Pod[]) => planned(worldOf(set, nodes, [old('a', 9), ...pods])).remove;
    expect(leaving([fresh('b', 9), fresh('c')])).toEqual([]);
    expect(leaving([fresh('b', 9), fresh('c', 9)])).toEqual(['old-a: outdated']);
  });
});

describe('the status of a daemon set', () => {
  it('counts nodes, and of several pods of a node the oldest', () => {
    const nodes = [...three, nodeOf('d'), nodeOf('e', { taints: [taint('x', 'NoSchedule')] })];
    const pods = [
      podOf('a1', 'a', { readyFor: 99 }),
      podOf('a2', 'a', { age: 1 }),
      podOf('b', 'b', { readyFor: 10, hash: 'old' }),
      podOf('c', 'c'),
      podOf('e', 'e', { readyFor: 99 }),
    ];
    const { status, availableInMs } = daemonStatus(worldOf(setOf({}, { minReadySeconds: 30 }), nodes, pods));
    expect(status).toEqual({
      desiredNumberScheduled: 4,
      currentNumberScheduled: 3,
      numberMisscheduled: 1,
      numberReady: 2,
      updatedNumberScheduled: 2,
      numberAvailable: 1,
      numberUnavailable: 3,
      observedGeneration: 1,
    });
    expect(availableInMs).toBe(20_000);
  });
});

describe('revisions', () => {
  const revision = (image: string, number: number): ControllerRevision =>
    newRevision(setOf(), KIND, setOf({}, {}, image).spec.template, number, 0);
  const { template } = setOf().spec;

  it('are patches that put a template back, and belong to their set', () => {
    const made = newRevision({ metadata: { name: 'd', uid: 'u', annotations: { why: 'x' } } }, KIND, template, 3, 0);
    expect(made).toMatchObject({
      metadata: {
        name: `d-${hashOf(made)}`,
        labels: { app: 'd', 'controller-revision-hash': hashOf(made) },
        annotations: { why: 'x' },
        ownerReferences: [{ kind: 'DaemonSet', uid: 'u', controller: true }],
      },
      data: { spec: { template: { $patch: 'replace', ...template } } },
      revision: 3,
    });
    expect(newRevision(setOf(), KIND, template, 3, 1).metadata.name).not.toBe(made.metadata.name);
  });

  it('get the next number when they come back', () => {
    const all = [revision('v1', 1), revision('v2', 2), revision('v3', 5)];
    expect(sortRevisions(all, template)).toEqual({ current: all[0], duplicates: [], old: [all[1], all[2]], number: 6 });
    expect(sortRevisions([], template)).toMatchObject({ current: undefined, number: 1 });
  });

  it('are one where several are the same', () => {
    const all = [revision('v1', 1), revision('v1', 4), revision('v1', 2)];
    expect(sortRevisions(all, template)).toEqual({ current: all[1], duplicates: [all[0], all[2]], old: [], number: 1 });
  });

  it('go when there are too many, the oldest first, and none of which there are pods', () => {
    const all = [revision('v4', 4), revision('v1', 1), revision('v3', 3), revision('v2', 2)];
    const live = (each: ControllerRevision): boolean => hashOf(each) === hashOf(revision('v1', 1));
    expect(surplusRevisions(all, 2, live).map(each => each.revision)).toEqual([2, 3]);
    expect(surplusRevisions(all, 9, live)).toEqual([]);
  });
});

describe('daemon sets', () => {
  const imageOf = ({ spec }: Pod) => spec.containers[0]?.image;
  /** What a scheduler and kubelets do, as far as they get. */
  const runNodes = (world: ControllerWorld, may: () => boolean): void => {
    for (const pod of world.all<Pod>(PODS)) {
      const { namespace, name } = pod.metadata;
      const node = nodeOfDaemon(pod) ?? '';
      if (!may()) continue;
      if (pod.metadata.deletionTimestamp !== undefined || world.get(NODES, node) === undefined)
        world.remove(PODS, `${namespace}/${name}`); // biome-ignore format: a line
      else if (pod.spec.nodeName === undefined) world.put(PODS, { ...pod, spec: { ...pod.spec, nodeName: node } });
      else if (pod.status.conditions === undefined) {
        const conditions = [{ type: 'Ready', status: 'True' as const, lastTransitionTime: timeOf(world.clock.now()) }];
        world.put(PODS, { ...pod, status: { ...pod.status, phase: 'Running', conditions } });
      }
    }
  };

  it('tell people of pods that failed', async () => {
    const world = new ControllerWorld();
    world.put(NODES, nodeOf('a'));
    const set = world.put(DAEMON_SETS, setOf());
    world.start(daemonSetController);
    await world.converge();
    const [made] = world.all<Pod>(PODS);
    expect(made?.metadata.ownerReferences).toMatchObject([{ kind: 'DaemonSet', name: 'd', uid: set.metadata.uid }]);
    const name = made?.metadata.name ?? '';
    world.put(PODS, { ...(made as Pod), status: { phase: 'Failed' } as Pod['status'] });
    await world.converge();
    expect(world.events).toContainEqual({
      type: 'Warning',
      reason: 'FailedDaemonPod',
      message: `Found failed daemon pod default/${name} on node a, will try to kill it`,
      name: 'd',
    });
    expect(world.all<Pod>(PODS).map(({ metadata }) => metadata.name)).not.toContain(name);
    await world.kill();
  });

  const random = seededRandom();
  it(`end with one new pod on each node that fits, whatever happens on the way (seed ${random.seed})`, async () => {
    const fates: readonly [Fate, ...Fate[]] = [undefined, undefined, undefined, 'refused', 'lost', 'unanswered'];
    const strategies = [{ maxUnavailable: 1 }, { maxUnavailable: '50%' }, { maxSurge: 1, maxUnavailable: 0 }] as const;
    for (let run = 0; run < 12; run += 1) {
      const world = new ControllerWorld();
      let generation = 1;
      const strategy: object = strategies[random.below(strategies.length)] ?? {};
      const change = (image: string): void => {
        const set = setOf({}, { updateStrategy: { type: 'RollingUpdate', rollingUpdate: strategy } }, image);
        generation += 1;
        const { status } = world.get<DaemonSet>(DAEMON_SETS, 'default/d') ?? set;
        world.put(DAEMON_SETS, { ...set, metadata: { ...set.metadata, generation }, status });
      };
      change('v1');
      world.fate = () => random.pick(fates);
      world.start(daemonSetController);
      for (let step = 0; step < 60; step += 1) {
        const name = `n${random.below(4)}`;
        const moves = [
          () => void world.put(NODES, nodeOf(name)),
          () => void world.put(NODES, nodeOf(name, { taints: [taint('x', random.pick(['NoSchedule', 'NoExecute']))] })),
          () => world.remove(NODES, name),
          () => change(`v${random.below(3)}`),
          () => runNodes(world, () => random.next() < 0.6),
          () => world.show(),
          () => world.clock.advance(random.below(3000)),
          async () => {
            await world.kill();
            world.start(daemonSetController);
          },
        ] as const;
        await random.pick([...moves])();
        await world.settle();
        const living = world.all<Pod>(PODS).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
        for (const node of ['n0', 'n1', 'n2', 'n3'])
          expect(living.filter(pod => nodeOfDaemon(pod) === node).length).toBeLessThanOrEqual(2);
      }
      world.fate = () => undefined;
      change('last');
      for (const name of ['n0', 'n1']) world.put(NODES, nodeOf(name));
      world.put(NODES, nodeOf('n2', { taints: [taint('x', 'NoExecute')] }));
      world.remove(NODES, 'n3');
      for (let round = 0; round < 40; round += 1) {
        runNodes(world, () => true);
        await world.converge();
        await world.clock.advance(20_000);
      }
      expect(world.all<Pod>(PODS).map(pod => `${nodeOfDaemon(pod)} ${imageOf(pod)}`).toSorted()).toEqual(['n0 last', 'n1 last']); // biome-ignore format: one answer
      expect(world.get<DaemonSet>(DAEMON_SETS, 'default/d')?.status).toMatchObject({
        desiredNumberScheduled: 2,
        numberAvailable: 2,
        updatedNumberScheduled: 2,
        numberMisscheduled: 0,
        observedGeneration: generation,
      });
      const numbers = world.all<ControllerRevision>(CONTROLLER_REVISIONS).map(({ revision }) => revision);
      expect(new Set(numbers).size).toBe(numbers.length);
      await world.kill();
    }
  });
});
