import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { timeOf } from '../../../src/api/time.ts';
import type { Pod } from '../../../src/api/types/gen/core-v1.ts';
import type { OwnerReference } from '../../../src/api/types/gen/meta-v1.ts';
import type { PodDisruptionBudget } from '../../../src/api/types/gen/policy-v1.ts';
import { disruptionController } from '../../../src/controllers/disruption/disruption.ts';
import { expectation, judge, needsScale, staleFrom } from '../../../src/controllers/disruption/plan.ts';
import { DEPLOYMENTS, POD_DISRUPTION_BUDGETS, PODS, REPLICA_SETS } from '../../../src/controllers/resources.ts';
import { ControllerWorld } from '../../harness/controller-world.ts';

const NOW = Date.parse('2030-01-01T01:00:00Z');
const TIME = timeOf(NOW);
const budget = (spec: object, status: object = {}): PodDisruptionBudget =>
  ({
    metadata: { namespace: 'default', name: 'b', generation: 2 },
    spec: { selector: { matchLabels: { app: 'x' } }, ...spec },
    status,
  }) as unknown as PodDisruptionBudget;
const pod = (
  name: string,
  more: { ready?: boolean; deleted?: boolean; owner?: object; conditions?: readonly object[] } = {},
): Pod =>
  ({
    metadata: {
      namespace: 'default',
      name,
      labels: { app: 'x' },
      ...(more.deleted === true ? { deletionTimestamp: TIME } : {}),
      ...(more.owner === undefined ? {} : { ownerReferences: [{ controller: true, ...more.owner }] }),
    },
    spec: {},
    status: { conditions: more.conditions ?? [{ type: 'Ready', status: more.ready === false ? 'False' : 'True' }] },
  }) as unknown as Pod;

describe('how many pods there should be', () => {
  it.each([
    ['those that there are, of which so many', { minAvailable: 2 }, { expectedPods: 3, desiredHealthy: 2 }],
    [
      'those that are wanted, of which so many in a hundred, rounded up',
      { minAvailable: '51%' },
      { expectedPods: 10, desiredHealthy: 6 },
    ],
    ['those that are wanted but for so many', { maxUnavailable: 3 }, { expectedPods: 10, desiredHealthy: 7 }],
    [
      'those that are wanted but for so many in a hundred, rounded up',
      { maxUnavailable: '21%' },
      { expectedPods: 10, desiredHealthy: 7 },
    ],
    ['none at least', { maxUnavailable: 20 }, { expectedPods: 10, desiredHealthy: 0 }],
    ['none where nothing is said', {}, { expectedPods: 0, desiredHealthy: 0 }],
  ])('%s', (_, spec, wanted) => {
    expect(expectation(budget(spec), 3, 10)).toEqual(wanted);
  });

  it('asks their controllers unless a number has to be there', () => {
    const specs = [{ minAvailable: 1 }, { minAvailable: '1%' }, { maxUnavailable: 1 }, {}];
    expect(specs.map(spec => needsScale(budget(spec)))).toEqual([false, true, true, false]);
  });
});

describe('the status of a budget', () => {
  const two = { expectedPods: 3, desiredHealthy: 2 };
  const status = (pods: readonly Pod[], wanted = two, before: object = {}) =>
    judge(budget({}, before), pods, wanted, NOW, TIME).status;
  const three = [pod('p1'), pod('p2'), pod('p3')];

  it('says how many may be missing, with a condition', () => {
    expect(status(three)).toEqual({
      currentHealthy: 3,
      desiredHealthy: 2,
      expectedPods: 3,
      disruptionsAllowed: 1,
      observedGeneration: 2,
      conditions: [
        { type: 'DisruptionAllowed', status: 'True', reason: 'SufficientPods', message: '', observedGeneration: 2, lastTransitionTime: TIME }, // biome-ignore format: one condition
      ],
    });
  });

  it.each([
    ['not with one that is not ready', [pod('p1'), pod('p2'), pod('p3', { ready: false })], two, 0],
    ['not with one that is being deleted', [pod('p1'), pod('p2'), pod('p3', { deleted: true })], two, 0],
    ['not where nobody is expected', three, { expectedPods: 0, desiredHealthy: 0 }, 0],
    ['not less than none', [pod('p1')], two, 0],
  ])('allows nobody to be missing: %s', (_, pods, wanted, allowed) => {
    expect(status(pods, wanted)).toMatchObject({
      disruptionsAllowed: allowed,
      conditions: [{ status: 'False', reason: 'InsufficientPods' }],
    });
  });

  it('is left alone where it is right', () => {
    expect(status(three, two, status(three) ?? {})).toBeUndefined();
  });

  it('keeps the time of a condition that stays', () => {
    const before = status(three, { ...two, desiredHealthy: 1 }) ?? {};
    const after = judge(budget({}, before), three, two, NOW + 60_000, timeOf(NOW + 60_000)).status;
    expect(after?.conditions?.[0]?.lastTransitionTime).toBe(TIME);
  });

  it('does not count those that an eviction has announced, for two minutes', () => {
    const disruptedPods = {
      p1: timeOf(NOW - 60_000),
      p2: timeOf(NOW - 121_000),
      gone: timeOf(NOW),
    };
    const { status: after, notDeleted, lookAgainAt } = judge(budget({}, { disruptedPods }), three, two, NOW, TIME);
    expect(after).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 0, disruptedPods: { p1: disruptedPods.p1 } });
    expect(after?.disruptedPods).not.toHaveProperty('gone');
    expect(notDeleted.map(({ metadata }) => metadata.name)).toEqual(['p2']);
    expect(lookAgainAt).toBe(NOW + 60_001);
  });
});

describe('a pod that says that it is about to be deleted', () => {
  const target = (more: object = {}) => ({
    type: 'DisruptionTarget',
    status: 'True',
    lastTransitionTime: TIME,
    ...more,
  });
  it.each([
    ['takes it back after two minutes', pod('p', { conditions: [target()] }), NOW + 120_000],
    ['is left alone while it is deleted', pod('p', { conditions: [target()], deleted: true }), undefined],
    [
      'is left alone where its kubelet says so',
      pod('p', { conditions: [target({ reason: 'TerminationByKubelet' })] }),
      undefined,
    ],
    ['is left alone where it has taken it back', pod('p', { conditions: [target({ status: 'False' })] }), undefined],
    [
      'is left alone where it has ended',
      { ...pod('p'), status: { phase: 'Failed', conditions: [target()] } } as Pod,
      undefined,
    ],
  ])('%s', (_, given, from) => {
    expect(staleFrom(given)).toBe(from);
  });
});

describe('budgets', () => {
  let world: ControllerWorld;
  beforeEach(() => {
    world = new ControllerWorld();
  });
  afterEach(() => world.kill());
  const statusOf = () => world.get<PodDisruptionBudget>(POD_DISRUPTION_BUDGETS, 'default/b')?.status;
  const owner = (kind: string, name: string) => ({ apiVersion: 'apps/v1', kind, name, uid: `uid-of-${name}` });
  const workload = (name: string, replicas: number, above?: OwnerReference) => ({
    metadata: {
      namespace: 'default',
      name,
      uid: `uid-of-${name}`,
      ...(above === undefined ? {} : { ownerReferences: [{ ...above, controller: true }] }),
    },
    spec: { replicas },
  });

  it('count what the deployments above the replica sets of their pods want', async () => {
    world.put(DEPLOYMENTS, workload('d', 4));
    for (const set of ['rs1', 'rs2']) world.put(REPLICA_SETS, workload(set, 9, owner('Deployment', 'd')));
    world.put(REPLICA_SETS, workload('alone', 2));
    for (const [name, set] of Object.entries({ p1: 'rs1', p2: 'rs2', p3: 'alone' }))
      world.put(PODS, pod(name, { owner: owner('ReplicaSet', set) }));
    world.put(POD_DISRUPTION_BUDGETS, budget({ maxUnavailable: '50%' }));
    world.start(disruptionController);
    await world.converge();
    expect(statusOf()).toMatchObject({ expectedPods: 6, desiredHealthy: 3, currentHealthy: 3, disruptionsAllowed: 0 });
  });

  it('allow nobody to be missing while the controller of a pod is not known, and say so', async () => {
    world.put(PODS, pod('p', { owner: owner('ReplicaSet', 'gone') }));
    world.put(POD_DISRUPTION_BUDGETS, budget({ maxUnavailable: 1 }, { disruptionsAllowed: 1 }));
    world.start(disruptionController);
    await world.converge();
    expect(statusOf()).toMatchObject({
      disruptionsAllowed: 0,
      conditions: [{ status: 'False', reason: 'SyncFailed', message: 'found no controllers for pod "p"' }],
    });
    expect(world.events).toContainEqual({
      type: 'Warning',
      reason: 'CalculateExpectedPodCountFailed',
      message: 'Failed to calculate the number of expected pods: found no controllers for pod "p"',
      name: 'b',
    });
    world.put(REPLICA_SETS, workload('gone', 1));
    world.show();
    await world.clock.advance(10_000);
    await world.converge();
    expect(statusOf()).toMatchObject({ expectedPods: 1, currentHealthy: 1, disruptionsAllowed: 1 });
  });

  it('tell of pods that belong to nobody', async () => {
    world.put(PODS, pod('p'));
    const matchExpressions = [{ key: 'app', operator: 'In', values: ['x', 'y'] }];
    const selector = { matchLabels: { app: 'x' }, matchExpressions };
    world.put(POD_DISRUPTION_BUDGETS, budget({ maxUnavailable: 1, selector }));
    world.start(disruptionController);
    await world.converge();
    expect(world.events[0]).toMatchObject({ type: 'Warning', reason: 'UnmanagedPods' });
    expect(world.events[0]?.message).toContain(
      '(selector: &LabelSelector{MatchLabels:map[string]string{app: x,},MatchExpressions:[]LabelSelectorRequirement{LabelSelectorRequirement{Key:app,Operator:In,Values:[x y],},},}) were found to be unmanaged.',
    );
    expect(statusOf()).toMatchObject({ expectedPods: 0, disruptionsAllowed: 0 });
  });

  it('count again when a pod comes, goes, or takes other labels', async () => {
    world.put(POD_DISRUPTION_BUDGETS, budget({ minAvailable: 1 }));
    world.start(disruptionController);
    await world.converge();
    expect(statusOf()).toMatchObject({ expectedPods: 0, disruptionsAllowed: 0 });
    expect(world.events).toContainEqual({ type: 'Normal', reason: 'NoPods', message: 'No matching pods found', name: 'b' }); // biome-ignore format: one event
    for (const name of ['p1', 'p2', 'p3']) world.put(PODS, pod(name));
    await world.converge();
    expect(statusOf()).toMatchObject({ expectedPods: 3, disruptionsAllowed: 2 });
    world.put(PODS, { ...pod('p1'), metadata: { namespace: 'default', name: 'p1', labels: { app: 'other' } } });
    world.remove(PODS, 'default/p2');
    await world.converge();
    expect(statusOf()).toMatchObject({ expectedPods: 1, disruptionsAllowed: 0 });
  });

  it('forget what an eviction has announced when nobody deletes it', async () => {
    for (const name of ['p1', 'p2']) world.put(PODS, pod(name));
    const disruptedPods = { p1: timeOf(world.clock.now()) };
    world.put(POD_DISRUPTION_BUDGETS, budget({ minAvailable: 1 }, { disruptedPods }));
    world.start(disruptionController);
    await world.converge();
    expect(statusOf()).toMatchObject({ currentHealthy: 1, disruptionsAllowed: 0, disruptedPods });
    await world.clock.advance(121_000);
    await world.converge();
    expect(statusOf()).toMatchObject({ currentHealthy: 2, disruptionsAllowed: 1 });
    expect(statusOf()).not.toHaveProperty('disruptedPods');
    expect(world.events).toContainEqual({ type: 'Warning', reason: 'NotDeleted', message: 'Pod was expected by PDB default/b to be deleted but it wasn\'t', name: 'p1' }); // biome-ignore format: one event
  });

  it('do not keep a pod from taking back that it is about to be deleted', async () => {
    const conditions = [{ type: 'DisruptionTarget', status: 'True', reason: 'EvictionByEvictionAPI', lastTransitionTime: timeOf(world.clock.now()) }]; // biome-ignore format: one condition
    world.put(PODS, pod('p', { conditions }));
    world.start(disruptionController);
    await world.converge();
    await world.clock.advance(119_000);
    await world.converge();
    expect(world.get<Pod>(PODS, 'default/p')?.status.conditions).toEqual(conditions);
    await world.clock.advance(2000);
    await world.converge();
    expect(world.get<Pod>(PODS, 'default/p')?.status.conditions).toEqual([
      { type: 'DisruptionTarget', status: 'False', lastTransitionTime: '2030-01-01T00:02:00Z' },
    ]);
  });

  it('are told of where a pod has several', async () => {
    for (const name of ['b', 'a']) world.put(POD_DISRUPTION_BUDGETS, { ...budget({ minAvailable: 1 }), metadata: { namespace: 'default', name } }); // biome-ignore format: a line
    world.put(PODS, pod('p'));
    world.start(disruptionController);
    await world.converge();
    expect(world.events).toContainEqual({
      type: 'Warning',
      reason: 'MultiplePodDisruptionBudgets',
      message: 'Pod "default"/"p" matches multiple PodDisruptionBudgets.  Chose "a" arbitrarily.',
      name: 'p',
    });
  });
});
